import { Center, Paper, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";

import { useTranslation } from "@/i18n";

interface Props {
  title: string;
  lead: string;
  children: ReactNode;
  footer?: ReactNode;
}

/** Layout of the pages for visitors who are not logged in. */
export function AuthLayout({ title, lead, children, footer }: Props) {
  const { t } = useTranslation();
  useDocumentTitle(t("titleOf", { page: title }));
  return (
    <Center px="md" py={{ base: "lg", sm: 56 }}>
      <Stack w="100%" maw={420} gap="md">
        <Paper p={{ base: "lg", sm: 28 }} radius="lg" shadow="xs">
          <Stack gap="lg">
            <Stack gap={4}>
              <Title order={1}>{title}</Title>
              <Text size="sm" c="dimmed">
                {lead}
              </Text>
            </Stack>
            {children}
          </Stack>
        </Paper>
        {footer}
      </Stack>
    </Center>
  );
}

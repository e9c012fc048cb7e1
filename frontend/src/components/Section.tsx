import { Box, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

interface Props {
  title: string;
  lead?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  /** Without padding: the content reaches the edges, such as a table. */
  flush?: boolean;
}

/** A titled part of a page. */
export function Section({ title, lead, aside, children, flush = false }: Props) {
  const id = useId();
  return (
    <Paper component="section" aria-labelledby={id} radius="md" className="list">
      <Group justify="space-between" align="flex-start" gap="sm" px="md" pt="md" pb={flush ? "sm" : 0}>
        <Stack gap={2} style={{ flex: "1 1 240px" }}>
          <Title order={2} id={id}>
            {title}
          </Title>
          {lead && (
            <Text size="sm" c="dimmed" component="div">
              {lead}
            </Text>
          )}
        </Stack>
        {aside}
      </Group>
      {flush ? children : <Box p="md">{children}</Box>}
    </Paper>
  );
}

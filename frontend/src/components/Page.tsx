import { Anchor, Breadcrumbs, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useTranslation } from "@/i18n";

import { ProblemAlert } from "./ProblemAlert";

export interface Breadcrumb {
  label: string | undefined;
  to: string;
}

interface Props {
  title: string;
  lead?: ReactNode;
  /** The pages above this one. A label that is still loading is undefined. */
  breadcrumbs?: Breadcrumb[];
  /** Shown beside the title. */
  status?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  narrow?: boolean;
}

/** Frame of every page: breadcrumbs, title, status and actions. */
export function Page({ title, lead, breadcrumbs = [], status, actions, children, narrow = false }: Props) {
  const { t } = useTranslation();
  useDocumentTitle(t("titleOf", { page: title }));
  return (
    <Stack gap="lg" maw={narrow ? 720 : 1120} mx="auto" w="100%" px={{ base: "md", sm: "xl" }} py={{ base: "md", sm: "lg" }}>
      <Stack gap={6} component="header">
        {breadcrumbs.length > 0 && (
          <Breadcrumbs component="nav" aria-label={t("do.back")} separatorMargin={6} fz="sm" style={{ flexWrap: "wrap", rowGap: 2 }}>
            {breadcrumbs.map((crumb) =>
              crumb.label === undefined ? (
                <Skeleton key={crumb.to} w={90} h={12} />
              ) : (
                <Anchor key={crumb.to} component={Link} to={crumb.to} size="sm" className="break">
                  {crumb.label}
                </Anchor>
              ),
            )}
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="flex-start" gap="md">
          <Stack gap={4} style={{ flex: "1 1 300px" }}>
            <Group gap="sm">
              <Title order={1} className="break">
                {title}
              </Title>
              {status}
            </Group>
            {lead && (
              <Text c="dimmed" size="sm" maw={720} component="div">
                {lead}
              </Text>
            )}
          </Stack>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
      </Stack>
      {children}
    </Stack>
  );
}

interface LoadProps<T> {
  query: { data: T | undefined; error: unknown; refetch: () => unknown };
  breadcrumbs?: Breadcrumb[];
  children: (data: T) => ReactNode;
}

/** Renders its children once the query has data; until then a skeleton, or the error with a way to retry. */
export function LoadedPage<T>({ query, children }: LoadProps<T>) {
  const { t } = useTranslation();
  if (query.data !== undefined) return children(query.data);
  if (query.error) {
    return (
      <Page title={t("problem.page")} narrow>
        <ProblemAlert error={query.error} action={{ label: t("do.retry"), run: () => void query.refetch() }} />
      </Page>
    );
  }
  return <PageSkeleton />;
}

/** Placeholder of a page that is loading. */
export function PageSkeleton() {
  const { t } = useTranslation();
  return (
    <Stack gap="lg" maw={1120} mx="auto" px={{ base: "md", sm: "xl" }} py="lg" role="status" aria-label={t("list.loading")}>
      <Stack gap={10}>
        <Skeleton w={160} h={12} />
        <Skeleton w={280} h={24} />
      </Stack>
      <Skeleton h={120} radius="md" />
      <Skeleton h={220} radius="md" />
    </Stack>
  );
}

import { Button, EmptyState, Group, Paper, Skeleton, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { useTranslation } from "@/i18n";

import { ProblemAlert } from "./ProblemAlert";

const SEARCH_DELAY_MS = 250; // after the last key press

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  /** Hidden on narrow pages: the first column shows the value there. */
  wideOnly?: boolean;
  /** Shows the title to screen readers only: a column of buttons. */
  hiddenTitle?: boolean;
  align?: "right";
}

interface Props<T> {
  /** The name of the list for screen readers. */
  label: string;
  query: UseInfiniteQueryResult<T[], Error>;
  columns: Column<T>[];
  keyOf: (row: T) => string;
  empty: { title: string; text: string; icon: ReactNode; action?: ReactNode };
  search?: { text: string; set: (text: string) => void };
  /** Without a frame of its own: the list is inside a section. */
  bare?: boolean;
}

/** Shows a list, newest first, with search, further pages, and a text for an empty list. */
export function ListView<T>({ label, query, columns, keyOf, empty, search, bare = false }: Props<T>) {
  const { t } = useTranslation();
  const rows = query.data;
  const searching = search?.text ?? "";
  const isEmpty = rows?.length === 0 && !searching;
  const body = (
    <>
      {query.isError && rows === undefined && (
        <Stack p="md">
          <ProblemAlert error={query.error} action={{ label: t("do.retry"), run: () => void query.refetch() }} />
        </Stack>
      )}
      {query.isPending && <LoadingRows label={t("list.loading")} />}
      {rows?.length === 0 && (
        <EmptyState
          py={36}
          px="md"
          size="sm"
          withIndicatorBackground
          icon={isEmpty ? empty.icon : <IconSearch />}
          title={isEmpty ? empty.title : t("list.nothingFound", { search: searching })}
          description={isEmpty ? empty.text : t("list.nothingFoundDo")}
        >
          {isEmpty && empty.action && <EmptyState.Actions>{empty.action}</EmptyState.Actions>}
        </EmptyState>
      )}
      {rows !== undefined && rows.length > 0 && (
        <Table aria-label={label}>
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Table.Th key={column.title} ta={column.align} visibleFrom={column.wideOnly ? "sm" : undefined}>
                  {column.hiddenTitle ? <span className="unseen">{column.title}</span> : column.title}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={keyOf(row)}>
                {columns.map((column) => (
                  <Table.Td key={column.title} ta={column.align} visibleFrom={column.wideOnly ? "sm" : undefined}>
                    {column.cell(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </>
  );
  return (
    <Stack gap="sm">
      {search && !isEmpty && <SearchField key={label} {...search} />}
      {bare ? <div className="list">{body}</div> : <Paper className="list">{body}</Paper>}
      {query.isError && rows !== undefined && (
        <ProblemAlert error={query.error} action={{ label: t("do.retry"), run: () => void query.refetch() }} />
      )}
      {rows !== undefined && rows.length > 0 && (!bare || query.hasNextPage) && (
        <Group justify="space-between" px={bare ? "md" : 4} pb={bare ? "sm" : 0}>
          <Text size="xs" c="dimmed" role="status">
            {query.hasNextPage ? t("list.shown", { count: rows.length }) : t("list.all", { count: rows.length })}
          </Text>
          {query.hasNextPage && (
            <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t("do.more")}
            </Button>
          )}
        </Group>
      )}
    </Stack>
  );
}

function SearchField({ text, set }: { text: string; set: (text: string) => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(text);
  const later = useDebouncedCallback(set, SEARCH_DELAY_MS);
  return (
    <TextInput
      type="search"
      aria-label={t("list.search")}
      placeholder={t("list.search")}
      leftSection={<IconSearch size={16} />}
      maw={360}
      maxLength={200}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        later(event.currentTarget.value);
      }}
    />
  );
}

function LoadingRows({ label }: { label: string }) {
  return (
    <Stack p="md" gap="md" role="status" aria-label={label}>
      {[70, 50, 60].map((width) => (
        <Skeleton key={width} h={16} w={`${width}%`} />
      ))}
    </Stack>
  );
}

import { ActionIcon, Button, Group, Input, Stack, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useRef } from "react";

import type { Metadata } from "@/api/types";
import { t as translate, useTranslation } from "@/i18n";

export interface Entry {
  key: string;
  value: string;
}

export const toEntries = (metadata: Metadata): Entry[] => Object.entries(metadata).map(([key, value]) => ({ key, value }));

/** Converts rows to metadata. Empty rows are left out. */
export const toMetadata = (entries: Entry[]): Metadata =>
  Object.fromEntries(entries.filter(({ key, value }) => key !== "" || value !== "").map(({ key, value }) => [key, value]));

/** Returns the first row that is not valid metadata, or undefined. */
export function findInvalidEntry(entries: Entry[]): { row: number; reason: "missing" | "repeated" } | undefined {
  for (const [row, { key, value }] of entries.entries()) {
    if (key === "" && value !== "") return { row, reason: "missing" };
    if (key !== "" && entries.findIndex((other) => other.key === key) < row) return { row, reason: "repeated" };
  }
  return undefined;
}

/** Returns the error text for entries that are not valid metadata, or null. */
export function validateMetadata(entries: Entry[]): string | null {
  const found = findInvalidEntry(entries);
  return found ? translate(`metadata.${found.reason}`, { n: found.row + 1 }) : null;
}

interface Props {
  value?: Entry[];
  onChange: (entries: Entry[]) => void;
  error?: React.ReactNode;
  /** Without a label: the section around it has one. */
  bare?: boolean;
}

/** Input for metadata: rows of a key and a value. */
export function MetadataInput({ value = [], onChange, error, bare = false }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const change = (row: number, part: Partial<Entry>) => onChange(value.map((entry, i) => (i === row ? { ...entry, ...part } : entry)));
  const add = () => {
    onChange([...value, { key: "", value: "" }]);
    requestAnimationFrame(() => box.current?.querySelector<HTMLInputElement>("[data-row]:last-of-type input")?.focus());
  };
  return (
    <Input.Wrapper labelElement="div" label={bare ? undefined : t("field.metadata")} description={t("metadata.hint")} error={error}>
      <Stack gap="xs" mt={6} ref={box} role="group" aria-label={t("field.metadata")}>
        {value.map((entry, row) => (
          // oxlint-disable-next-line react/no-array-index-key -- rows have no stable key while their keys are being typed
          <Group key={row} gap="xs" wrap="nowrap" data-row>
            <TextInput
              style={{ flex: 2 }}
              aria-label={t("metadata.key", { n: row + 1 })}
              placeholder={t("metadata.keyPlaceholder")}
              value={entry.key}
              onChange={(e) => change(row, { key: e.currentTarget.value })}
            />
            <TextInput
              style={{ flex: 3 }}
              aria-label={t("metadata.value", { n: row + 1 })}
              placeholder={t("metadata.valuePlaceholder")}
              value={entry.value}
              onChange={(e) => change(row, { value: e.currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("do.remove", { what: entry.key || String(row + 1) })}
              onClick={() => onChange(value.filter((_, i) => i !== row))}
            >
              <IconX size={16} />
            </ActionIcon>
          </Group>
        ))}
        <div>
          <Button variant="default" size="xs" leftSection={<IconPlus size={14} />} onClick={add}>
            {t("metadata.add")}
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  );
}

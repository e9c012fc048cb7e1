import { DataList } from "@mantine/core";
import type { ReactNode } from "react";

import type { Metadata } from "@/api/types";
import { useTranslation } from "@/i18n";

import { Value, When } from "./bits";

/** Names and values, one under the other. What has no value is left out. */
export function Facts({ children }: { children: ReactNode }) {
  return (
    <DataList labelWidth={158} gap="xs" className="facts">
      {children}
    </DataList>
  );
}

export const Fact = ({ label, children }: { label: string; children: ReactNode }) => (
  <DataList.Item>
    <DataList.ItemLabel>{label}</DataList.ItemLabel>
    <DataList.ItemValue className="break">{children}</DataList.ItemValue>
  </DataList.Item>
);

interface Kept {
  id: string;
  created: string;
  updated: string;
  metadata: Metadata;
}

/** What every record has. */
export function RecordFacts({ record, children }: { record: Kept; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Facts>
      {children}
      <Fact label={t("field.id")}>
        <Value text={record.id} what={t("field.id")} />
      </Fact>
      <Fact label={t("field.created")}>
        <When at={record.created} as="moment" />
      </Fact>
      <Fact label={t("field.updated")}>
        <When at={record.updated} />
      </Fact>
      {Object.entries(record.metadata).map(([key, value]) => (
        <Fact key={key} label={key}>
          {value}
        </Fact>
      ))}
    </Facts>
  );
}

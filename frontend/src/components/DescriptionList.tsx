import { DataList } from "@mantine/core";
import type { ReactNode } from "react";

import { CopyableValue } from "./CopyableValue";
import { Timestamp } from "./Timestamp";
import type { Metadata } from "@/api/types";
import { useTranslation } from "@/i18n";

/** List of labels and values. */
export function DescriptionList({ children }: { children: ReactNode }) {
  return (
    <DataList labelWidth={216} gap="xs" className="facts">
      {children}
    </DataList>
  );
}

export const DescriptionItem = ({ label, children }: { label: string; children: ReactNode }) => (
  <DataList.Item>
    <DataList.ItemLabel>{label}</DataList.ItemLabel>
    <DataList.ItemValue className="break">{children}</DataList.ItemValue>
  </DataList.Item>
);

interface StoredRecord {
  id: string;
  created: string;
  updated: string;
  metadata: Metadata;
}

/** Shows the members that every record has: id, times and metadata. */
export function RecordDetails({ record, children }: { record: StoredRecord; children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <DescriptionList>
      {children}
      <DescriptionItem label={t("field.id")}>
        <CopyableValue text={record.id} what={t("field.id")} />
      </DescriptionItem>
      <DescriptionItem label={t("field.created")}>
        <Timestamp at={record.created} as="datetime" />
      </DescriptionItem>
      <DescriptionItem label={t("field.updated")}>
        <Timestamp at={record.updated} />
      </DescriptionItem>
      {Object.entries(record.metadata).map(([key, value]) => (
        <DescriptionItem key={key} label={key}>
          {value}
        </DescriptionItem>
      ))}
    </DescriptionList>
  );
}

import { ActionIcon, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { useTranslation } from "@/i18n";

import { ConfirmDialog, type Question } from "./ConfirmDialog";

export interface Deed extends Question {
  label: string;
  icon: ReactNode;
  /** One's role may take it. */
  allowed: boolean;
}

/** What is seldom done to a record, each behind its question. */
export function RecordMenu({ deeds }: { deeds: Deed[] }) {
  const { t } = useTranslation();
  const [question, ask] = useState<Question>();
  const allowed = deeds.filter((deed) => deed.allowed);
  if (allowed.length === 0) return null;
  return (
    <>
      <Menu position="bottom-end" shadow="md" width={200}>
        <Menu.Target>
          <ActionIcon variant="default" size={36} aria-label={t("do.actions")}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {allowed.map((deed) => (
            <Menu.Item key={deed.label} leftSection={deed.icon} c={deed.danger ? "var(--bad)" : undefined} onClick={() => ask(deed)}>
              {deed.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <ConfirmDialog question={question} close={() => ask(undefined)} />
    </>
  );
}

import { ActionIcon, Menu } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import { useTranslation } from "@/i18n";

import { ConfirmDialog, type Confirmation } from "./ConfirmDialog";

export interface RecordAction extends Confirmation {
  label: string;
  icon: ReactNode;
  /** Whether the member's role permits it. */
  allowed: boolean;
}

/** Menu of the rarely used actions of a record. Each asks for confirmation. */
export function RecordMenu({ actions }: { actions: RecordAction[] }) {
  const { t } = useTranslation();
  const [confirmation, setConfirmation] = useState<Confirmation>();
  const allowed = actions.filter((action) => action.allowed);
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
          {allowed.map((action) => (
            <Menu.Item
              key={action.label}
              leftSection={action.icon}
              c={action.danger ? "var(--bad)" : undefined}
              onClick={() => setConfirmation(action)}
            >
              {action.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <ConfirmDialog confirmation={confirmation} close={() => setConfirmation(undefined)} />
    </>
  );
}

import { Badge } from "@mantine/core";
import {
  IconAlertTriangle,
  IconArchive,
  IconArrowsExchange,
  IconBan,
  IconCircleCheck,
  IconClockOff,
  IconCopyX,
  IconHistory,
  IconPlayerPause,
} from "@tabler/icons-react";
import type { ReactNode } from "react";

import { useTranslation } from "@/i18n";

interface Appearance {
  color: string;
  icon: ReactNode;
}

const appearances = {
  active: { color: "var(--good)", icon: <IconCircleCheck size={14} /> },
  running: { color: "var(--good)", icon: <IconCircleCheck size={14} /> },
  offered: { color: "var(--good)", icon: <IconCircleCheck size={14} /> },
  suspended: { color: "var(--warn)", icon: <IconPlayerPause size={14} /> },
  expired: { color: "var(--warn)", icon: <IconClockOff size={14} /> },
  archived: { color: "var(--mantine-color-dimmed)", icon: <IconArchive size={14} /> },
  closed: { color: "var(--mantine-color-dimmed)", icon: <IconBan size={14} /> },
  silent: { color: "var(--warn)", icon: <IconClockOff size={14} /> },
  revoked: { color: "var(--bad)", icon: <IconBan size={14} /> },
  suspected: { color: "var(--warn)", icon: <IconAlertTriangle size={14} /> },
  cloned: { color: "var(--bad)", icon: <IconCopyX size={14} /> },
  restored: { color: "var(--mantine-color-dimmed)", icon: <IconHistory size={14} /> },
  turned: { color: "var(--warn)", icon: <IconArrowsExchange size={14} /> },
  refused: { color: "var(--bad)", icon: <IconBan size={14} /> },
} satisfies Record<string, Appearance>;

export type Status = keyof typeof appearances;

/** Shows a status as text with an icon and a colour: colour alone carries no meaning. */
export function StatusBadge({ status }: { status: Status }) {
  const { t } = useTranslation();
  const { color, icon } = appearances[status];
  return (
    <Badge leftSection={icon} styles={{ root: { color, flexShrink: 0 }, label: { overflow: "visible" } }} data-state={status}>
      {t(`state.${status}`)}
    </Badge>
  );
}

/** Shows several statuses of one record. */
export const StatusBadges = ({ statuses }: { statuses: Status[] }): ReactNode =>
  statuses.map((status) => <StatusBadge key={status} status={status} />);

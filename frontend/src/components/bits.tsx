// The small things that say one value each.

import { ActionIcon, Badge, Code, Group, Text, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconArchive, IconArrowsExchange, IconBan, IconCheck, IconCircleCheck, IconClockOff, IconCopy, IconCopyX, IconHistory, IconPlayerPause } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";

import type { License } from "@/api/types";
import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

import { exact, moment, relative, short } from "./units";

const COPIED = 1_500; // ms

export function CopyButton({ text, what }: { text: string; what: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  const label = copied ? t("do.copied") : t("do.copy", { what });
  return (
    <Tooltip label={label} withArrow>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="sm"
        aria-label={label}
        onClick={async () => {
          await platform.copy(text);
          setCopied(true);
          setTimeout(() => setCopied(false), COPIED);
        }}
      >
        {copied ? <IconCheck size={15} color="var(--good)" /> : <IconCopy size={15} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** A value that programs read, ready to be copied. */
export function Value({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={4} wrap="nowrap" align="center">
      <span className="mono break">{text}</span>
      <CopyButton text={text} what={what} />
    </Group>
  );
}

/** The head of a device's id; all of it to the pointer and when copied. */
export function Device({ id, what }: { id: string; what: string }) {
  return (
    <Group gap={2} wrap="nowrap">
      <Code className="mono" title={id}>
        {short(id)}
      </Code>
      <CopyButton text={id} what={what} />
    </Group>
  );
}

/** A moment, told by its distance, exact to the pointer. */
export function When({ at, as = "relative" }: { at: string | number; as?: "relative" | "moment" }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={exact(at)} className="tabular">
      {as === "relative" ? relative(at) : moment(at)}
    </time>
  );
}

interface Look {
  color: string;
  icon: ReactNode;
}

const looks = {
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
} satisfies Record<string, Look>;

export type State = keyof typeof looks;

/** A state in words, with a shape and a colour. */
export function Mark({ state }: { state: State }) {
  const { t } = useTranslation();
  const { color, icon } = looks[state];
  return (
    <Badge leftSection={icon} styles={{ root: { color, flexShrink: 0 }, label: { overflow: "visible" } }} data-state={state}>
      {t(`state.${state}`)}
    </Badge>
  );
}

/** How a license stands; the end of its time counts like a status. */
export function stateOf(license: License, now = Date.now()): State {
  if (license.status !== "active") return license.status;
  if (license.archived) return "archived";
  return license.expires && new Date(license.expires).getTime() <= now ? "expired" : "active";
}

/** Second line of a list's first cell; `narrow` when it says what narrow pages have no column for. */
export function Below({ children, narrow = false }: { children: ReactNode; narrow?: boolean }) {
  return (
    <Text size="xs" c="dimmed" component="div" className="break" hiddenFrom={narrow ? "sm" : undefined} mt={narrow ? 4 : undefined}>
      {children}
    </Text>
  );
}

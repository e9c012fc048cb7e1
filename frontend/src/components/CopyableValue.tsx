import { ActionIcon, Code, Group, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useState } from "react";

import { useTranslation } from "@/i18n";
import { platform } from "@/platform";

import { shortId } from "./format";

const COPIED_MS = 1_500; // how long the button shows that it copied

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
          setTimeout(() => setCopied(false), COPIED_MS);
        }}
      >
        {copied ? <IconCheck size={15} color="var(--good)" /> : <IconCopy size={15} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** Shows an identifier or another value for programs, with a button that copies it. */
export function CopyableValue({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={4} wrap="nowrap" align="center">
      <span className="mono break">{text}</span>
      <CopyButton text={text} what={what} />
    </Group>
  );
}

/** Shows the first characters of a device id; the tooltip and the copy button have the whole id. */
export function DeviceId({ id, what }: { id: string; what: string }) {
  return (
    <Group gap={2} wrap="nowrap">
      <Code className="mono" title={id}>
        {shortId(id)}
      </Code>
      <CopyButton text={id} what={what} />
    </Group>
  );
}

import { Group, Text } from "@mantine/core";

import { useTranslation } from "@/i18n";

export function Logo() {
  const { t } = useTranslation();
  return (
    <Group gap={9} wrap="nowrap">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#00695f" />
        <circle cx="16" cy="13" r="5.5" fill="none" stroke="#fff" strokeWidth="3" />
        <path d="M16 18.5V26m0-3.5h4" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" />
      </svg>
      <Text fw={640} fz="md" style={{ letterSpacing: "-0.01em" }}>
        {t("brand")}
      </Text>
    </Group>
  );
}

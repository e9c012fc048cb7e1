import { Radio, Stack, Text } from "@mantine/core";

/** One option of a radio group, with a hint below its label. */
export function RadioCard({ value, label, hint, disabled = false }: { value: string; label: string; hint: string; disabled?: boolean }) {
  return (
    <Radio.Card value={value} disabled={disabled} p="sm" radius="md" className="choice" aria-label={label} aria-description={hint}>
      <Stack gap={2} style={{ opacity: disabled ? 0.55 : 1 }}>
        <span style={{ display: "flex", gap: 8, alignItems: "center" }}>
          <Radio.Indicator size="xs" disabled={disabled} />
          <Text size="sm" fw={570} component="span">
            {label}
          </Text>
        </span>
        <Text size="xs" c="dimmed" component="span">
          {hint}
        </Text>
      </Stack>
    </Radio.Card>
  );
}

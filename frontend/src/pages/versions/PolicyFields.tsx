import { Button, Collapse, NumberInput, Radio, SimpleGrid, Stack, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown } from "@tabler/icons-react";

import { DurationInput } from "@/components/DurationInput";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";

import { applies, hintOf, intervalFor, isDuration, labelOf, type PolicyValues, type Setting, triggers, types } from "./policy";

interface Holder {
  policy: PolicyValues;
}

interface Props<V extends Holder> {
  form: UseFormReturnType<V>;
  /** The type of a version that exists is for good. */
  fixed: boolean;
}

/** The policy of a version: what limits its licenses, and how their programs speak to the server. */
export function PolicyFields<V extends Holder>({ form, fixed }: Props<V>) {
  const { t } = useTranslation();
  // The fields are the same in every form that holds a policy; their paths are not known to the type of one.
  const at = form as unknown as UseFormReturnType<Holder>;
  const { trigger } = at.getValues().policy;
  const rare: Setting[] = (["clock_tolerance", "journal_every"] as const).filter((setting) => applies(setting, trigger));
  const wrongInside = rare.some((setting) => at.errors[`policy.${setting}`]);
  const [opened, { toggle }] = useDisclosure(false);
  return (
    <>
      <Section title={t("policy.type")} lead={fixed && t("policy.typeFixed")}>
        <Radio.Group aria-label={t("policy.type")} {...at.getInputProps("policy.type")}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
            {types.map((type) => (
              <Choice key={type} value={type} label={t(`policy.types.${type}`)} hint={t(`policy.typeHints.${type}`)} disabled={fixed && at.getValues().policy.type !== type} />
            ))}
          </SimpleGrid>
        </Radio.Group>
      </Section>
      <Section title={t("policy.syncing")}>
        <Stack>
          <Radio.Group
            label={t("policy.trigger")}
            {...at.getInputProps("policy.trigger")}
            onChange={(value) => {
              const next = value as (typeof triggers)[number];
              at.setFieldValue("policy.interval", intervalFor(next, at.getValues().policy.interval));
              at.setFieldValue("policy.trigger", next);
            }}
          >
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" mt={6}>
              {triggers.map((value) => (
                <Choice key={value} value={value} label={t(`policy.triggers.${value}`)} hint={t(`policy.triggerHints.${value}`)} />
              ))}
            </SimpleGrid>
          </Radio.Group>
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
            {(["interval", "max_retries", "grace"] as const).map((setting) => (
              <SettingInput key={`${setting}.${setting === "interval" ? trigger : ""}`} form={at} setting={setting} />
            ))}
          </SimpleGrid>
          <div>
            <Button variant="subtle" size="compact-sm" px={4} onClick={toggle} aria-expanded={opened || wrongInside} rightSection={<IconChevronDown size={14} style={{ rotate: opened ? "180deg" : undefined }} />}>
              {t("policy.advanced")}
            </Button>
            <Collapse expanded={opened || wrongInside}>
              <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md" mt="xs">
                {rare.map((setting) => (
                  <SettingInput key={setting} form={at} setting={setting} />
                ))}
              </SimpleGrid>
            </Collapse>
          </div>
        </Stack>
      </Section>
      <Section title={t("policy.activating")}>
        <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
          {(["activation_limit", "max_machines", "activation_delay"] as const).map((setting) => (
            <SettingInput key={setting} form={at} setting={setting} />
          ))}
        </SimpleGrid>
      </Section>
    </>
  );
}

function SettingInput({ form, setting }: { form: UseFormReturnType<Holder>; setting: Setting }) {
  const { trigger } = form.getValues().policy;
  const common = { label: labelOf(setting, trigger), description: hintOf(setting, trigger), ...form.getInputProps(`policy.${setting}`) };
  if (isDuration(setting)) return <DurationInput {...common} />;
  return <CountInput {...common} />;
}

type CountProps = React.ComponentProps<typeof NumberInput>;

/** A whole number from 0; below it stands what it means. */
export function CountInput(props: CountProps) {
  return <NumberInput min={0} allowNegative={false} allowDecimal={false} thousandSeparator=" " inputWrapperOrder={["label", "input", "description", "error"]} {...props} />;
}

/** One of a few, with what it means. */
export function Choice({ value, label, hint, disabled = false }: { value: string; label: string; hint: string; disabled?: boolean }) {
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

import { Button, Collapse, NumberInput, Radio, SimpleGrid, Stack, Switch, Text } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown } from "@tabler/icons-react";

import { DurationInput } from "@/components/DurationInput";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";

import { applies, cloneActions, hintOf, intervalFor, isDuration, labelOf, type PolicyValues, type Setting, triggers, types } from "./policy";

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
  const { policy } = at.getValues();
  const { trigger } = policy;
  const inputs = (...settings: Setting[]) => settings.filter((setting) => applies(setting, policy)).map((setting) => <SettingInput key={setting} form={at} setting={setting} />);
  const wrong = (...settings: (keyof PolicyValues)[]) => settings.some((setting) => at.errors[`policy.${setting}`]);
  return (
    <>
      <Section title={t("policy.type")} lead={fixed && t("policy.typeFixed")}>
        <Radio.Group aria-label={t("policy.type")} {...at.getInputProps("policy.type")}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
            {types.map((type) => (
              <Choice key={type} value={type} label={t(`policy.types.${type}`)} hint={t(`policy.typeHints.${type}`)} disabled={fixed && policy.type !== type} />
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
          <Rare label={t("policy.advanced")} wrong={wrong("prepaid", "clock_tolerance", "journal_every", "statistics")}>
            <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
              {inputs("prepaid", "clock_tolerance", "journal_every")}
            </SimpleGrid>
            <Switch size="sm" label={t("policy.statistics")} aria-label={t("policy.statistics")} description={t("policy.statisticsHint")} {...at.getInputProps("policy.statistics", { type: "checkbox" })} />
          </Rare>
        </Stack>
      </Section>
      <Section title={t("policy.activating")}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
            {inputs("activation_limit", "max_machines", "activation_delay")}
          </SimpleGrid>
          <Rare label={t("policy.copies")} wrong={wrong("clone_action", "clone_limit", "max_borrow")}>
            <Radio.Group label={t("policy.clone_action")} description={t("policy.clone_actionHint")} {...at.getInputProps("policy.clone_action")}>
              <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="sm" mt={6}>
                {cloneActions.map((value) => (
                  <Choice key={value} value={value} label={t(`policy.cloneActions.${value}`)} hint={t(`policy.cloneActionHints.${value}`)} />
                ))}
              </SimpleGrid>
            </Radio.Group>
            <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
              {inputs("clone_limit", "max_borrow")}
            </SimpleGrid>
          </Rare>
        </Stack>
      </Section>
    </>
  );
}

interface RareProps {
  label: string;
  /** Something inside is wrong: it is shown. */
  wrong: boolean;
  children: React.ReactNode;
}

/** What is seldom set, out of the way until it is asked for. */
function Rare({ label, wrong, children }: RareProps) {
  const [asked, { toggle }] = useDisclosure(false);
  const opened = asked || wrong;
  return (
    <div>
      <Button variant="subtle" size="compact-sm" px={4} onClick={toggle} aria-expanded={opened} rightSection={<IconChevronDown size={14} style={{ rotate: opened ? "180deg" : undefined }} />}>
        {label}
      </Button>
      <Collapse expanded={opened}>
        <Stack mt="xs">{children}</Stack>
      </Collapse>
    </div>
  );
}

function SettingInput({ form, setting }: { form: UseFormReturnType<Holder>; setting: Setting }) {
  const { trigger } = form.getValues().policy;
  const common = { label: labelOf(setting, trigger), description: hintOf(setting, trigger), ...form.getInputProps(`policy.${setting}`) };
  if (isDuration(setting)) return <DurationInput {...common} />;
  return <CountInput {...common} {...(setting === "clone_limit" && turns)} />;
}

const turns = { min: 1, max: 3 }; // of clone_limit: no installation has more re-activations than that

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

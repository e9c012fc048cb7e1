import { Radio, SimpleGrid, Stack, Switch } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";

import { DurationInput } from "@/components/DurationInput";
import { CountInput } from "@/components/CountInput";
import { RadioCard } from "@/components/RadioCard";
import { AdvancedSettings } from "@/components/AdvancedSettings";
import { Section } from "@/components/Section";
import { useTranslation } from "@/i18n";

import {
  settingApplies,
  cloneActions,
  settingHint,
  intervalFor,
  isDuration,
  settingLabel,
  type PolicyValues,
  type Setting,
  triggers,
  types,
} from "./policy";

interface PolicyForm {
  policy: PolicyValues;
}

interface Props<V extends PolicyForm> {
  form: UseFormReturnType<V>;
  /** The type of an existing version cannot change. */
  typeFixed: boolean;
}

/** Form fields of a version's policy. */
export function PolicyFields<V extends PolicyForm>({ form, typeFixed }: Props<V>) {
  const { t } = useTranslation();
  // The fields are the same in every form with a policy, but the type of a generic form does not know their paths.
  const at = form as unknown as UseFormReturnType<PolicyForm>;
  const { policy } = at.getValues();
  const { trigger } = policy;
  const inputs = (...settings: Setting[]) =>
    settings
      .filter((setting) => settingApplies(setting, policy))
      .map((setting) => <SettingInput key={setting} form={at} setting={setting} />);
  const hasError = (...settings: (keyof PolicyValues)[]) => settings.some((setting) => at.errors[`policy.${setting}`]);
  return (
    <>
      <Section title={t("policy.type")} lead={typeFixed && t("policy.typeFixed")}>
        <Radio.Group aria-label={t("policy.type")} {...at.getInputProps("policy.type")}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
            {types.map((type) => (
              <RadioCard
                key={type}
                value={type}
                label={t(`policy.types.${type}`)}
                hint={t(`policy.typeHints.${type}`)}
                disabled={typeFixed && policy.type !== type}
              />
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
                <RadioCard key={value} value={value} label={t(`policy.triggers.${value}`)} hint={t(`policy.triggerHints.${value}`)} />
              ))}
            </SimpleGrid>
          </Radio.Group>
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
            {(["interval", "max_retries", "grace"] as const).map((setting) => (
              <SettingInput key={`${setting}.${setting === "interval" ? trigger : ""}`} form={at} setting={setting} />
            ))}
          </SimpleGrid>
          <AdvancedSettings label={t("policy.advanced")} hasError={hasError("prepaid", "clock_tolerance", "journal_every", "statistics")}>
            <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
              {inputs("prepaid", "clock_tolerance", "journal_every")}
            </SimpleGrid>
            <Switch
              size="sm"
              label={t("policy.statistics")}
              aria-label={t("policy.statistics")}
              description={t("policy.statisticsHint")}
              {...at.getInputProps("policy.statistics", { type: "checkbox" })}
            />
          </AdvancedSettings>
        </Stack>
      </Section>
      <Section title={t("policy.activating")}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
            {inputs("activation_limit", "max_machines", "activation_delay")}
          </SimpleGrid>
          <AdvancedSettings label={t("policy.copies")} hasError={hasError("clone_action", "clone_limit", "max_borrow")}>
            <Radio.Group
              label={t("policy.clone_action")}
              description={t("policy.clone_actionHint")}
              {...at.getInputProps("policy.clone_action")}
            >
              <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="sm" mt={6}>
                {cloneActions.map((value) => (
                  <RadioCard
                    key={value}
                    value={value}
                    label={t(`policy.cloneActions.${value}`)}
                    hint={t(`policy.cloneActionHints.${value}`)}
                  />
                ))}
              </SimpleGrid>
            </Radio.Group>
            <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }} spacing="md">
              {inputs("clone_limit", "max_borrow")}
            </SimpleGrid>
          </AdvancedSettings>
        </Stack>
      </Section>
    </>
  );
}

function SettingInput({ form, setting }: { form: UseFormReturnType<PolicyForm>; setting: Setting }) {
  const { trigger } = form.getValues().policy;
  const common = {
    label: settingLabel(setting, trigger),
    description: settingHint(setting, trigger),
    ...form.getInputProps(`policy.${setting}`),
  };
  if (isDuration(setting)) return <DurationInput {...common} />;
  return <CountInput {...common} {...(setting === "clone_limit" && cloneLimitRange)} />;
}

const cloneLimitRange = { min: 1, max: 3 }; // of clone_limit: an installation has no more reactivations than that

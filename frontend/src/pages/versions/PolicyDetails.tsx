import { Text } from "@mantine/core";

import type { Overrides, Policy } from "@/api/types";
import { DescriptionItem, DescriptionList } from "@/components/DescriptionList";
import { useTranslation } from "@/i18n";

import { settingApplies, settingLabel, type Setting, formatSetting } from "./policy";

const order: Setting[] = [
  "interval",
  "max_retries",
  "grace",
  "prepaid",
  "clock_tolerance",
  "journal_every",
  "activation_limit",
  "max_machines",
  "activation_delay",
  "max_borrow",
];

/** Shows a policy; for a license, with its overrides marked. */
export function PolicyDetails({ policy, overrides = {} }: { policy: Policy; overrides?: Overrides }) {
  const { t } = useTranslation();
  const own = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const effective: Policy = { ...policy, ...own };
  const mark = (name: string) =>
    name in own && (
      <Text span size="xs" c="var(--mantine-color-anchor)" ml={6}>
        {t("policy.ofLicense")}
      </Text>
    );
  const fact = (setting: Setting) => (
    <DescriptionItem key={setting} label={settingLabel(setting, effective.trigger)}>
      {formatSetting(setting, effective)}
      {mark(setting)}
    </DescriptionItem>
  );
  return (
    <DescriptionList>
      <DescriptionItem label={t("policy.typeShort")}>{t(`policy.types.${effective.type}`)}</DescriptionItem>
      <DescriptionItem label={t("policy.syncing")}>
        {t(`policy.triggers.${effective.trigger}`)}
        {mark("trigger")}
      </DescriptionItem>
      {order.filter((setting) => settingApplies(setting, effective)).map(fact)}
      <DescriptionItem label={t("policy.clone_actionShort")}>
        {t(`policy.cloneActions.${effective.clone_action}`)}
        {mark("clone_action")}
      </DescriptionItem>
      {settingApplies("clone_limit", effective) && fact("clone_limit")}
      <DescriptionItem label={t("policy.statistics")}>{t(effective.statistics ? "policy.reported" : "policy.none")}</DescriptionItem>
    </DescriptionList>
  );
}

import { Text } from "@mantine/core";

import type { Overrides, Policy } from "@/api/types";
import { Fact, Facts } from "@/components/Facts";
import { useTranslation } from "@/i18n";

import { applies, labelOf, type Setting, spoken } from "./policy";

const order: Setting[] = ["interval", "max_retries", "grace", "prepaid", "clock_tolerance", "journal_every", "activation_limit", "max_machines", "activation_delay", "max_borrow"];

/** A policy in words; of a license, with what it has of its own. */
export function PolicyFacts({ policy, overrides = {} }: { policy: Policy; overrides?: Overrides }) {
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
    <Fact key={setting} label={labelOf(setting, effective.trigger)}>
      {spoken(setting, effective)}
      {mark(setting)}
    </Fact>
  );
  return (
    <Facts>
      <Fact label={t("policy.typeShort")}>{t(`policy.types.${effective.type}`)}</Fact>
      <Fact label={t("policy.syncing")}>
        {t(`policy.triggers.${effective.trigger}`)}
        {mark("trigger")}
      </Fact>
      {order.filter((setting) => applies(setting, effective)).map(fact)}
      <Fact label={t("policy.clone_actionShort")}>
        {t(`policy.cloneActions.${effective.clone_action}`)}
        {mark("clone_action")}
      </Fact>
      {applies("clone_limit", effective) && fact("clone_limit")}
      <Fact label={t("policy.statistics")}>{t(effective.statistics ? "policy.reported" : "policy.none")}</Fact>
    </Facts>
  );
}

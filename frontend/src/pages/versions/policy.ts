// The form values of a policy, and which settings apply.

import type { CloneAction, Policy, PolicyNew, PolicyType, Trigger } from "@/api/types";
import { formatDuration, millis, formatNumber } from "@/components/format";
import { t } from "@/i18n";

/** The value of a number input; "" while it is empty. */
export type NumberField = number | "";

export interface PolicyValues {
  type: PolicyType;
  trigger: Trigger;
  interval: NumberField;
  max_retries: NumberField;
  grace: NumberField;
  activation_delay: NumberField;
  activation_limit: NumberField;
  max_machines: NumberField;
  clock_tolerance: NumberField;
  journal_every: NumberField;
  prepaid: NumberField;
  max_borrow: NumberField;
  statistics: boolean;
  clone_action: CloneAction;
  clone_limit: NumberField;
}

export const types: readonly PolicyType[] = ["calls", "time", "time_and_calls", "perpetual"];
export const triggers: readonly Trigger[] = ["interval", "every_call"];
export const cloneActions: readonly CloneAction[] = ["refuse", "suspend", "report"];

/** The numeric settings, in the order of the page. */
export const durations = ["interval", "grace", "activation_delay", "clock_tolerance", "max_borrow"] as const;
export const counts = ["max_retries", "activation_limit", "max_machines", "journal_every", "prepaid", "clone_limit"] as const;
export type Setting = (typeof durations)[number] | (typeof counts)[number];

export const isDuration = (setting: Setting): setting is (typeof durations)[number] => (durations as readonly string[]).includes(setting);

/** Reports which limits a license type has. */
export const limitsCalls = (type: PolicyType) => type === "calls" || type === "time_and_calls";
export const limitsTime = (type: PolicyType) => type === "time" || type === "time_and_calls";

type PolicyContext = Pick<Policy, "type" | "trigger" | "clone_action">;

/** Reports whether a setting has an effect together with the rest of the policy. */
export function settingApplies(setting: Setting, { type, trigger, clone_action }: PolicyContext): boolean {
  if (setting === "journal_every") return trigger === "interval"; // only calls counted on the machine are journaled
  if (setting === "prepaid") return limitsCalls(type);
  if (setting === "clone_limit") return clone_action !== "report"; // reporting alone has no limit
  return true;
}

/** The initial values of a new version. The form shows all of them, so that they are a choice. */
export const defaultPolicy: PolicyValues = {
  type: "calls",
  trigger: "interval",
  interval: millis.h,
  max_retries: 3,
  grace: millis.d,
  activation_delay: 0,
  activation_limit: 10,
  max_machines: 0,
  clock_tolerance: 5 * millis.min,
  journal_every: 100,
  prepaid: 0,
  max_borrow: 0,
  statistics: false,
  clone_action: "refuse",
  clone_limit: 2,
};

const usualInterval: Record<Trigger, number> = { interval: millis.h, every_call: millis.min };

/** Returns the interval for another trigger: a default interval changes with the trigger, a chosen one stays. */
export const intervalFor = (next: Trigger, interval: NumberField): NumberField =>
  Object.values(usualInterval).includes(Number(interval)) ? usualInterval[next] : interval;

/** Returns the policy to send: the settings that apply, and of the previous policy those that do not apply or are unknown to this form. */
export function toPolicyInput(values: PolicyValues, before?: Policy): PolicyNew {
  const { type, trigger, statistics, clone_action } = values;
  const sent: PolicyNew = { ...before, type, trigger, statistics, clone_action };
  for (const setting of [...durations, ...counts]) {
    const value = values[setting];
    if (settingApplies(setting, values) && value !== "") sent[setting] = value;
  }
  return sent;
}

/** Returns the settings that apply and have no value. */
export const missingSettings = (values: PolicyValues): Setting[] =>
  [...durations, ...counts].filter((setting) => settingApplies(setting, values) && values[setting] === "");

export const settingLabel = (setting: Setting, trigger: Trigger) =>
  setting === "interval" ? t(`policy.interval.${trigger}`) : t(`policy.${setting}`);
export const settingHint = (setting: Setting, trigger: Trigger) =>
  setting === "interval" ? t(`policy.intervalHint.${trigger}`) : t(`policy.${setting}Hint`);

/** Formats the value of a setting. */
export function formatSetting(setting: Setting, policy: Pick<Policy, Setting>): string {
  const value = policy[setting];
  if (setting === "max_machines") return value === 0 ? t("policy.noLimit") : formatNumber(value);
  if (setting === "activation_limit")
    return value === 0 ? t("policy.nobody") : t("policy.perInterval", { count: value, interval: formatDuration(policy.interval) });
  if (setting === "clone_limit") return formatNumber(value);
  if (setting === "max_borrow" && value === 0) return t("policy.notAllowed");
  if (setting === "prepaid" && value > 0) return `${formatNumber(value)} ${t("policy.calls")}`;
  if (setting === "journal_every") return `${formatNumber(value)} ${t("policy.calls")}`;
  if (value === 0 && setting !== "clock_tolerance") return t("policy.none");
  return isDuration(setting) ? formatDuration(value) : formatNumber(value);
}

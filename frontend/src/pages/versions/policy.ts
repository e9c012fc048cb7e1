// A policy as forms hold it, and what of it applies.

import type { CloneAction, Policy, PolicyNew, PolicyType, Trigger } from "@/api/types";
import { duration, millis, number } from "@/components/units";
import { t } from "@/i18n";

/** A number that somebody is typing may be nothing yet. */
export type Typed = number | "";

export interface PolicyValues {
  type: PolicyType;
  trigger: Trigger;
  interval: Typed;
  max_retries: Typed;
  grace: Typed;
  activation_delay: Typed;
  activation_limit: Typed;
  max_machines: Typed;
  clock_tolerance: Typed;
  journal_every: Typed;
  prepaid: Typed;
  max_borrow: Typed;
  statistics: boolean;
  clone_action: CloneAction;
  clone_limit: Typed;
}

export const types: readonly PolicyType[] = ["calls", "time", "time_and_calls", "perpetual"];
export const triggers: readonly Trigger[] = ["interval", "every_call"];
export const cloneActions: readonly CloneAction[] = ["refuse", "suspend", "report"];

/** The settings that are numbers, in the order of the page. */
export const durations = ["interval", "grace", "activation_delay", "clock_tolerance", "max_borrow"] as const;
export const counts = ["max_retries", "activation_limit", "max_machines", "journal_every", "prepaid", "clone_limit"] as const;
export type Setting = (typeof durations)[number] | (typeof counts)[number];

export const isDuration = (setting: Setting): setting is (typeof durations)[number] => (durations as readonly string[]).includes(setting);

/** What a type limits. */
export const counted = (type: PolicyType) => type === "calls" || type === "time_and_calls";
export const expiring = (type: PolicyType) => type === "time" || type === "time_and_calls";

type Rest = Pick<Policy, "type" | "trigger" | "clone_action">;

/** Whether a setting means anything with the rest of its policy. */
export function applies(setting: Setting, { type, trigger, clone_action }: Rest): boolean {
  if (setting === "journal_every") return trigger === "interval"; // only calls that are counted on the machine are written down there
  if (setting === "prepaid") return counted(type);
  if (setting === "clone_limit") return clone_action !== "report"; // nothing follows from it
  return true;
}

/** What a new version begins with: shown, so that it is chosen and not only met. */
export const beginning: PolicyValues = {
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

/** With another trigger the interval is another thing: one that was not chosen goes along. */
export const intervalFor = (next: Trigger, interval: Typed): Typed => (Object.values(usualInterval).includes(Number(interval)) ? usualInterval[next] : interval);

/** The policy as it is sent: what applies. It replaces the one before, whose other settings stay as they were, also those that nobody here knows. */
export function policyOf(values: PolicyValues, before?: Policy): PolicyNew {
  const { type, trigger, statistics, clone_action } = values;
  const sent: PolicyNew = { ...before, type, trigger, statistics, clone_action };
  for (const setting of [...durations, ...counts]) {
    const value = values[setting];
    if (applies(setting, values) && value !== "") sent[setting] = value;
  }
  return sent;
}

/** The settings that lack their value. */
export const missing = (values: PolicyValues): Setting[] =>
  [...durations, ...counts].filter((setting) => applies(setting, values) && values[setting] === "");

export const labelOf = (setting: Setting, trigger: Trigger) => (setting === "interval" ? t(`policy.interval.${trigger}`) : t(`policy.${setting}`));
export const hintOf = (setting: Setting, trigger: Trigger) => (setting === "interval" ? t(`policy.intervalHint.${trigger}`) : t(`policy.${setting}Hint`));

/** A setting's value in words. */
export function spoken(setting: Setting, policy: Pick<Policy, Setting>): string {
  const value = policy[setting];
  if (setting === "max_machines") return value === 0 ? t("policy.noLimit") : number(value);
  if (setting === "activation_limit") return value === 0 ? t("policy.nobody") : t("policy.perInterval", { count: value, interval: duration(policy.interval) });
  if (setting === "clone_limit") return number(value);
  if (setting === "max_borrow" && value === 0) return t("policy.notAllowed");
  if (setting === "prepaid" && value > 0) return `${number(value)} ${t("policy.calls")}`;
  if (setting === "journal_every") return `${number(value)} ${t("policy.calls")}`;
  if (value === 0 && setting !== "clock_tolerance") return t("policy.none");
  return isDuration(setting) ? duration(value) : number(value);
}

// A policy as forms hold it, which members of it apply, and their values in words. All of it follows from the table of members.

import type { Overrides, Policy, PolicyInput } from "@/api/types";
import { formatDuration, formatNumber } from "@/components/format";
import { t } from "@/i18n";

import { policyFields } from "./fields_gen";

/** A number that somebody is typing may be nothing yet. */
export type NumberField = number | "";

type Row = (typeof policyFields)[number];
export type Member = Row["name"];

/** What a form holds of a member: of a limit null is no limit, of an optional choice "" is none. */
type ValueOf<R extends Row> = R extends { kind: "flag" }
  ? boolean
  : R extends { kind: "choice"; values: infer V extends readonly string[]; optional: infer O }
    ? V[number] | (O extends true ? "" : never)
    : R extends { kind: "limit" }
      ? NumberField | null
      : NumberField;

export type PolicyValues = { [R in Row as R["name"]]: ValueOf<R> };

/** A row of the table, with what only some of them have. */
export interface Field {
  name: Member;
  kind: Row["kind"];
  section: Row["section"];
  advanced: boolean;
  overridable: boolean;
  initial: string | number | boolean | null;
  min?: number;
  max?: number;
  unit?: string;
  per?: Member;
  values?: readonly string[];
  cards?: boolean;
  optional?: boolean;
  applies?: Readonly<Record<string, readonly string[]>>;
  strict?: boolean;
  variants?: readonly { member: Member; value: string; initial: number }[];
}

export const fields: readonly Field[] = policyFields;

const byName = new Map(fields.map((field) => [field.name, field]));

export function fieldOf(name: Member): Field {
  const field = byName.get(name);
  if (!field) throw new Error(`policy has no member ${name}`);
  return field;
}

/** Whether licenses of a type end by calls, and by time. */
export const limitsCalls = (type: Policy["type"]) => type === "calls" || type === "time_and_calls";
export const limitsTime = (type: Policy["type"]) => type === "time" || type === "time_and_calls";

/** Whether a member means something with the other values. */
export const applies = (field: Field, values: Partial<PolicyValues>): boolean =>
  Object.entries(field.applies ?? {}).every(([member, allowed]) => allowed.includes(values[member as Member] as string));

/** What the form of a new version begins with. */
export const initialPolicy = Object.fromEntries(fields.map(({ name, initial }) => [name, initial])) as PolicyValues;

/** The policy of a version as forms hold it. */
export const policyValues = (policy: Policy): PolicyValues =>
  Object.fromEntries(fields.map((field) => [field.name, policy[field.name] ?? (field.optional ? "" : null)])) as PolicyValues;

/** The values that change with another one: of members with variants, unless somebody chose a value. */
export function following(member: Member, value: string, values: Partial<PolicyValues>): Partial<PolicyValues> {
  const changes: Record<string, unknown> = {};
  for (const { name, initial, variants = [] } of fields) {
    const of = variants.filter((variant) => variant.member === member);
    const usual = [initial, ...of.map((variant) => variant.initial)];
    if (of.length > 0 && usual.includes(values[name] as number))
      changes[name] = of.find((variant) => variant.value === value)?.initial ?? initial;
  }
  return changes as Partial<PolicyValues>;
}

/**
 * The policy as it is sent: what applies. It replaces the one before, whose other members stay as they were, also those that are not in
 * this program's table.
 */
export function policyOf(values: PolicyValues, before?: Policy): PolicyInput {
  const sent: Record<string, unknown> = { ...before };
  for (const field of fields) {
    const value = values[field.name];
    const used = applies(field, values);
    if (used && value !== "") sent[field.name] = value;
    const dropped = used ? field.optional && value === "" : field.strict && sent[field.name];
    if (dropped) delete sent[field.name];
  }
  return sent as unknown as PolicyInput;
}

/** The members that lack their value. */
export const missing = (values: PolicyValues): Member[] =>
  fields.filter((field) => !field.optional && applies(field, values) && values[field.name] === "").map(({ name }) => name);

/** Own values of a license as its form holds them: a member that is absent is the version's. */
export type OverrideValues = Partial<PolicyValues>;

export const overridable = fields.filter((field) => field.overridable);

export const overrideValues = (own: Overrides): OverrideValues =>
  Object.fromEntries(
    overridable.filter(({ name }) => own[name as keyof Overrides] !== undefined).map(({ name }) => [name, own[name as keyof Overrides]]),
  );

export const overridesOf = (values: OverrideValues): Overrides =>
  Object.fromEntries(overridable.map(({ name }) => [name, values[name]]).filter(([, value]) => value !== undefined && value !== ""));

/** The own values that are still to be typed. */
export const missingOverrides = (values: OverrideValues): Member[] =>
  overridable.filter((field) => values[field.name] === "" && !field.optional).map(({ name }) => name);

/** A text of the table: of a member, or of one of its values. */
const text = (name: Member, key: string): string => t(`policy.fields.${name}.${key}` as "policy.fields.type.label");

const variantOf = (field: Field, values: Partial<PolicyValues>): string => {
  const variant = field.variants?.find(({ member, value }) => values[member] === value);
  return variant ? `_${variant.value}` : "";
};

export const labelOf = (field: Field, values: Partial<PolicyValues>) => text(field.name, `label${variantOf(field, values)}`);
export const hintOf = (field: Field, values: Partial<PolicyValues>) => text(field.name, `hint${variantOf(field, values)}`);

/** The values of a choice with their labels, and hints where they have some. */
export const optionsOf = ({ name, values = [], cards, optional }: Field) => [
  ...(optional ? [{ value: "", label: text(name, "none"), hint: "" }] : []),
  ...values.map((value) => ({ value, label: text(name, value), hint: cards ? text(name, `${value}_hint`) : "" })),
];

/** A member's value in words. */
export function formatSetting(field: Field, policy: Policy): string {
  const { name, kind } = field;
  const value = policy[name];
  if (kind === "flag") return text(name, value ? "on" : "off");
  if (kind === "choice") return text(name, (value as string | undefined) || "none");
  if (value === null || value === undefined) return t("policy.noLimit");
  if (value === 0 && `zero` in t("policy.fields", { returnObjects: true })[name]) return text(name, "zero");
  if (kind === "duration") return formatDuration(value as number);
  if (field.per) return t("policy.perInterval", { count: value as number, interval: formatDuration(policy[field.per] as number) });
  return field.unit ? `${formatNumber(value as number)} ${t("policy.calls")}` : formatNumber(value as number);
}

// The form values of a license, their validation, and the request made of them: only what applies to the type and trigger.

import type { CloneAction, Entitlement, License, UpdateLicenseInput, CreateLicenseInput, Overrides, Policy, Trigger } from "@/api/types";
import { type Entry, toEntries, toMetadata } from "@/components/MetadataInput";

import { limitsCalls, limitsTime, type Setting, type NumberField } from "../versions/policy";

/** The settings that a license can override. */
export const overridable = [
  "interval",
  "max_retries",
  "grace",
  "prepaid",
  "activation_limit",
  "max_machines",
  "activation_delay",
  "max_borrow",
] as const satisfies readonly Setting[];

export interface LicenseValues {
  name: string;
  customer: string;
  contexts: string[];
  entitlements: { name: string; slots: NumberField }[];
  allowance: NumberField;
  /** Day of expiry, as 2027-01-31; null until one is chosen. */
  day: string | null;
  /** Time of day of expiry, as 23:59. */
  time: string;
  /** null: the value of the version applies. */
  overrides: { trigger: Trigger | null; clone_action: CloneAction | null } & Record<(typeof overridable)[number], NumberField | null>;
  metadata: Entry[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/; // spec/license-file.md
export const isValidName = (text: string) => NAME.test(text);

export function toLicenseValues(license?: License): LicenseValues {
  const own = license?.overrides ?? {};
  return {
    name: license?.name ?? "",
    customer: license?.customer ?? "",
    contexts: license?.contexts ?? [],
    entitlements: license?.entitlements.map(({ name, slots = 0 }) => ({ name, slots })) ?? [{ name: "", slots: 0 }],
    allowance: license?.allowance || "",
    day: license?.expires ? localDay(license.expires) : null,
    time: license?.expires ? localTime(license.expires) : "23:59",
    overrides: {
      trigger: own.trigger ?? null,
      clone_action: own.clone_action ?? null,
      interval: own.interval ?? null,
      max_retries: own.max_retries ?? null,
      grace: own.grace ?? null,
      activation_delay: own.activation_delay ?? null,
      activation_limit: own.activation_limit ?? null,
      max_machines: own.max_machines ?? null,
      max_borrow: own.max_borrow ?? null,
      prepaid: own.prepaid ?? null,
    },
    metadata: toEntries(license?.metadata ?? {}),
  };
}

const pad = (n: number) => String(n).padStart(2, "0");

/** Returns the day in the time zone of the browser. */
function localDay(at: string) {
  const d = new Date(at);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

function localTime(at: string) {
  const d = new Date(at);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

/** Returns the expiry as an ISO timestamp, or undefined when day and time are not valid. */
export function expiryOf({ day, time }: Pick<LicenseValues, "day" | "time">): string | undefined {
  if (!day || !/^\d{1,2}:\d{2}/.test(time)) return undefined;
  const at = new Date(`${day}T${time.padStart(5, "0")}`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** Returns the entitlements of the rows that are filled in. */
const filledEntitlements = (rows: LicenseValues["entitlements"]): Entitlement[] =>
  rows.filter(({ name, slots }) => name !== "" || Number(slots) > 0).map(({ name, slots }) => (slots ? { name, slots } : { name }));

function toOverrides(values: LicenseValues["overrides"]): Overrides {
  const sent: Overrides = {};
  if (values.trigger !== null) sent.trigger = values.trigger;
  if (values.clone_action !== null) sent.clone_action = values.clone_action;
  for (const setting of overridable) {
    const value = values[setting];
    if (value !== null && value !== "") sent[setting] = value;
  }
  return sent;
}

/** Returns the overrides that the form has no field for. They must be sent along, because a request replaces all overrides. */
const hiddenOverrides = (own: Overrides, shown: LicenseValues["overrides"]): Overrides =>
  Object.fromEntries(Object.entries(own).filter(([name]) => !(name in shown)));

/** Returns the body of a request that creates a license. */
export function toCreateInput(values: LicenseValues, { type }: Pick<Policy, "type">): CreateLicenseInput {
  const overrides = toOverrides(values.overrides);
  const metadata = toMetadata(values.metadata);
  return {
    ...(values.name && { name: values.name }),
    ...(values.customer && { customer: values.customer }),
    contexts: values.contexts,
    entitlements: filledEntitlements(values.entitlements),
    ...(limitsCalls(type) && values.allowance !== "" && { allowance: values.allowance }),
    ...(limitsTime(type) && { expires: expiryOf(values) }),
    ...(Object.keys(overrides).length > 0 && { overrides }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  };
}

/** Returns the body of an update: the revision and the members that changed. */
export function toUpdateInput(values: LicenseValues, license: License, policy: Pick<Policy, "type">): UpdateLicenseInput {
  const before = toLicenseValues(license);
  const sent: UpdateLicenseInput = { revision: license.revision };
  const differs = (a: unknown, b: unknown) => JSON.stringify(a) !== JSON.stringify(b);
  if (values.name !== before.name) sent.name = values.name;
  if (values.customer !== before.customer) sent.customer = values.customer;
  if (differs(values.contexts, before.contexts)) sent.contexts = values.contexts;
  if (differs(filledEntitlements(values.entitlements), filledEntitlements(before.entitlements)))
    sent.entitlements = filledEntitlements(values.entitlements);
  if (limitsCalls(policy.type) && values.allowance !== "" && values.allowance !== before.allowance) sent.allowance = values.allowance;
  // An unchanged expiry keeps its seconds, which the form does not show.
  if (limitsTime(policy.type) && (values.day !== before.day || values.time !== before.time)) sent.expires = expiryOf(values);
  if (differs(toOverrides(values.overrides), toOverrides(before.overrides)))
    sent.overrides = { ...hiddenOverrides(license.overrides, values.overrides), ...toOverrides(values.overrides) };
  if (differs(toMetadata(values.metadata), license.metadata)) sent.metadata = toMetadata(values.metadata);
  return sent;
}

/** Kind of error of a field. The caller has the texts. */
export type FieldFault = "needed" | "needOne" | "rule" | "repeated";

export function findErrors(values: LicenseValues, { type }: Pick<Policy, "type">): Record<string, FieldFault> {
  const found: Record<string, FieldFault> = {};
  if (values.contexts.length === 0) found.contexts = "needOne";
  else if (!values.contexts.every(isValidName)) found.contexts = "rule";
  if (filledEntitlements(values.entitlements).length === 0) found["entitlements.0.name"] = "needOne";
  for (const [i, { name, slots }] of values.entitlements.entries()) {
    if (name === "" && !slots) continue;
    if (!isValidName(name)) found[`entitlements.${i}.name`] = "rule";
    else if (values.entitlements.findIndex((other) => other.name === name) < i) found[`entitlements.${i}.name`] = "repeated";
  }
  if (limitsCalls(type) && !values.allowance) found.allowance = "needed";
  if (limitsTime(type) && !expiryOf(values)) found[values.day ? "time" : "day"] = "needed";
  for (const setting of overridable) if (values.overrides[setting] === "") found[`overrides.${setting}`] = "needed";
  return found;
}

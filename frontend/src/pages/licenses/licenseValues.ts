// The form values of a license, their validation, and the request made of them: only what applies to the type and trigger.

import type { Entitlement, License, UpdateLicenseInput, CreateLicenseInput, Overrides, Policy } from "@/api/types";
import { type Entry, toEntries, toMetadata } from "@/components/MetadataInput";

import {
  limitsCalls,
  limitsTime,
  missingOverrides,
  type NumberField,
  overridable,
  overridesOf,
  overrideValues,
  type OverrideValues,
} from "@/policy/values";

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
  /** A member that is absent is the version's. */
  overrides: OverrideValues;
  metadata: Entry[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/; // spec/license-file.md
export const isValidName = (text: string) => NAME.test(text);

export function toLicenseValues(license?: License): LicenseValues {
  return {
    name: license?.name ?? "",
    customer: license?.customer ?? "",
    contexts: license?.contexts ?? [],
    entitlements: license?.entitlements.map(({ name, slots }) => ({ name, slots: slots ?? "" })) ?? [{ name: "", slots: "" }],
    allowance: license?.allowance || "",
    day: license?.expires ? localDay(license.expires) : null,
    time: license?.expires ? localTime(license.expires) : "23:59",
    overrides: overrideValues(license?.overrides ?? {}),
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

/** Returns the overrides that the form has no field for. They must be sent along, because a request replaces all overrides. */
const hiddenOverrides = (own: Overrides): Overrides =>
  Object.fromEntries(Object.entries(own).filter(([name]) => !overridable.some((field) => field.name === name)));

/** Returns the body of a request that creates a license. */
export function toCreateInput(values: LicenseValues, { type }: Pick<Policy, "type">): CreateLicenseInput {
  const overrides = overridesOf(values.overrides);
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
  if (differs(overridesOf(values.overrides), overridesOf(before.overrides)))
    sent.overrides = { ...hiddenOverrides(license.overrides), ...overridesOf(values.overrides) };
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
  for (const name of missingOverrides(values.overrides)) found[`overrides.${name}`] = "needed";
  return found;
}

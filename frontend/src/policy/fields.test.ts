import { describe, expect, it } from "vitest";

import type { Overrides, Policy } from "@/api/types";

import {
  applies,
  type Field,
  fields,
  formatSetting,
  hintOf,
  initialPolicy,
  labelOf,
  missing,
  optionsOf,
  overridable,
  overridesOf,
  overrideValues,
  policyOf,
  policyValues,
} from "./values";

/** A value of its own for each member, in which every member applies. */
function distinct(field: Field, n: number): string | number | boolean {
  if (field.kind === "flag") return true;
  if (field.kind !== "choice") return Math.min((field.min ?? 0) + n, field.max ?? n);
  const applying: Record<string, string> = { type: "time_and_calls", period: "fixed", trigger: "interval", clone_action: "suspend" };
  return applying[field.name] ?? field.values!.at(-1)!;
}

const policy = Object.fromEntries(fields.map((field, n) => [field.name, distinct(field, n + 1)])) as unknown as Policy;

describe("each member of a policy goes from the API through the form and back", () => {
  it.each(fields.map((field) => [field.name, field] as const))("%s", (name, field) => {
    const values = policyValues(policy);
    expect(applies(field, values)).toBe(true);
    expect(policyOf(values)[name]).toEqual(policy[name]);
    expect(labelOf(field, values)).not.toContain("policy.fields");
    expect(hintOf(field, values)).not.toContain("policy.fields");
    expect(formatSetting(field, policy)).not.toContain("policy.fields");
    for (const { label, hint } of optionsOf(field)) expect(label + hint).not.toContain("policy.fields");
  });

  it("as a whole, by name", () => {
    expect(policyOf(policyValues(policy))).toEqual(policy);
    const numbers = fields.filter(({ kind }) => kind !== "choice" && kind !== "flag").map(({ name }) => policy[name]);
    expect(new Set(numbers).size).toBeGreaterThanOrEqual(numbers.length - 2); // two ranges are small
  });
});

it.each(fields.filter(({ kind }) => kind === "limit").map((field) => [field.name, field] as const))(
  "%s: no limit is null, and 0 is a limit",
  (name, field) => {
    for (const value of [null, 0, 7]) expect(policyOf(policyValues({ ...policy, [name]: value }))[name]).toBe(value);
    expect(formatSetting(field, { ...policy, [name]: null })).toBe("no limit");
    expect(formatSetting(field, { ...policy, [name]: 0 })).not.toBe("no limit");
  },
);

describe("each member that a license can have of its own goes from the API through the form and back", () => {
  it.each(overridable.map(({ name }) => [name] as const))("%s", (name) => {
    const own = { [name]: policy[name] } as Overrides;
    expect(overridesOf(overrideValues(own))).toEqual(own);
  });

  it("no limit of its own is null, the version's is absent", () => {
    expect(overridesOf(overrideValues({ max_machines: null }))).toEqual({ max_machines: null });
    expect(overridesOf(overrideValues({}))).toEqual({});
  });
});

it("a new version's form begins with a policy that can be sent", () => {
  expect(missing(initialPolicy)).toEqual([]);
  expect(policyOf(initialPolicy)).toMatchObject({ type: "calls", activation_limit: 10, max_machines: null, interval_ms: 3_600_000 });
});

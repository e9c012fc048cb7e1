import { describe, expect, it } from "vitest";

import type { Policy } from "@/api/types";

import { settingApplies, defaultPolicy, intervalFor, missingSettings, toPolicyInput, type PolicyValues, formatSetting } from "./policy";

// proves U04
it("what is written down on the machine applies to reporting at an interval only", () => {
  expect(settingApplies("journal_every", { ...defaultPolicy, trigger: "interval" })).toBe(true);
  expect(settingApplies("journal_every", { ...defaultPolicy, trigger: "every_call" })).toBe(false);
  expect(toPolicyInput(defaultPolicy)).toHaveProperty("journal_every", 100);
  expect(toPolicyInput({ ...defaultPolicy, trigger: "every_call" })).not.toHaveProperty("journal_every");
  expect(missingSettings({ ...defaultPolicy, trigger: "every_call", journal_every: "" })).toEqual([]);
  expect(missingSettings({ ...defaultPolicy, journal_every: "", grace: "" })).toEqual(["grace", "journal_every"]);
});

// proves U05
it("0 is sent where it is chosen", () => {
  expect(toPolicyInput({ ...defaultPolicy, max_retries: 0, grace: 0, activation_limit: 0 })).toMatchObject({
    max_retries: 0,
    grace: 0,
    activation_limit: 0,
    activation_delay: 0,
  });
});

it("an interval that was not chosen goes along with the trigger", () => {
  expect(intervalFor("every_call", 3_600_000)).toBe(60_000);
  expect(intervalFor("interval", 60_000)).toBe(3_600_000);
  expect(intervalFor("every_call", 7_000)).toBe(7_000);
});

// proves part of U04
it("calls are granted ahead where calls are counted, and turns are counted where something follows", () => {
  for (const type of ["calls", "time_and_calls"] as const)
    expect(toPolicyInput({ ...defaultPolicy, type, prepaid: 50 })).toHaveProperty("prepaid", 50);
  for (const type of ["time", "perpetual"] as const)
    expect(toPolicyInput({ ...defaultPolicy, type, prepaid: 50 })).not.toHaveProperty("prepaid");
  expect(toPolicyInput({ ...defaultPolicy, clone_action: "suspend", clone_limit: 3 })).toMatchObject({
    clone_action: "suspend",
    clone_limit: 3,
  });
  expect(toPolicyInput({ ...defaultPolicy, clone_action: "report" })).not.toHaveProperty("clone_limit");
  expect(missingSettings({ ...defaultPolicy, type: "time", clone_action: "report", prepaid: "", clone_limit: "", max_borrow: "" })).toEqual(
    ["max_borrow"],
  );
});

// proves part of U10
describe("an edit replaces the whole policy", () => {
  const before: Policy = {
    type: "calls",
    trigger: "interval",
    interval: 7_000,
    max_retries: 1,
    grace: 2,
    activation_delay: 3,
    activation_limit: 4,
    max_machines: 5,
    clock_tolerance: 6,
    journal_every: 7,
    prepaid: 8,
    max_borrow: 9,
    statistics: true,
    clone_action: "suspend",
    clone_limit: 3,
  };

  it("what was not touched is sent as it was", () => expect(toPolicyInput({ ...before }, before)).toEqual(before));

  it("what no longer applies is not reset", () => {
    const values: PolicyValues = { ...before, trigger: "every_call", journal_every: "", clone_action: "report", clone_limit: "" };
    expect(toPolicyInput(values, before)).toEqual({ ...before, trigger: "every_call", clone_action: "report" });
  });

  it("what these pages do not know goes along", () => {
    const later = { ...before, seats: "newest_wins" };
    expect(toPolicyInput({ ...before, statistics: false }, later)).toEqual({ ...later, statistics: false });
  });
});

it("0 in words says what follows from it", () => {
  const policy = toPolicyInput(defaultPolicy) as Policy;
  expect(formatSetting("prepaid", policy)).toBe("none");
  expect(formatSetting("max_borrow", policy)).toBe("not allowed");
  expect(formatSetting("prepaid", { ...policy, prepaid: 2_500 })).toBe("2,500 calls");
  expect(formatSetting("max_borrow", { ...policy, max_borrow: 7 * 86_400_000 })).toBe("7 d");
});

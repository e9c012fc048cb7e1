import { expect, it } from "vitest";

import { applies, beginning, intervalFor, missing, policyOf } from "./policy";

// proves U04
it("what is written down on the machine applies to reporting at an interval only", () => {
  expect(applies("journal_every", "interval")).toBe(true);
  expect(applies("journal_every", "every_call")).toBe(false);
  expect(policyOf(beginning)).toHaveProperty("journal_every", 100);
  expect(policyOf({ ...beginning, trigger: "every_call" })).not.toHaveProperty("journal_every");
  expect(missing({ ...beginning, trigger: "every_call", journal_every: "" })).toEqual([]);
  expect(missing({ ...beginning, journal_every: "", grace: "" })).toEqual(["grace", "journal_every"]);
});

// proves U05
it("0 is sent where it is chosen", () => {
  expect(policyOf({ ...beginning, max_retries: 0, grace: 0, activation_limit: 0 })).toMatchObject({ max_retries: 0, grace: 0, activation_limit: 0, activation_delay: 0 });
});

it("an interval that was not chosen goes along with the trigger", () => {
  expect(intervalFor("every_call", 3_600_000)).toBe(60_000);
  expect(intervalFor("interval", 60_000)).toBe(3_600_000);
  expect(intervalFor("every_call", 7_000)).toBe(7_000);
});

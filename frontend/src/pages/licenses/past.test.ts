import { expect, it } from "vitest";

import type { Evidence } from "@/api/types";
import { activation } from "@/testing/pages";

import { forgivable, standing, suspected } from "./past";

const seen = (more: Partial<Evidence> = {}): Evidence => ({ time: "2026-01-01T00:00:00Z", generation: 1, number: 4, differs: [], alternation: false, refused: false, ...more });
const restored = seen();
const turned = seen({ alternation: true });
const refused = seen({ alternation: true, refused: true });

it("a restored backup is no clone", () => {
  expect(suspected({ restores: 2, evidence: [restored, restored] })).toBe(false);
  expect(standing({ ...activation, restores: 1, evidence: [restored] })).toEqual(["running"]);
});

it("two that take turns are suspected, refused or not", () => {
  expect(standing({ ...activation, restores: 2, evidence: [restored, turned] })).toEqual(["running", "suspected"]);
  expect(suspected({ restores: 1, evidence: [restored, refused] })).toBe(true);
  expect(suspected({ restores: 2, evidence: [refused, refused, refused] })).toBe(true);
});

it("what was forgiven speaks no longer, also when a backup is restored afterwards", () => {
  expect(suspected({ restores: 0, evidence: [restored, turned, refused] })).toBe(false);
  expect(suspected({ restores: 1, evidence: [restored, turned, refused, restored] })).toBe(false);
  expect(suspected({ restores: 1, evidence: [restored, turned, refused, turned] })).toBe(true);
});

it("who is refused, and who is gone, does not run", () => {
  const cloned = "2026-01-02T00:00:00Z";
  expect(standing({ ...activation, cloned, restores: 2, evidence: [restored, turned, refused] })).toEqual(["cloned"]);
  expect(standing({ ...activation, cloned, closed: cloned })).toEqual(["closed"]);
});

it("there is something to forgive where restores are counted or all are refused", () => {
  expect(forgivable(activation)).toBe(false);
  expect(forgivable({ ...activation, restores: 1 })).toBe(true);
  expect(forgivable({ ...activation, cloned: activation.created })).toBe(true);
  expect(forgivable({ ...activation, restores: 1, closed: activation.created })).toBe(false);
});

import { expect, it } from "vitest";

import type { Evidence } from "@/api/types";
import { activation } from "@/testing/renderApp";

import { hasEvidenceToClear, installationStatuses, isSuspectedClone } from "./cloneHistory";

const seen = (more: Partial<Evidence> = {}): Evidence => ({
  time: "2026-01-01T00:00:00Z",
  generation: 1,
  lease_number: 4,
  changed_parts: [],
  alternation: false,
  refused: false,
  ...more,
});
const restored = seen();
const turned = seen({ alternation: true });
const refused = seen({ alternation: true, refused: true });

it("a restored backup is not suspected", () => {
  expect(isSuspectedClone({ reactivations: 2, evidence: [restored, restored] })).toBe(false);
  expect(installationStatuses({ ...activation, reactivations: 1, evidence: [restored] })).toEqual(["running"]);
});

it("alternating holders are suspected, refused or not", () => {
  expect(installationStatuses({ ...activation, reactivations: 2, evidence: [restored, turned] })).toEqual(["running", "suspected"]);
  expect(isSuspectedClone({ reactivations: 1, evidence: [restored, refused] })).toBe(true);
  expect(isSuspectedClone({ reactivations: 2, evidence: [refused, refused, refused] })).toBe(true);
});

it("cleared evidence no longer counts, also after a later restore", () => {
  expect(isSuspectedClone({ reactivations: 0, evidence: [restored, turned, refused] })).toBe(false);
  expect(isSuspectedClone({ reactivations: 1, evidence: [restored, turned, refused, restored] })).toBe(false);
  expect(isSuspectedClone({ reactivations: 1, evidence: [restored, turned, refused, turned] })).toBe(true);
});

it("a refused or deactivated installation is not active", () => {
  const cloned = "2026-01-02T00:00:00Z";
  expect(installationStatuses({ ...activation, cloned, reactivations: 2, evidence: [restored, turned, refused] })).toEqual(["cloned"]);
  expect(installationStatuses({ ...activation, cloned, closed: cloned })).toEqual(["closed"]);
});

it("hasEvidenceToClear with counted reactivations or a clone flag", () => {
  expect(hasEvidenceToClear(activation)).toBe(false);
  expect(hasEvidenceToClear({ ...activation, reactivations: 1 })).toBe(true);
  expect(hasEvidenceToClear({ ...activation, cloned: activation.created })).toBe(true);
  expect(hasEvidenceToClear({ ...activation, reactivations: 1, closed: activation.created })).toBe(false);
});

import { describe, expect, it } from "vitest";

import type { License } from "@/api/types";
import { license as held } from "@/testing/renderApp";

import { toUpdateInput, findErrors, isValidName, expiryOf, toCreateInput, toLicenseValues } from "./licenseValues";

const filled = () => ({
  ...toLicenseValues(),
  contexts: ["ui"],
  entitlements: [{ name: "rendering", slots: "" as const }],
  allowance: 5,
  day: "2030-01-01",
  time: "23:59",
});

// proves U04
describe("toCreateInput sends only what applies to the type", () => {
  it.each([
    ["calls", ["allowance"]],
    ["time", ["expires"]],
    ["time_and_calls", ["allowance", "expires"]],
    ["perpetual", []],
  ] as const)("%s", (type, limits) => {
    const sent = toCreateInput(filled(), { type });
    expect(Object.keys(sent).toSorted()).toEqual(["contexts", "entitlements", ...limits].toSorted());
  });

  it("leaves out empty rows", () => {
    const sent = toCreateInput(
      {
        ...filled(),
        entitlements: [
          { name: "a", slots: 2 },
          { name: "", slots: "" },
        ],
        metadata: [{ key: "", value: "" }],
      },
      { type: "perpetual" },
    );
    expect(sent.entitlements).toEqual([{ name: "a", slots: 2 }]);
    expect(sent.metadata).toBeUndefined();
  });
});

// proves U05
it("sends an override of 0, and none where the version applies", () => {
  const values = filled();
  values.overrides = { ...values.overrides, grace_ms: 0, max_retries: 0, activation_limit: undefined };
  expect(toCreateInput(values, { type: "calls" }).overrides).toEqual({ grace_ms: 0, max_retries: 0 });
});

// proves part of U10
describe("toUpdateInput sends only changes", () => {
  const license: License = { ...held, expires: "2030-05-04T21:59:59.123Z", metadata: { order: "1" } };

  it("nothing", () => expect(toUpdateInput(toLicenseValues(license), license, { type: "time_and_calls" })).toEqual({ revision: 1 }));

  it("an unchanged expiry keeps its seconds", () => {
    const sent = toUpdateInput({ ...toLicenseValues(license), name: "Plant 8" }, license, { type: "time_and_calls" });
    expect(sent).toEqual({ revision: 1, name: "Plant 8" });
  });

  it("all metadata, also when the last entry is removed", () => {
    expect(toUpdateInput({ ...toLicenseValues(license), metadata: [] }, license, { type: "calls" }).metadata).toEqual({});
  });

  it("a removed override", () => {
    const own = { ...license, overrides: { grace_ms: 5 } };
    const values = toLicenseValues(own);
    expect(toUpdateInput({ ...values, overrides: { ...values.overrides, grace_ms: undefined } }, own, { type: "calls" }).overrides).toEqual(
      {},
    );
  });

  it("overrides that the form does not show", () => {
    const own = {
      ...license,
      overrides: {
        grace_ms: 5,
        prepaid_block: 20,
        max_borrow_ms: 0,
        clone_action: "suspend",
        seats: "newest_wins",
      } as License["overrides"],
    };
    const values = toLicenseValues(own);
    expect(toUpdateInput(values, own, { type: "calls" })).toEqual({ revision: 1 });
    const sent = toUpdateInput({ ...values, overrides: { ...values.overrides, prepaid_block: 0, max_borrow_ms: undefined } }, own, {
      type: "calls",
    });
    expect(sent.overrides).toEqual({ grace_ms: 5, prepaid_block: 0, clone_action: "suspend", seats: "newest_wins" });
  });
});

describe("findErrors", () => {
  it("accepts valid values", () => expect(findErrors(filled(), { type: "time_and_calls" })).toEqual({}));

  it("reports missing values by type", () => {
    const bare = { ...toLicenseValues(), time: "23:59" };
    expect(findErrors(bare, { type: "perpetual" })).toEqual({ contexts: "needOne", "entitlements.0.name": "needOne" });
    expect(findErrors({ ...filled(), allowance: "", day: null }, { type: "time_and_calls" })).toEqual({
      allowance: "needed",
      day: "needed",
    });
    expect(findErrors({ ...filled(), allowance: 0 }, { type: "calls" })).toEqual({ allowance: "needed" });
  });

  it("accepts only names that a license file can contain", () => {
    for (const good of ["a", "solid_modeling", "3d.view-2", "x".repeat(64)]) expect(isValidName(good)).toBe(true);
    for (const bad of ["", "-a", "a b", "ü", "x".repeat(65), "a:5", "a,b"]) expect(isValidName(bad)).toBe(false);
    expect(
      findErrors(
        {
          ...filled(),
          entitlements: [
            { name: "a", slots: "" },
            { name: "a", slots: 1 },
            { name: "b c", slots: "" },
          ],
        },
        { type: "perpetual" },
      ),
    ).toEqual({
      "entitlements.1.name": "repeated",
      "entitlements.2.name": "rule",
    });
  });
});

it("expiryOf uses the local time zone", () => {
  expect(expiryOf({ day: "2030-01-01", time: "9:05" })).toBe(new Date("2030-01-01T09:05").toISOString());
  expect(expiryOf({ day: "2030-13-01", time: "09:05" })).toBeUndefined();
  expect(expiryOf({ day: null, time: "09:05" })).toBeUndefined();
  expect(expiryOf({ day: "2030-01-01", time: "" })).toBeUndefined();
});

import { expect, it } from "vitest";

import { toEntries, toMetadata, findInvalidEntry } from "./MetadataInput";

// proves U10
it("converts metadata to rows and back", () => {
  const metadata = { order: "A-1", empty: "" };
  expect(toMetadata(toEntries(metadata))).toEqual(metadata);
  expect(
    toMetadata([
      { key: "", value: "" },
      { key: "a", value: "1" },
    ]),
  ).toEqual({ a: "1" });
});

it("reports the row of a missing or repeated key", () => {
  expect(
    findInvalidEntry([
      { key: "a", value: "" },
      { key: "", value: "" },
    ]),
  ).toBeUndefined();
  expect(
    findInvalidEntry([
      { key: "a", value: "" },
      { key: "", value: "x" },
    ]),
  ).toEqual({ row: 1, reason: "missing" });
  expect(
    findInvalidEntry([
      { key: "a", value: "1" },
      { key: "b", value: "" },
      { key: "a", value: "2" },
    ]),
  ).toEqual({ row: 2, reason: "repeated" });
});

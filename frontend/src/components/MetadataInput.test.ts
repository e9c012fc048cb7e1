import { expect, it } from "vitest";

import { entriesOf, metadataOf, wrongEntry } from "./MetadataInput";

// proves U10
it("entries and metadata are the same in two shapes", () => {
  const metadata = { order: "A-1", empty: "" };
  expect(metadataOf(entriesOf(metadata))).toEqual(metadata);
  expect(metadataOf([{ key: "", value: "" }, { key: "a", value: "1" }])).toEqual({ a: "1" });
});

it("a value without key and a key that is there twice are named by their row", () => {
  expect(wrongEntry([{ key: "a", value: "" }, { key: "", value: "" }])).toBeUndefined();
  expect(wrongEntry([{ key: "a", value: "" }, { key: "", value: "x" }])).toEqual({ row: 1, wrong: "missing" });
  expect(wrongEntry([{ key: "a", value: "1" }, { key: "b", value: "" }, { key: "a", value: "2" }])).toEqual({ row: 2, wrong: "repeated" });
});

import { describe, expect, it } from "vitest";

import { inUnit, formatDuration, millis, formatRelative, size, largestUnit } from "./format";

describe("durations", () => {
  it("use the largest unit that divides them", () => {
    for (const [ms, unit] of [
      [86_400_000, "d"],
      [90 * millis.min, "min"],
      [36 * millis.h, "h"],
      [1_000, "s"],
      [1_500, "ms"],
      [0, "min"],
    ] as const) {
      expect(largestUnit(ms)).toBe(unit);
      expect(inUnit(ms, unit) * millis[unit]).toBe(ms);
    }
    expect(formatDuration(36 * millis.h)).toBe("36 h");
    expect(formatDuration(90_061)).toBe("90,061 ms");
  });
});

it("formats times relative to now", () => {
  const now = Date.UTC(2027, 0, 1);
  expect(formatRelative(now - 1_000, now)).toBe("just now");
  expect(formatRelative(now + 1_000, now)).toBe("in a moment");
  expect(formatRelative(now - 3 * millis.min, now)).toBe("3 minutes ago");
  expect(formatRelative(now + 2 * millis.d, now)).toBe("in 2 days");
  expect(formatRelative(now + 240 * millis.d, now)).toBe("in 8 months");
});

it("formats sizes in decimal units", () => {
  expect([size(246), size(65_537), size(104_857_600)]).toEqual(["246 bytes", "65.5 kB", "104.9 MB"]);
});

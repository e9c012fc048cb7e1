// What a program gives in its own types, as the events of spec/abi.md have it. JSON would make 0 of NaN, and fail at a bigint.

import { refusal } from "./errors.js";

/**
 * The `borrow` of a reserve.
 * @param {number | null} [borrow] ms
 */
export function milliseconds(borrow) {
  if (borrow === undefined || borrow === null) return 0;
  if (!Number.isFinite(borrow)) throw refusal("bad_call", `borrow ${String(borrow)} is no number of milliseconds`);
  return Math.round(borrow);
}

/**
 * The `numbers` of a statistics.
 * @param {Record<string, number>} given
 */
export function numbers(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw refusal("bad_call", "statistics: not an object of numbers");
  return Object.entries(given).map(([name, value]) => {
    if (!Number.isInteger(value)) throw refusal("bad_call", `statistics: ${name} is not a whole number`);
    return { name, value };
  });
}

/**
 * The `body` of an import.
 * @param {string} given
 */
export function text(given) {
  if (typeof given !== "string") throw refusal("bad_call", `the answer is ${typeof given}, not a string`);
  return given;
}

// Converts arguments of the program to members of events (spec/abi.md). They are validated because JSON turns NaN into null and cannot hold
// a bigint.

import { newLicenseError } from "./errors.js";

/**
 * Converts the `borrow` option of reserve.
 * @param {number | null} [borrow] ms
 */
export function toMilliseconds(borrow) {
  if (borrow === undefined || borrow === null) return 0;
  if (!Number.isFinite(borrow)) throw newLicenseError("bad_call", `borrow ${String(borrow)} is no number of milliseconds`);
  return Math.round(borrow);
}

/**
 * Converts the numbers of statistics.
 * @param {Record<string, number>} given
 */
export function toNumbers(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given))
    throw newLicenseError("bad_call", "statistics: not an object of numbers");
  return Object.entries(given).map(([name, value]) => {
    if (!Number.isInteger(value)) throw newLicenseError("bad_call", `statistics: ${name} is not a whole number`);
    return { name, value };
  });
}

/**
 * Returns the `body` of an import event.
 * @param {string} given
 */
export function toText(given) {
  if (typeof given !== "string") throw newLicenseError("bad_call", `the answer is ${typeof given}, not a string`);
  return given;
}

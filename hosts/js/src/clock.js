/**
 * Clock of a host. Tests replace it with a simulated one.
 *
 * @typedef {object} Clock
 * @property {() => number} now wall clock, ms since 1970
 * @property {() => number} mono monotonic clock, ms from any origin
 * @property {(run: () => void, ms: number) => any} set runs the function once, after ms
 * @property {(timer: any) => void} clear
 */

const MAX_TIMEOUT = 2 ** 31 - 1; // ms; setTimeout fires a longer one at once. Waking too early does no harm

/** @type {Clock} */
export const systemClock = Object.freeze({
  now: () => Date.now(),
  mono: () => performance.now(),
  set: (run, ms) => setTimeout(run, Math.min(ms, MAX_TIMEOUT)),
  clear: (timer) => clearTimeout(timer),
});

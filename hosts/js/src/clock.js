/**
 * Time as a host needs it. Tests put a simulated one in its place.
 *
 * @typedef {object} Clock
 * @property {() => number} now wall clock, ms since 1970
 * @property {() => number} mono monotonic clock, ms from any origin
 * @property {(run: () => void, ms: number) => any} set runs once, ms from now
 * @property {(timer: any) => void} clear
 */

const LONGEST = 2 ** 31 - 1; // ms; a longer timeout would fire at once. Waking too early does no harm

/** @type {Clock} */
export const systemClock = Object.freeze({
  now: () => Date.now(),
  mono: () => performance.now(),
  set: (run, ms) => setTimeout(run, Math.min(ms, LONGEST)),
  clear: (timer) => clearTimeout(timer),
});

import { verdict as row } from "./verdicts.js";

/**
 * An answer of the client core, in the spelling of spec/verdicts.md, the same in every language.
 *
 * @typedef {object} Answer
 * @property {boolean} ok whether what was asked is granted
 * @property {string} code a row of spec/verdicts.md
 * @property {string} class what kind of code it is
 * @property {boolean} allow_continue whether the program may go on
 * @property {string} message what happened, for people
 * @property {string} do what to do about it
 * @property {string} [detail] what decided it
 * @property {string} [license]
 * @property {string} [context]
 * @property {string} [entitlement]
 * @property {number} [retry_at] ms since 1970
 * @property {string} [file] a license file that was refused
 * @property {boolean} [offline_tolerated] the setting `offline` lets the program start, or go on, in spite of it
 * @property {string} [body] of an export: the request
 */

/**
 * A refusal: an Error that carries the whole verdict. Tell refusals apart by `code`; `allow_continue` says whether the program may
 * go on all the same.
 */
export class LicenseError extends Error {
  /** @param {Answer} answer */
  constructor(answer) {
    super(answer.detail ? `${answer.message} (${answer.detail})` : answer.message);
    const { message, ok, ...rest } = answer;
    Object.assign(this, rest);
    Object.defineProperty(this, "verdict", { value: Object.freeze({ ...answer }) });
  }
}
// Not an own property: a printed error shows the verdict's members only.
Object.defineProperty(LicenseError.prototype, "name", { value: "LicenseError" });

/**
 * The answer of a code that the host itself has to give.
 * @param {string} code
 * @param {string} [detail]
 * @returns {Answer}
 */
export function describe(code, detail) {
  const r = row(code);
  return {
    ok: r.class === "ok", code, class: r.class, allow_continue: r.allowContinue, message: r.message, do: r.do,
    ...(detail && { detail }),
  };
}

/** The typed error of a code. @param {string} code @param {string} [detail] */
export const refusal = (code, detail) => new LicenseError(describe(code, detail));

/** What an unexpected error says, with the system's reason where fetch hides it in `cause`. @param {any} error */
export function reason(error) {
  const inner = error?.cause ?? error;
  const text = inner?.message || inner?.code || inner?.name || String(inner);
  return inner === error || !error?.message ? String(text) : `${error.message}: ${text}`;
}

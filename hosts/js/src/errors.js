import { verdict as verdictRow } from "./verdicts.js";

/**
 * An answer of the client core. The members are spelled as in spec/verdicts.md, the same in every language.
 *
 * @typedef {object} Answer
 * @property {boolean} ok whether the request is granted
 * @property {string} code a row of spec/verdicts.md
 * @property {import("./verdicts.js").VerdictClass} class the class of the code
 * @property {boolean} allow_continue whether the program may continue
 * @property {string} message human-readable message
 * @property {string} do human-readable advice
 * @property {string} [detail] the reason in this case
 * @property {string} [license]
 * @property {string} [context]
 * @property {string} [entitlement]
 * @property {number} [retry_at] ms since 1970
 * @property {string} [file] name of the refused license file
 * @property {boolean} [offline_tolerated] whether the setting `offline` lets the program start or continue despite this verdict
 * @property {string} [body] the request, in the answer to an export
 */

/**
 * Error of a refused request, with all members of the verdict. Programs distinguish refusals by `code`; `allow_continue` says whether the
 * program may continue nevertheless.
 */
export class LicenseError extends Error {
  /** @param {Answer} answer */
  constructor(answer) {
    super(answer.detail ? `${answer.message} (${answer.detail})` : answer.message);
    // The members of the answer, declared for the type checker only.
    /** @type {"LicenseError"} */
    this.name;
    /** @type {Answer} */
    this.verdict;
    /** @type {string} */
    this.code;
    /** @type {import("./verdicts.js").VerdictClass} */
    this.class;
    /** @type {boolean} */
    this.allow_continue;
    /** @type {string} */
    this.do;
    /** @type {string | undefined} */
    this.detail;
    /** @type {string | undefined} */
    this.license;
    /** @type {string | undefined} */
    this.context;
    /** @type {string | undefined} */
    this.entitlement;
    /** @type {number | undefined} */
    this.retry_at;
    /** @type {string | undefined} */
    this.file;
    /** @type {boolean | undefined} */
    this.offline_tolerated;
    const { message, ok, ...rest } = answer;
    Object.assign(this, rest);
    Object.defineProperty(this, "verdict", { value: Object.freeze({ ...answer }) });
  }
}
// Not an own property, so that a printed error shows only the members of the verdict.
Object.defineProperty(LicenseError.prototype, "name", { value: "LicenseError" });

/**
 * Returns the answer for a code that the host itself decides on.
 * @param {string} code
 * @param {string} [detail]
 * @returns {Answer}
 */
export function answerOf(code, detail) {
  const r = verdictRow(code);
  return {
    ok: r.class === "ok",
    code,
    class: r.class,
    allow_continue: r.allowContinue,
    message: r.message,
    do: r.do,
    ...(detail && { detail }),
  };
}

/** Returns the error for a code that the host itself decides on. @param {string} code @param {string} [detail] */
export const newLicenseError = (code, detail) => new LicenseError(answerOf(code, detail));

/** Returns the message of any error, with that of its cause: fetch puts the reason of the system there. @param {any} error */
export function errorText(error) {
  const inner = error?.cause ?? error;
  const text = inner?.message || inner?.code || inner?.name || String(inner);
  return inner === error || !error?.message ? String(text) : `${error.message}: ${text}`;
}

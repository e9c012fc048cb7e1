import { LicenseError, refusal } from "./errors.js";
import { milliseconds, numbers, text } from "./events.js";
import { Host } from "./host.js";
import { read } from "./settings.js";

/** @param {import("./errors.js").Answer | undefined} answer */
function granted(answer) {
  if (answer && !answer.ok) throw new LicenseError(answer);
  return answer;
}

/**
 * A program's license, by four values. It activates as it is created, counts what is consumed, and keeps itself in sync with the server in
 * the background.
 *
 * Every method that is refused rejects with a LicenseError.
 */
export class OneLicenseClient {
  /** @type {import("./host.js").Platform} set by the entry for Node or browsers */
  static platform;

  #host;

  /** @param {Host} host */
  constructor(host) {
    if (!(host instanceof Host)) throw new TypeError("use: await OneLicenseClient.create({server_url, product_id, version_id, license_id})");
    this.#host = host;
  }

  /**
   * Activates the license, or goes on from the stored state.
   * @param {object} settings
   * @returns {Promise<OneLicenseClient>} rejects with the LicenseError that decided it
   */
  static async create(settings) {
    const checked = read(settings);
    if (checked.config.keyring && !checked.config.license_id) throw refusal("missing_setting", "license_id"); // the module would wait for files
    return new this(await Host.open(this.platform, checked));
  }

  /**
   * Counts n calls. With the trigger `interval` it only counts; with `every_call` the server is asked, and its answer is the answer.
   * @param {number} [n] a whole number from 1 to 1 000 000 000
   */
  async consume(n = 1) {
    granted(await this.#host.consume(n));
  }

  /**
   * Takes one slot of an entitlement in a context, or counts one more holder of it.
   * @param {string} context
   * @param {string} entitlement
   * @param {{borrow?: number}} [options] borrow: ms for which the server is asked to leave it here, also while it is not reached
   */
  async reserve(context, entitlement, { borrow } = {}) {
    granted(await this.#host.ask({ type: "reserve", context, entitlement, borrow: milliseconds(borrow) }));
  }

  /** Gives one hold back; the last one tells the server. What is not held is refused with not_reserved. */
  async release(context, entitlement) {
    granted(await this.#host.ask({ type: "release", context, entitlement }));
  }

  /** Passes when the entitlement is reserved, in the context or, if that is null, in any. */
  async check(context, entitlement) {
    granted(await this.#host.ask({ type: "check", context: context || undefined, entitlement }));
  }

  /** Asks the server now. @returns {Promise<import("./errors.js").Answer>} */
  async sync() {
    return granted(await this.#host.ask({ type: "sync" }));
  }

  /**
   * Sets the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for statistics.
   * @param {Record<string, number>} given whole numbers by their names
   */
  async statistics(given) {
    granted(await this.#host.ask({ type: "statistics", numbers: numbers(given) }));
  }

  /**
   * The request that the server is to answer, to be carried to it by hand (POST it to server_url + `/sync`). It is on the disk, and stays the
   * same until it is answered.
   * @returns {Promise<string>}
   */
  async exportRequest() {
    return granted(await this.#host.ask({ type: "export" })).body;
  }

  /**
   * Takes the server's answer that was carried back. Rejects with what the answer says, or why it is not to be believed; nothing has changed then.
   * @param {string} answer
   */
  async importAnswer(answer) {
    granted(await this.#host.ask({ type: "import", body: text(answer) }));
  }

  /** Gives the activation back: the machine is free for another. */
  async deactivate() {
    granted(await this.#host.ask({ type: "deactivate" }));
  }

  /** How the client stands. A license's `receipt` is its last lease as the server signed it, for verifyReceipt. */
  status() {
    return this.#host.status();
  }

  /**
   * Reports what is left, releases what is held and closes. It does not reject: what could not be reported is stored and goes with the
   * next run; the verdict that comes back says so.
   */
  async shutdown() {
    return this.#host.shutdown();
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.shutdown();
  }
}

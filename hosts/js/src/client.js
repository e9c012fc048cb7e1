import { LicenseError, newLicenseError } from "./errors.js";
import { toMilliseconds, toNumbers, toText } from "./event_values.js";
import { Host } from "./host.js";
import { readSettings } from "./settings.js";

/** @param {import("./errors.js").Answer | undefined} answer */
function throwIfRefused(answer) {
  if (answer && !answer.ok) throw new LicenseError(answer);
  return answer;
}

/**
 * The client of a program with one license. It activates when it is created, counts calls, and syncs with the server in the background.
 *
 * Methods reject with a LicenseError when the request is refused.
 */
export class OneLicenseClient {
  /** @type {import("./host.js").Platform} set by the entry point for Node or browsers */
  static platform;

  #host;

  /** @param {Host} host */
  constructor(host) {
    if (!(host instanceof Host))
      throw new TypeError("use: await OneLicenseClient.create({server_url, product_id, version_id, license_id})");
    this.#host = host;
  }

  /**
   * Activates the license, or continues from the stored state.
   * @param {object} settings
   * @returns {Promise<OneLicenseClient>} rejects with a LicenseError
   */
  static async create(settings) {
    const checked = readSettings(settings);
    // A keyring without a license would make the module wait for license files.
    if (checked.config.keyring && !checked.config.license_id) throw newLicenseError("missing_setting", "license_id");
    return new this(await Host.open(this.platform, checked));
  }

  /**
   * Counts n calls. With the trigger `interval` it only counts locally; with `every_call` the server decides.
   * @param {number} [n] a whole number from 1 to 1 000 000 000
   */
  async consume(n = 1) {
    throwIfRefused(await this.#host.consume(n));
  }

  /**
   * Reserves one slot of an entitlement in a context, or counts one more local use of a reserved slot.
   * @param {string} context
   * @param {string} entitlement
   * @param {{borrow?: number}} [options] borrow: milliseconds for which the slot stays reserved without contact to the server
   */
  async reserve(context, entitlement, { borrow } = {}) {
    throwIfRefused(await this.#host.ask({ type: "reserve", context, entitlement, borrow: toMilliseconds(borrow) }));
  }

  /** Releases one use; the last one releases the slot on the server. Rejects with not_reserved when nothing is reserved. */
  async release(context, entitlement) {
    throwIfRefused(await this.#host.ask({ type: "release", context, entitlement }));
  }

  /** Resolves when the entitlement is reserved in the context, or in any context when that is null. */
  async check(context, entitlement) {
    throwIfRefused(await this.#host.ask({ type: "check", context: context || undefined, entitlement }));
  }

  /** Syncs with the server now. @returns {Promise<import("./errors.js").Answer>} */
  async sync() {
    return throwIfRefused(await this.#host.ask({ type: "sync" }));
  }

  /**
   * Replaces the program's own statistics, at most 16 numbers. The next sync sends them if the policy asks for statistics.
   * @param {Record<string, number>} given whole numbers by name
   */
  async statistics(given) {
    throwIfRefused(await this.#host.ask({ type: "statistics", numbers: toNumbers(given) }));
  }

  /**
   * Returns a request for the server, to be transferred by hand (POST it to server_url + `/sync`). It is stored, and stays the same until
   * it is answered.
   * @returns {Promise<string>}
   */
  async exportRequest() {
    return throwIfRefused(await this.#host.ask({ type: "export" })).body;
  }

  /**
   * Imports the server's answer to an exported request. Rejects, without a change of state, when the answer refuses or cannot be trusted.
   * @param {string} answer
   */
  async importAnswer(answer) {
    throwIfRefused(await this.#host.ask({ type: "import", body: toText(answer) }));
  }

  /** Deactivates this installation, so that another machine can be activated. */
  async deactivate() {
    throwIfRefused(await this.#host.ask({ type: "deactivate" }));
  }

  /** Returns the status of the client. `receipt` of a license is its last signed lease, for verifyReceipt. */
  status() {
    return this.#host.status();
  }

  /**
   * Reports pending calls, releases reservations and closes. It does not reject: calls that could not be reported are stored for the next
   * run, and the returned verdict says why.
   */
  async shutdown() {
    return this.#host.shutdown();
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.shutdown();
  }
}

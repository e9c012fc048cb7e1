import { toBase64 } from "./base64.js";
import { answerOf, LicenseError, errorText, newLicenseError } from "./errors.js";
import { toMilliseconds, toNumbers, toText } from "./event_values.js";
import { Host } from "./host.js";
import { readSettings } from "./settings.js";

/**
 * Entitlements of signed license files: the files grant entitlements, the server assigns the slots.
 *
 * reserve returns an error object instead of rejecting, so that a program can show the refusal; check protects the code that must not run
 * without the entitlement.
 */
export class Licensing {
  /** @type {import("./host.js").Platform} set by the entry point for Node or browsers */
  static platform;

  #settings;
  /** @type {Host} */
  #host;
  #onFailure;

  /** @param {object} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  /** Loads the license files and starts, or rejects with a LicenseError. Refused files are listed in status(). */
  async initialize() {
    const { directory, files, on_failure } = this.#settings ?? {};
    const settings = readSettings(this.#settings, ["directory", "files", "on_failure"]);
    if (!settings.config.keyring) throw newLicenseError("missing_setting", "keyring");
    if (settings.config.license_id) throw newLicenseError("bad_setting", "license_id: the files name the licenses");
    const { platform } = /** @type {typeof Licensing} */ (this.constructor);
    if (directory === undefined && files === undefined)
      throw newLicenseError("missing_setting", platform.readDirectory ? "directory" : "files");
    if (directory !== undefined && !platform.readDirectory) throw newLicenseError("bad_setting", "directory: a browser gives files");
    const found = directory === undefined ? await readFiles(files) : await platform.readDirectory(directory);
    this.#onFailure = on_failure;
    this.#host = await Host.open(
      platform,
      settings,
      found.map(({ data, ...f }) => (data ? { ...f, data: toBase64(data) } : f)),
    );
    return this;
  }

  /**
   * Reserves one slot of an entitlement in a context, or counts one more local use of a reserved slot.
   * @param {string} context
   * @param {string} entitlement
   * @param {{borrow?: number}} [options] borrow: milliseconds for which the slot stays reserved without contact to the server
   * @returns {Promise<LicenseError | undefined>} undefined when granted; does not reject
   */
  async reserve(context, entitlement, { borrow } = {}) {
    try {
      return await this.#errorOf({ type: "reserve", context, entitlement, borrow: toMilliseconds(borrow) });
    } catch (error) {
      if (!(error instanceof LicenseError)) throw error;
      return error;
    }
  }

  /** Releases one use; the last one releases the slot on the server. @returns {Promise<boolean>} false when nothing was reserved */
  async unreserve(context, entitlement) {
    return !(await this.#errorOf({ type: "release", context, entitlement }));
  }

  /**
   * Resolves when the entitlement is reserved in the context, or in any context when that is null. Otherwise it calls on_failure with the
   * error object, or rejects without one, which ends a Node process that does not catch it.
   */
  async check(context, entitlement) {
    const error = await this.#errorOf({ type: "check", context: context || undefined, entitlement });
    if (!error) return;
    if (!this.#onFailure) throw error;
    await this.#onFailure(error);
  }

  /**
   * Replaces the program's own statistics, at most 16 numbers. The next sync sends them if the policy asks for statistics.
   * @param {Record<string, number>} given whole numbers by name
   */
  async statistics(given) {
    await this.#askOrThrow({ type: "statistics", numbers: toNumbers(given) });
  }

  /**
   * Returns a request of the first license, to be transferred by hand (POST it to server_url + `/sync`). It is stored, and stays the same
   * until it is answered.
   * @returns {Promise<string>}
   */
  async exportRequest() {
    return (await this.#askOrThrow({ type: "export" })).body;
  }

  /**
   * Imports the server's answer to an exported request. Rejects, without a change of state, when the answer refuses or cannot be trusted.
   * @param {string} answer
   */
  async importAnswer(answer) {
    await this.#askOrThrow({ type: "import", body: toText(answer) });
  }

  /** Returns the status; `files` has a verdict for each license file. `receipt` of a license is its last signed lease. */
  status() {
    if (!this.#host) throw newLicenseError("not_running");
    return this.#host.status();
  }

  /** Releases all reservations and closes; later calls are refused with not_running. Does not reject. */
  async shutdown() {
    return this.#host ? this.#host.shutdown() : answerOf("not_running");
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.shutdown();
  }

  async #askOrThrow(event) {
    const answer = this.#host ? await this.#host.ask(event) : answerOf("not_running", event.type);
    if (!answer.ok) throw new LicenseError(answer);
    return answer;
  }

  async #errorOf(event) {
    const answer = this.#host ? await this.#host.ask(event) : answerOf("not_running", event.type);
    if (answer.ok) return undefined;
    const { context, entitlement } = event;
    return new LicenseError({ ...(context && { context }), ...(entitlement && { entitlement }), ...answer });
  }
}

/**
 * Reads the license files of a browser: from an <input>, fetched, or embedded.
 * @param {Iterable<any>} files
 * @returns {Promise<{name: string, data?: Uint8Array, error?: string}[]>}
 */
async function readFiles(files) {
  return Promise.all(
    Array.from(files, async (file) => {
      const { name } = file;
      try {
        if (typeof file.arrayBuffer === "function") return { name, data: new Uint8Array(await file.arrayBuffer()) };
        return { name, data: typeof file.data === "string" ? new TextEncoder().encode(file.data) : new Uint8Array(file.data) };
      } catch (error) {
        return { name, error: errorText(error) };
      }
    }),
  );
}

import { base64 } from "./base64.js";
import { describe, LicenseError, reason, refusal } from "./errors.js";
import { milliseconds, numbers, text } from "./events.js";
import { Host } from "./host.js";
import { read } from "./settings.js";

/**
 * Entitlements by license files: a directory of signed TXT files says what may be reserved, the server whether a slot is free.
 *
 * reserve answers with an error object instead of rejecting, so that a program can look at what it was refused; check is for the code that
 * must not run when somebody ignored that.
 */
export class Licensing {
  /** @type {import("./host.js").Platform} set by the entry for Node or browsers */
  static platform;

  #settings;
  #host;
  #onFailure;

  /** @param {object} settings */
  constructor(settings) {
    this.#settings = settings;
  }

  /** Loads the license files and starts. Rejects with the LicenseError that decided it; a file that is refused is named in status(). */
  async initialize() {
    const { directory, files, on_failure } = this.#settings ?? {};
    const settings = read(this.#settings, ["directory", "files", "on_failure"]);
    if (!settings.config.keyring) throw refusal("missing_setting", "keyring");
    if (settings.config.license_id) throw refusal("bad_setting", "license_id: the files name the licenses");
    const { platform } = this.constructor;
    if (directory === undefined && files === undefined) throw refusal("missing_setting", platform.readDirectory ? "directory" : "files");
    if (directory !== undefined && !platform.readDirectory) throw refusal("bad_setting", "directory: a browser gives files");
    const found = directory === undefined ? await contents(files) : await platform.readDirectory(directory);
    this.#onFailure = on_failure;
    this.#host = await Host.open(platform, settings, found.map(({ data, ...f }) => (data ? { ...f, data: base64(data) } : f)));
    return this;
  }

  /**
   * Takes one slot of an entitlement in a context, or counts one more holder of it.
   * @param {string} context
   * @param {string} entitlement
   * @param {{borrow?: number}} [options] borrow: ms for which the server is asked to leave it here, also while it is not reached
   * @returns {Promise<LicenseError | undefined>} nothing when it is granted; does not reject
   */
  async reserve(context, entitlement, { borrow } = {}) {
    try {
      return await this.#ask({ type: "reserve", context, entitlement, borrow: milliseconds(borrow) });
    } catch (error) {
      if (!(error instanceof LicenseError)) throw error;
      return error;
    }
  }

  /** Gives one hold back; the last one tells the server. @returns {Promise<boolean>} false, and nothing changed, when there was none */
  async unreserve(context, entitlement) {
    return !(await this.#ask({ type: "release", context, entitlement }));
  }

  /**
   * Passes when the entitlement is reserved, in the context or, if that is null, in any. Otherwise on_failure is called with the error object; without
   * one the call rejects, which ends a Node process that does not catch it.
   */
  async check(context, entitlement) {
    const error = await this.#ask({ type: "check", context: context || undefined, entitlement });
    if (!error) return;
    if (!this.#onFailure) throw error;
    await this.#onFailure(error);
  }

  /**
   * Sets the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for statistics.
   * @param {Record<string, number>} given whole numbers by their names
   */
  async statistics(given) {
    await this.#grant({ type: "statistics", numbers: numbers(given) });
  }

  /**
   * The request of the first license that the server is to answer, to be carried to it by hand (POST it to server_url + `/sync`). It is on the
   * disk, and stays the same until it is answered.
   * @returns {Promise<string>}
   */
  async exportRequest() {
    return (await this.#grant({ type: "export" })).body;
  }

  /**
   * Takes the server's answer that was carried back. Rejects with what the answer says, or why it is not to be believed; nothing has changed then.
   * @param {string} answer
   */
  async importAnswer(answer) {
    await this.#grant({ type: "import", body: text(answer) });
  }

  /** How the client stands; `files` has a verdict for each license file. A license's `receipt` is its last lease as the server signed it. */
  status() {
    if (!this.#host) throw refusal("not_running");
    return this.#host.status();
  }

  /** Releases everything and closes; later calls are refused with not_running. Does not reject. */
  async shutdown() {
    return this.#host ? this.#host.shutdown() : describe("not_running");
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.shutdown();
  }

  async #grant(event) {
    const answer = this.#host ? await this.#host.ask(event) : describe("not_running", event.type);
    if (!answer.ok) throw new LicenseError(answer);
    return answer;
  }

  async #ask(event) {
    const answer = this.#host ? await this.#host.ask(event) : describe("not_running", event.type);
    if (answer.ok) return undefined;
    const { context, entitlement } = event;
    return new LicenseError({ ...(context && { context }), ...(entitlement && { entitlement }), ...answer });
  }
}

/** Files as a browser has them: from an <input>, fetched, or built in. */
async function contents(files) {
  return Promise.all(
    Array.from(files, async (file) => {
      const { name } = file;
      try {
        if (typeof file.arrayBuffer === "function") return { name, data: new Uint8Array(await file.arrayBuffer()) };
        return { name, data: typeof file.data === "string" ? new TextEncoder().encode(file.data) : new Uint8Array(file.data) };
      } catch (error) {
        return { name, error: reason(error) };
      }
    }),
  );
}

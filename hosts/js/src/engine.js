// Runs the client module: compiles it after checking its hash, and passes calls to it (spec/abi.md).

import { errorText, newLicenseError, answerOf } from "./errors.js";
import { sha256 } from "./module_hash.js";
import { Wasi } from "./wasi.js";

const ABI_VERSION = 1;

/**
 * Exports of the module, as in spec/abi.md.
 * @typedef {object} ClientExports
 * @property {WebAssembly.Memory} memory
 * @property {() => void} _initialize
 * @property {() => number} abi_version
 * @property {(length: number) => number} alloc
 * @property {(at: number) => void} free
 * @property {(at: number, length: number) => number} call
 * @property {(handle: number, n: number, now: number) => number} consume
 * @typedef {WebAssembly.Exports & ClientExports} Exports
 */

/**
 * Compiles the module if its hash is the one that this package is made for. Compiling runs nothing; instances are made only from the
 * result.
 *
 * @param {Uint8Array} bytes
 * @param {Promise<WebAssembly.Module>} [compiling] a compilation of the same bytes that was started while they arrived
 * @returns {Promise<WebAssembly.Module>} rejects with module_mismatch
 */
export async function compileModule(bytes, compiling) {
  if (!globalThis.crypto?.subtle) {
    throw newLicenseError("module_mismatch", "the module cannot be checked: crypto.subtle needs a secure context (https or localhost)");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  const found = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) {
    compiling?.catch(() => {});
    throw newLicenseError("module_mismatch", `its SHA-256 is ${found}, expected ${sha256}; in a clone of the repository run 'make wasm'`);
  }
  try {
    return await (compiling ?? WebAssembly.compile(/** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  } catch (error) {
    if (!compiling) throw newLicenseError("module_mismatch", `it does not compile: ${errorText(error)}`);
    return compileModule(bytes); // not served as application/wasm, which streaming compilation requires
  }
}

/**
 * One instance of the module, which runs one call at a time. After an exception, or an answer with the code internal, its memory cannot be
 * trusted: drop the instance and start another.
 */
export class Engine {
  /** @type {Exports} */
  #exports;
  /** @type {Wasi} */
  #wasi;

  /**
   * @param {WebAssembly.Module} module from {@link compileModule}
   * @param {{now: () => number, mono: () => number}} clock
   */
  static async start(module, clock) {
    const wasi = new Wasi(clock);
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.imports });
    const exports = /** @type {Exports} */ (instance.exports);
    const engine = new Engine();
    engine.#exports = exports;
    engine.#wasi = wasi;
    wasi.setMemory(exports.memory);
    exports._initialize();
    if (exports.abi_version() !== ABI_VERSION) {
      throw newLicenseError(
        "module_mismatch",
        `it speaks version ${exports.abi_version()} of the host interface, this package ${ABI_VERSION}`,
      );
    }
    return engine;
  }

  /** What the module has written to stderr, such as the trace of a crash. */
  get stderr() {
    return this.#wasi.stderr;
  }

  /** The memory of the module, for diagnostics and tests. */
  get memory() {
    return this.#exports.memory;
  }

  /**
   * Performs one call of spec/abi.md.
   * @param {object} call
   * @returns {any} the reply
   */
  call(call) {
    const reply = this.callText(JSON.stringify(call));
    return reply === null ? { error: answerOf("bad_call", "the call is larger than the module takes") } : JSON.parse(reply);
  }

  /**
   * Performs one call given as JSON text.
   * @param {string} text
   * @returns {string | null} null when the call is too large
   */
  callText(text) {
    const { alloc, free, call, memory } = this.#exports;
    const bytes = new TextEncoder().encode(text);
    const at = alloc(bytes.length) >>> 0;
    if (at === 0) return null;
    new Uint8Array(memory.buffer, at, bytes.length).set(bytes);
    const out = call(at, bytes.length) >>> 0;
    const length = new DataView(memory.buffer).getUint32(out, true);
    const reply = new TextDecoder().decode(new Uint8Array(memory.buffer, out + 4, length));
    free(at);
    free(out);
    return reply;
  }

  /**
   * Counts calls without JSON. Returns 0: counted, 1: counted and a poll event is needed, 2: send a consume event, -1: unknown handle.
   * @param {number} handle
   * @param {number} n a whole number from 1 to 2^31 - 1
   * @param {number} now ms since 1970
   * @returns {number}
   */
  consume(handle, n, now) {
    return this.#exports.consume(handle, n, now);
  }
}

// The module in memory, and how a call gets into it and out again (spec/abi.md).

import { reason, refusal, describe } from "./errors.js";
import { sha256 } from "./pin.js";
import { Wasi } from "./wasi.js";

const ABI_VERSION = 1;

/**
 * Compiles the module if its bytes are the ones that this package is made for. Compiling runs nothing: an instance is made only
 * of what was returned here.
 *
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {Promise<WebAssembly.Module>} [compiling] of the same bytes, when it was begun while they arrived
 * @returns {Promise<WebAssembly.Module>} rejects with module_mismatch
 */
export async function compile(bytes, compiling) {
  if (!globalThis.crypto?.subtle) {
    throw refusal("module_mismatch", "the module cannot be checked: crypto.subtle needs a secure context (https or localhost)");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) {
    compiling?.catch(() => {});
    throw refusal("module_mismatch", `its SHA-256 is ${found}, expected ${sha256}; in a clone of the repository run 'make wasm'`);
  }
  try {
    return await (compiling ?? WebAssembly.compile(bytes));
  } catch (error) {
    if (!compiling) throw refusal("module_mismatch", `it does not compile: ${reason(error)}`);
    return compile(bytes); // not served as application/wasm, which compiling from a stream asks for
  }
}

/**
 * One instance of the module. It does one call at a time, which JavaScript sees to by itself. Any exception out of it, and any
 * answer with code internal, means that nothing in it can be relied on any more: drop it and start another.
 */
export class Engine {
  #exports;
  #wasi;

  /**
   * @param {WebAssembly.Module} module from {@link compile}
   * @param {{now: () => number, mono: () => number}} clock
   */
  static async start(module, clock) {
    const wasi = new Wasi(clock);
    const { exports } = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.imports });
    const engine = new Engine();
    engine.#exports = exports;
    engine.#wasi = wasi;
    wasi.bind(exports.memory);
    exports._initialize();
    if (exports.abi_version() !== ABI_VERSION) {
      throw refusal("module_mismatch", `it speaks version ${exports.abi_version()} of the host interface, this package ${ABI_VERSION}`);
    }
    return engine;
  }

  /** What the module wrote before it failed. */
  get stderr() {
    return this.#wasi.stderr;
  }

  /** The module's memory; only diagnostics and tests have a reason to look. */
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
    return reply === null ? { error: describe("bad_call", "the call is larger than the module takes") } : JSON.parse(reply);
  }

  /**
   * The same in JSON text.
   * @param {string} text
   * @returns {string | null} null when it is too large
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
   * The one call without JSON: 0 counted, 1 counted and effects wait, 2 ask by an event, -1 no such handle.
   * @param {number} handle
   * @param {number} n a whole number from 1 to 2^31 - 1
   * @param {number} now ms since 1970
   * @returns {number}
   */
  consume(handle, n, now) {
    return this.#exports.consume(handle, n, now);
  }
}

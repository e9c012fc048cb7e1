// The entry for browsers, and for every runtime that offers fetch, WebAssembly and the web's crypto.

import { systemClock } from "./clock.js";
import { OneLicenseClient as Client } from "./client.js";
import { compile, Engine } from "./engine.js";
import { reason, refusal } from "./errors.js";
import { Licensing as Files } from "./licensing.js";
import { WebStorage } from "./storage/web.js";
import { send } from "./transport.js";
import { verifier } from "./verify.js";

let loading;

/** Compiles once per page, while the module is still arriving. */
async function load(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch (error) {
    throw refusal("module_mismatch", `${url}: ${reason(error)}`);
  }
  if (!response.ok) throw refusal("module_mismatch", `${url}: HTTP status ${response.status}`);
  const compiling = WebAssembly.compileStreaming(response.clone());
  compiling.catch(() => {});
  return compile(new Uint8Array(await response.arrayBuffer()), compiling);
}

/** What the browser says of the system, as far as the statistics can hold it: short, and plain ASCII. */
function where() {
  const { userAgentData, platform } = globalThis.navigator ?? {};
  return String(userAgentData?.platform || platform || "unknown").toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "_").slice(0, 48);
}

/** @type {import("./host.js").Platform} */
const platform = Object.freeze({
  name: `browser/${where()}`,
  loadModule(url = new URL("../client.wasm", import.meta.url)) {
    loading ??= load(url).catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  },
  startEngine: Engine.start,
  storage: (named, name) => new WebStorage(named ?? name),
  clock: systemClock,
  send,
  turn() {
    // Unlike a timeout this is not slowed down in a tab that is not seen.
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  },
  atExit: () => () => {}, // a page that goes cannot wait; what was journaled stays
});

export class OneLicenseClient extends Client {
  static platform = platform;
}

export class Licensing extends Files {
  static platform = platform;
}

/** Loads license files and starts: `new Licensing(settings).initialize()`. @param {object} settings */
export const initialize = (settings) => new Licensing(settings).initialize();

export const { root, verify, verifyReceipt } = verifier(platform);

export { LicenseError } from "./errors.js";
export { sha256 as moduleSha256 } from "./pin.js";
export { MemoryStorage } from "./storage/memory.js";
export { WebStorage } from "./storage/web.js";
export { codes, verdict, verdicts } from "./verdicts.js";
export { version } from "./version.js";

// Entry point for browsers, and for other runtimes with fetch, WebAssembly and Web Crypto.

import { systemClock } from "./clock.js";
import { OneLicenseClient as BaseClient } from "./client.js";
import { compileModule, Engine } from "./engine.js";
import { errorText, newLicenseError } from "./errors.js";
import { Licensing as BaseLicensing } from "./licensing.js";
import { WebStorage } from "./storage/web.js";
import { send } from "./transport.js";
import { createVerifier } from "./verify.js";

let loadingModule;

/** Fetches the module and compiles it while it arrives. */
async function fetchModule(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch (error) {
    throw newLicenseError("module_mismatch", `${url}: ${errorText(error)}`);
  }
  if (!response.ok) throw newLicenseError("module_mismatch", `${url}: HTTP status ${response.status}`);
  const compiling = WebAssembly.compileStreaming(response.clone());
  compiling.catch(() => {});
  return compileModule(new Uint8Array(await response.arrayBuffer()), compiling);
}

/** Returns the operating system as the browser reports it, shortened to the ASCII characters that statistics allow. */
function platformName() {
  const { userAgentData, platform } = /** @type {any} */ (globalThis.navigator ?? {});
  return String(userAgentData?.platform || platform || "unknown")
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "_")
    .slice(0, 48);
}

/** @type {import("./host.js").Platform} */
const platform = Object.freeze({
  name: `browser/${platformName()}`,
  loadModule(url = new URL("../client.wasm", import.meta.url)) {
    loadingModule ??= fetchModule(url).catch((error) => {
      loadingModule = undefined;
      throw error;
    });
    return loadingModule;
  },
  startEngine: Engine.start,
  storage: (named, name) => new WebStorage(named ?? name),
  clock: systemClock,
  send,
  nextTick() {
    // Unlike a timeout, a message is not throttled in a background tab.
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  },
  atExit: () => () => {}, // a page that is closed cannot wait; journaled calls are reported with the next run
});

export class OneLicenseClient extends BaseClient {
  static platform = platform;
}

export class Licensing extends BaseLicensing {
  static platform = platform;
}

/** Loads license files and starts, as `new Licensing(settings).initialize()`. @param {object} settings */
export const initialize = (settings) => new Licensing(settings).initialize();

export const { root, verify, verifyReceipt } = createVerifier(platform);

export { LicenseError } from "./errors.js";
export { sha256 as moduleSha256 } from "./module_hash.js";
export { MemoryStorage } from "./storage/memory.js";
export { WebStorage } from "./storage/web.js";
export { codes, verdict, verdicts } from "./verdicts.js";
export { version } from "./version.js";

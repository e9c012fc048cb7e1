// Entry point for Node.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { systemClock } from "./clock.js";
import { OneLicenseClient as BaseClient } from "./client.js";
import { readDirectory } from "./license_directory.js";
import { compileModule, Engine } from "./engine.js";
import { errorText, newLicenseError } from "./errors.js";
import { Licensing as BaseLicensing } from "./licensing.js";
import { platformName } from "./machine.js";
import { defaultFolder, FileStorage } from "./storage/file.js";
import { send } from "./transport.js";
import { createVerifier } from "./verify.js";

let loadingModule;

async function readModule(url) {
  let bytes;
  try {
    bytes = await readFile(url);
  } catch (error) {
    throw newLicenseError("module_mismatch", `${errorText(error)}; in a clone of the repository run 'make wasm'`);
  }
  return compileModule(bytes);
}

/** Clients that are not shut down yet, for the end of the process. */
const openClients = new Set();

function shutDownAll() {
  for (const hooks of openClients) void hooks.shutdown();
}

function closeAllNow() {
  for (const hooks of openClients) hooks.closeNow();
}

/** @type {import("./host.js").Platform & {readDirectory: typeof readDirectory}} */
export const platform = Object.freeze({
  name: platformName(),
  loadModule(url) {
    if (url !== undefined) return readModule(url);
    loadingModule ??= readModule(new URL("../client.wasm", import.meta.url)).catch((error) => {
      loadingModule = undefined;
      throw error;
    });
    return loadingModule;
  },
  startEngine: Engine.start,
  storage: (named, name) => new FileStorage(resolve(named ?? defaultFolder(name.replaceAll(/[^\w-]/g, "_")))),
  clock: systemClock,
  send,
  nextTick: () => new Promise((done) => setImmediate(done)),
  // At the natural end of a program its clients are shut down; in process.exit(), which cannot wait, they store their counts.
  atExit(hooks) {
    if (openClients.size === 0) process.on("beforeExit", shutDownAll).on("exit", closeAllNow);
    openClients.add(hooks);
    return () => {
      if (openClients.delete(hooks) && openClients.size === 0) process.off("beforeExit", shutDownAll).off("exit", closeAllNow);
    };
  },
  readDirectory,
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
export { machineParts } from "./machine.js";
export { sha256 as moduleSha256 } from "./module_hash.js";
export { FileStorage } from "./storage/file.js";
export { MemoryStorage } from "./storage/memory.js";
export { codes, verdict, verdicts } from "./verdicts.js";
export { version } from "./version.js";

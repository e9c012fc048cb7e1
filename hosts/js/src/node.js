// The entry for Node.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { systemClock } from "./clock.js";
import { OneLicenseClient as Client } from "./client.js";
import { readDirectory } from "./directory.js";
import { compile, Engine } from "./engine.js";
import { reason, refusal } from "./errors.js";
import { Licensing as Files } from "./licensing.js";
import { platformName } from "./machine.js";
import { defaultFolder, FileStorage } from "./storage/file.js";
import { send } from "./transport.js";
import { verifier } from "./verify.js";

let loading;

async function load(url) {
  let bytes;
  try {
    bytes = await readFile(url);
  } catch (error) {
    throw refusal("module_mismatch", `${reason(error)}; in a clone of the repository run 'make wasm'`);
  }
  return compile(bytes);
}

/** Clients that were not shut down when the process ends. */
const open = new Set();

function gently() {
  for (const end of open) end.gently();
}

function atOnce() {
  for (const end of open) end.now();
}

/** @type {import("./host.js").Platform & {readDirectory: typeof readDirectory}} */
export const platform = Object.freeze({
  name: platformName(),
  loadModule(url) {
    if (url !== undefined) return load(url);
    loading ??= load(new URL("../client.wasm", import.meta.url)).catch((error) => {
      loading = undefined;
      throw error;
    });
    return loading;
  },
  startEngine: Engine.start,
  storage: (named, name) => new FileStorage(resolve(named ?? defaultFolder(name.replaceAll(/[^\w-]/g, "_")))),
  clock: systemClock,
  send,
  turn: () => new Promise((done) => setImmediate(done)),
  // A program that comes to its end says goodbye as with shutdown(); one that calls process.exit() stores what it has counted.
  atExit(end) {
    if (open.size === 0) process.on("beforeExit", gently).on("exit", atOnce);
    open.add(end);
    return () => {
      if (open.delete(end) && open.size === 0) process.off("beforeExit", gently).off("exit", atOnce);
    };
  },
  readDirectory,
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
export { machineParts } from "./machine.js";
export { sha256 as moduleSha256 } from "./pin.js";
export { FileStorage } from "./storage/file.js";
export { MemoryStorage } from "./storage/memory.js";
export { codes, verdict, verdicts } from "./verdicts.js";
export { version } from "./version.js";

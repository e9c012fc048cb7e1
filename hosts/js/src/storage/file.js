import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { LicenseError, errorText, newLicenseError } from "../errors.js";
import { Lock } from "./lock.js";

const MAX_STATE = 2 * 1024 * 1024; // bytes; far more than any state has

/**
 * Stores the state in a file of a private folder, which is locked while the storage is open. A save replaces the whole file and resolves
 * once it is on the disk.
 */
export class FileStorage {
  #folder;
  /** @type {Lock | undefined} */
  #lock;

  /** @param {string} folder created with mode 0700 if it is missing */
  constructor(folder) {
    this.#folder = folder;
  }

  get #path() {
    return join(this.#folder, "state");
  }

  /** Locks the folder. @returns {Promise<string>} the stored state, or ""; rejects with in_use or storage_failed */
  async open() {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      this.#lock = await Lock.acquire(this.#folder);
      for (const name of await readdir(this.#folder)) {
        if (/^state\.[0-9a-f]{16}$/.test(name)) await rm(join(this.#folder, name), { force: true }); // left by a crash
      }
      const { size } = await stat(this.#path);
      if (size > MAX_STATE) throw new Error(`${this.#path} has ${size} bytes, which no state has`);
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if (error.code === "ENOENT" && this.#lock) return "";
      this.closeNow();
      throw error instanceof LicenseError ? error : newLicenseError("storage_failed", errorText(error));
    }
  }

  /** @param {string} state */
  async save(state) {
    const fresh = this.#temporaryPath();
    try {
      const file = await open(fresh, "wx", 0o600);
      try {
        await file.writeFile(state);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#lock.verifyHeld();
      await rename(fresh, this.#path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw error;
    }
    if (process.platform === "win32") return; // Windows cannot sync folders
    const folder = await open(this.#folder);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** Saves synchronously, for a process that is exiting. @param {string} state */
  saveNow(state) {
    const fresh = this.#temporaryPath();
    try {
      const file = openSync(fresh, "wx", 0o600);
      try {
        writeSync(file, state);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(fresh, this.#path);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
  }

  async close() {
    this.closeNow();
  }

  closeNow() {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #temporaryPath() {
    return join(this.#folder, `state.${randomBytes(8).toString("hex")}`);
  }
}

/**
 * Returns the default folder of a state, in the user's data folder. Hosts in other languages lock with flock, which Node cannot use, so
 * their folders are different ones.
 *
 * @param {string} name
 */
export function defaultFolder(name) {
  const { LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  const data =
    {
      win32: () => LOCALAPPDATA || join(homedir(), "AppData", "Local"),
      darwin: () => join(homedir(), "Library", "Application Support"),
    }[process.platform] ?? (() => XDG_DATA_HOME || join(homedir(), ".local", "share"));
  return join(data(), "onelicense", `${name}-node`);
}

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { mkdir, open, readFile, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { LicenseError, reason, refusal } from "../errors.js";
import { Lock } from "./lock.js";

const LARGEST = 2 * 1024 * 1024; // bytes; no state comes near

/**
 * Keeps the state in a file of a private folder, which is locked while it is open. A save replaces the file as a whole and has
 * reached the disk when it resolves.
 */
export class FileStorage {
  #folder;
  #lock;

  /** @param {string} folder made with mode 0700 if it is missing */
  constructor(folder) {
    this.#folder = folder;
  }

  get #path() {
    return join(this.#folder, "state");
  }

  /** @returns {Promise<string>} the saved state, or "" when there is none; rejects with in_use or storage_failed */
  async open() {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      this.#lock = await Lock.take(this.#folder);
      for (const name of await readdir(this.#folder)) {
        if (/^state\.[0-9a-f]{16}$/.test(name)) await rm(join(this.#folder, name), { force: true }); // of a crash
      }
      const { size } = await stat(this.#path);
      if (size > LARGEST) throw new Error(`${this.#path} has ${size} bytes, which no state has`);
      return await readFile(this.#path, "utf8");
    } catch (error) {
      if (error.code === "ENOENT" && this.#lock) return "";
      this.closeNow();
      throw error instanceof LicenseError ? error : refusal("storage_failed", reason(error));
    }
  }

  /** @param {string} state */
  async save(state) {
    const fresh = this.#temporary();
    try {
      const file = await open(fresh, "wx", 0o600);
      try {
        await file.writeFile(state);
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#lock.confirm();
      await rename(fresh, this.#path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw error;
    }
    if (process.platform === "win32") return; // folders cannot be synced there
    const folder = await open(this.#folder);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  /** The same at once, for a process that is ending. @param {string} state */
  saveNow(state) {
    const fresh = this.#temporary();
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

  #temporary() {
    return join(this.#folder, `state.${randomBytes(8).toString("hex")}`);
  }
}

/**
 * The folder of a state when the program names none, in the user's own data folder. Hosts in other languages lock with flock, which
 * Node can neither see nor take: so theirs are other folders.
 *
 * @param {string} name
 */
export function defaultFolder(name) {
  const { LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  const data = {
    win32: () => LOCALAPPDATA || join(homedir(), "AppData", "Local"),
    darwin: () => join(homedir(), "Library", "Application Support"),
  }[process.platform] ?? (() => XDG_DATA_HOME || join(homedir(), ".local", "share"));
  return join(data(), "onelicense", `${name}-node`);
}

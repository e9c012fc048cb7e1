// Exclusive lock of a folder without flock, which Node does not offer.
//
// A process that wants the folder creates a claim in it, a file whose *name* identifies the process, so that a claim is never half written.
// Then it looks for claims of other processes:
//
//   - Of two claims one was created first, and the process that created the second sees it. So two processes can never both continue; at
//     worst both remove their claims and retry after different delays.
//   - Names are never reused, and dead processes stay dead. So any process may remove a dead claim at any time, and none removes a live one
//     by mistake.
//
// A claim is dead when its process has ended, or when another process has its id by now: Linux knows the start time of a process. Where
// that cannot be known (another container or machine with the same folder, another operating system) a live holder is recognised by its
// heartbeat, a write into its claim every few seconds. A holder that finds its claim removed, such as after a long sleep, must not write
// any more.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync, rmSync } from "node:fs";
import { access, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { newLicenseError } from "../errors.js";

const HEARTBEAT = 10_000; // ms between two heartbeats
const DEAD_AFTER = 45_000; // ms without a heartbeat, by the clock of the file system
const ATTEMPTS = 5;

/** Identifies the scope in which process ids are unique: this boot of this machine, and this container. */
const processSpace = createHash("sha256").update(processSpaceName()).digest("hex").slice(0, 12);

export class Lock {
  #path;
  #timer;

  /**
   * @param {string} folder
   * @returns {Promise<Lock>} rejects with in_use
   */
  static async acquire(folder) {
    for (let attempt = 1; ; attempt++) {
      const name = `lock.${processSpace}.${process.pid}.${startTime(process.pid) ?? 0}.${randomBytes(8).toString("hex")}`;
      const path = join(folder, name);
      await (await open(path, "wx", 0o600)).close();
      try {
        const rival = await findRival(folder, name);
        if (!rival) return new Lock(path);
        if (attempt === ATTEMPTS) {
          throw newLicenseError("in_use", `process ${rival.pid} has ${folder}; if that is not so, remove ${rival.name} there`);
        }
      } catch (error) {
        rmSync(path, { force: true });
        throw error;
      }
      await rm(path, { force: true });
      await delay(Math.random() * 10 * attempt);
    }
  }

  /** @param {string} path of the claim */
  constructor(path) {
    this.#path = path;
    this.#timer = setInterval(() => writeFile(path, ".", { flag: "r+" }).catch(() => {}), HEARTBEAT);
    this.#timer.unref();
  }

  /** Rejects with in_use when another process has removed the claim. */
  async verifyHeld() {
    await access(this.#path).catch(() => {
      throw newLicenseError("in_use", "another process has taken the state over");
    });
  }

  release() {
    clearInterval(this.#timer);
    rmSync(this.#path, { force: true });
  }
}

/** Returns the first live claim of another process, and removes dead ones. */
async function findRival(folder, own) {
  for (const name of await readdir(folder)) {
    const [, where, pid, start] = /^lock\.([0-9a-f]{12})\.(\d+)\.(\d+)\.[0-9a-f]{16}$/.exec(name) ?? [];
    if (!where || name === own) continue;
    const claim = { name, where, pid: Number(pid), start };
    if (await isAlive(folder, claim, own)) return claim;
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

async function isAlive(folder, claim, own) {
  if (claim.where === processSpace) {
    if (!processExists(claim.pid)) return false;
    const start = startTime(claim.pid);
    if (start !== undefined && claim.start !== "0") return start === claim.start;
  }
  try {
    const [theirs, ours] = await Promise.all([stat(join(folder, claim.name)), stat(join(folder, own))]);
    return ours.mtimeMs - theirs.mtimeMs < DEAD_AFTER;
  } catch (error) {
    if (error.code === "ENOENT") return false; // just released
    throw error;
  }
}

function processExists(pid) {
  try {
    process.kill(pid, 0); // signal 0 only checks that the process exists
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

/** Returns the start time of a process in ticks since boot; undefined where it is not known, "0" when the process has ended. */
function startTime(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return "ZX".includes(fields[0]) ? "0" : fields[19];
  } catch {
    return undefined;
  }
}

function processSpaceName() {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1") + readlinkSync("/proc/self/ns/pid");
  } catch {
    return `host ${hostname()}`;
  }
}

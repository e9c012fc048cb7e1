// One holder of a folder, without flock, which Node does not offer.
//
// Whoever wants the folder puts a claim into it, a file whose *name* says who claims, so that it is there whole or not at all, and then
// looks whether somebody else's claim is there:
//
//   - Of two claims one was made first, and whoever made the second sees it. So two can never both go on; at worst both
//     step back and try again, each after its own time.
//   - Names are never used twice, and the dead do not come back. So a dead process's claim may be removed by anyone at any
//     time, and nobody can remove a living one by mistake.
//
// A claim is dead when its process is gone, or when another process has its number by now: Linux tells when a process started. Where
// that cannot be known (another container or machine on the same folder, another system) a living holder is known by its writing into
// its claim every few seconds; a holder that finds its claim removed, after a long sleep perhaps, must not write any more.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync, rmSync } from "node:fs";
import { access, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { refusal } from "../errors.js";

const TOUCH = 10_000; // ms between two signs of life
const SILENT = 45_000; // ms without one, by the clock of the file system
const ATTEMPTS = 5;

/** Where processes are told apart by number: this boot of this machine, and this container. */
const place = createHash("sha256").update(whereabouts()).digest("hex").slice(0, 12);

export class Lock {
  #path;
  #timer;

  /**
   * @param {string} folder
   * @returns {Promise<Lock>} rejects with in_use
   */
  static async take(folder) {
    for (let attempt = 1; ; attempt++) {
      const name = `lock.${place}.${process.pid}.${started(process.pid) ?? 0}.${randomBytes(8).toString("hex")}`;
      const path = join(folder, name);
      await (await open(path, "wx", 0o600)).close();
      try {
        const rival = await findRival(folder, name);
        if (!rival) return new Lock(path);
        if (attempt === ATTEMPTS) {
          throw refusal("in_use", `process ${rival.pid} has ${folder}; if that is not so, remove ${rival.name} there`);
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
    this.#timer = setInterval(() => writeFile(path, ".", { flag: "r+" }).catch(() => {}), TOUCH);
    this.#timer.unref();
  }

  /** Fails when the claim was removed. */
  async confirm() {
    await access(this.#path).catch(() => {
      throw refusal("in_use", "another process has taken the state over");
    });
  }

  release() {
    clearInterval(this.#timer);
    rmSync(this.#path, { force: true });
  }
}

/** The first living claim but our own; dead ones are removed. */
async function findRival(folder, own) {
  for (const name of await readdir(folder)) {
    const [, where, pid, start] = /^lock\.([0-9a-f]{12})\.(\d+)\.(\d+)\.[0-9a-f]{16}$/.exec(name) ?? [];
    if (!where || name === own) continue;
    const claim = { name, where, pid: Number(pid), start };
    if (await living(folder, claim, own)) return claim;
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

async function living(folder, claim, own) {
  if (claim.where === place) {
    if (!exists(claim.pid)) return false;
    const start = started(claim.pid);
    if (start !== undefined && claim.start !== "0") return start === claim.start;
  }
  try {
    const [theirs, ours] = await Promise.all([stat(join(folder, claim.name)), stat(join(folder, own))]);
    return ours.mtimeMs - theirs.mtimeMs < SILENT;
  } catch (error) {
    if (error.code === "ENOENT") return false; // released just now
    throw error;
  }
}

function exists(pid) {
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}

/** When a process started, in ticks since boot; undefined where that is not known, "0" when it has ended. */
function started(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "").split(" ");
    return "ZX".includes(fields[0]) ? "0" : fields[19];
  } catch {
    return undefined;
  }
}

function whereabouts() {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1") + readlinkSync("/proc/self/ns/pid");
  } catch {
    return `host ${hostname()}`;
  }
}

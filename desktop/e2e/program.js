// The desktop program as it is shipped, on an empty data directory of its own.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { drive, freePort } from "./driver.js";
import { until } from "./until.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = process.env.ONELICENSE_DESKTOP ?? join(root, "build/onelicense-desktop");
const shim = process.env.ONELICENSE_SHIM ?? join(root, "build/desktop-shim.so");

/** Runs a tool and gives what it printed. */
export function tool(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 20_000 });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout.trim();
}

/** Settings that keep a test from others' ports. */
export const prepare = (data) => writeFileSync(join(data, "settings.json"), JSON.stringify({ listen: "127.0.0.1:0" }));

/** Starts the program and opens its window. */
export async function open(data, { args = [], env = {} } = {}) {
  const inspector = await freePort();
  const begun = performance.timeOrigin + performance.now();
  const child = spawn(binary, ["--data", data, ...args], {
    env: { ...process.env, ...env, LD_PRELOAD: shim, WEBKIT_INSPECTOR_SERVER: `127.0.0.1:${inspector}` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaints = "";
  child.stderr.on("data", (text) => {
    complaints += text;
  });
  try {
    const id = await until("the window is there", () => windowOf(child.pid));
    const visible = performance.timeOrigin + performance.now() - begun;
    const page = await drive(inspector);
    return new Program(child, id, page, { begun, visible });
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${error.message}\n${complaints}\n${readFileSync(join(data, "desktop.log"), "utf8")}`, { cause: error });
  }
}

const windowOf = (pid) =>
  tool("xdotool", "search", "--onlyvisible", "--all", "--pid", String(pid), "--name", "^One License$").split("\n")[0];

class Program {
  constructor(child, window, page, times) {
    Object.assign(this, { pid: child.pid, window, page, ...times });
    this.ended = () => child.exitCode !== null || child.signalCode !== null;
    this.kill = () => child.kill("SIGKILL");
  }

  /** As a person closes it: by its menu's key. */
  async quit() {
    this.page.close();
    try {
      await until("the program has ended", () => {
        if (this.ended()) return;
        tool("xdotool", "windowactivate", this.window, "key", "ctrl+q");
        throw new Error("it runs");
      });
    } finally {
      this.kill();
    }
  }

  /** A picture of the window in its frame. The driver's own pictures have no menu. */
  picture(file) {
    tool("import", "-frame", "-window", this.window, file);
  }

  /** The share of its processes in the machine's memory, in MiB. */
  memory() {
    const pids = [this.pid, ...tool("pgrep", "-P", String(this.pid)).split("\n")];
    const pss = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0));
    return Math.round(pss.reduce((sum, kib) => sum + kib, 0) / 1024);
  }
}

/** Starts the program a second time, as a desktop does for a file; it ends by itself. */
export function startAgain(data, ...files) {
  const { status, signal, error } = spawnSync(binary, ["--data", data, ...files], { timeout: 20_000, stdio: "ignore" });
  if (signal || error) throw new Error(`the second start did not give way: ${error ?? signal}`);
  return status;
}

// Starts the real server with its pages, on an empty data directory and a free port.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const binary = process.env.ONELICENSE_BINARY ?? join(root, "build/onelicense");

export interface Server {
  url: string;
  /** The one-time link that creates the owner. */
  setup: string;
  stop: () => Promise<void>;
  /** Restarts the server with the same data and address. */
  kill: () => Promise<void>;
  restart: () => Promise<void>;
}

export async function serve(): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), "onelicense-e2e-"));
  let { process: running, url, setup } = await start(data, "127.0.0.1:0");
  const kill = () => ended(running);
  return {
    url,
    setup,
    kill,
    restart: async () => {
      ({ process: running } = await start(data, new URL(url).host));
    },
    stop: async () => {
      await kill();
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function start(data: string, listen: string): Promise<{ process: ChildProcess; url: string; setup: string }> {
  const child = spawn(binary, ["serve", "--data", data, "--listen", listen], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (text) => {
    log += text;
  });
  let url = "";
  for await (const line of createInterface({ input: child.stdout })) {
    const [found] = /https?:\/\/\S+/.exec(line) ?? [];
    if (found && line.startsWith("listening")) {
      url = found;
      if (!listen.endsWith(":0")) return { process: child, url, setup: "" };
    } else if (found) {
      return { process: child, url, setup: found };
    }
  }
  throw new Error(`${binary} did not start (run \`make build\`): ${log}`);
}

async function ended(child: ChildProcess) {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exit;
}

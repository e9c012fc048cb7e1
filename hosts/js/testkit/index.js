// Helpers of the tests: temporary folders, scripted servers, child processes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = fileURLToPath(new URL("../../../", import.meta.url));
export const packageRoot = fileURLToPath(new URL("../", import.meta.url));

export const ids = {
  product_id: "5edb10fecc150913cb7640f6",
  version_id: "5edb1105cc150913cb7640f7",
  license_id: "5edb1264cc150913cb7640f8",
};

const folders = [];

// Removed when the process exits: a client may still write after its test has ended.
process.once("exit", () => folders.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** Creates a temporary folder. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "onelicense-"));
  folders.push(path);
  return path;
}

/** Starts an HTTP server on loopback for one test. `answer` gets each response with its request and text. */
export async function scriptedServer(t, answer) {
  const requests = [];
  const http = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const text = Buffer.concat(parts).toString();
    requests.push({ url: request.url, method: request.method, headers: request.headers, text });
    await answer(response, { request, text });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  t.after(() => {
    http.close();
    http.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${http.address().port}/api/v1`, origin: `http://127.0.0.1:${http.address().port}`, requests };
}

/** Returns the URL of a port on which nothing listens. */
export async function unreachableURL() {
  const http = createServer();
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address();
  http.close();
  await once(http, "close");
  return `http://127.0.0.1:${port}/api/v1`;
}

/** Runs Node source text, which may import "onelicense", for one test. */
export function runProgram(t, source, ...args) {
  return spawnChild(t, process.execPath, ["--input-type=module", "-e", source, "--", ...args]);
}

/** Starts a child process. line() resolves to its next line, ended to {code, signal, out, err}. */
export function spawnChild(t, command, args, options = {}) {
  const process_ = spawn(command, args, { cwd: packageRoot, stdio: ["pipe", "pipe", "pipe"], ...options });
  t.after(() => process_.kill("SIGKILL"));
  let out = "";
  let err = "";
  const waiting = [];
  const lines = [];
  process_.stdout.setEncoding("utf8").on("data", (text) => {
    const whole = (out.slice(out.lastIndexOf("\n") + 1) + text).split("\n");
    out += text;
    for (const line of whole.slice(0, -1)) (waiting.shift() ?? { resolve: (l) => lines.push(l) }).resolve(line);
  });
  process_.stderr.setEncoding("utf8").on("data", (text) => (err += text));
  const ended = once(process_, "close").then(([code, signal]) => {
    for (const { reject } of waiting) reject(new Error(`the program ended with ${code ?? signal}\n${out}\n${err}`));
    return { code, signal, out, err };
  });
  const line = () => (lines.length ? Promise.resolve(lines.shift()) : new Promise((resolve, reject) => waiting.push({ resolve, reject })));
  return { process: process_, line, ended, kill: (signal) => process_.kill(signal) };
}

/** Clock that only the test advances. */
export class SimulatedClock {
  #at = 5_000;
  #timers = new Set();

  now = () => 1_790_000_000_000 + this.#at;
  mono = () => this.#at;
  set = (run, ms) => {
    const timer = { run, at: this.#at + ms };
    this.#timers.add(timer);
    return timer;
  };
  clear = (timer) => void this.#timers.delete(timer);

  /** Times of the pending timers, in ms from now. */
  get timers() {
    return [...this.#timers].map(({ at }) => at - this.#at).sort((a, b) => a - b);
  }

  pass(ms) {
    this.#at += ms;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#at)) {
      this.#timers.delete(timer);
      timer.run();
    }
  }
}

/** Resolves after pending microtasks and I/O callbacks have run. */
export const flushMicrotasks = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves to the code of the LicenseError that a promise rejects with, or to "ok". */
export async function errorCode(promise) {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (error.name !== "LicenseError") throw error;
    return error.code;
  }
}

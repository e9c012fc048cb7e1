// What the tests share: folders that vanish, servers that answer by script, programs that are spawned.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));
export const here = fileURLToPath(new URL("../", import.meta.url));

export const ids = {
  product_id: "5edb10fecc150913cb7640f6",
  version_id: "5edb1105cc150913cb7640f7",
  license_id: "5edb1264cc150913cb7640f8",
};

const folders = [];

// At the end of all tests of a file: a client of a test may write until its own end, which comes after that of the test.
process.once("exit", () => folders.forEach((path) => rmSync(path, { recursive: true, force: true })));

/** A folder for one test. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "onelicense-"));
  folders.push(path);
  return path;
}

/** A server on loopback for one test; answer gets each request with its text. */
export async function server(t, answer) {
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

/** An address at which nobody listens. */
export async function nowhere() {
  const http = createServer();
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address();
  http.close();
  await once(http, "close");
  return `http://127.0.0.1:${port}/api/v1`;
}

/** A Node program for one test: source text that may import "onelicense" by its name. */
export function program(t, source, ...args) {
  return child(t, process.execPath, ["--input-type=module", "-e", source, "--", ...args]);
}

/** A child process; lines() waits for its next line, ended resolves to {code, signal, out, err}. */
export function child(t, command, args, options = {}) {
  const process_ = spawn(command, args, { cwd: here, stdio: ["pipe", "pipe", "pipe"], ...options });
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
  const line = () =>
    lines.length ? Promise.resolve(lines.shift()) : new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  return { process: process_, line, ended, kill: (signal) => process_.kill(signal) };
}

/** Time that passes only when the test says so. */
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

  /** Timers that are set, as ms from now. */
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

/** Lets everything that is ready happen. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The code of the LicenseError that a promise rejects with; "ok" when it does not. */
export async function codeOf(promise) {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (error.name !== "LicenseError") throw error;
    return error.code;
  }
}

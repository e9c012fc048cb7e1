// The engine: the pinned module, its shim, and what becomes of an instance that failed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { OneLicenseClient, moduleSha256 } from "onelicense";

import { compile, Engine } from "../src/engine.js";
import { platform } from "../src/node.js";
import { size } from "../src/pin.js";
import { Wasi } from "../src/wasi.js";
import { codeOf, folder, ids, root } from "../testkit/index.js";

const bytes = readFileSync(new URL("../client.wasm", import.meta.url));
const start = async (clock = platform.clock) => Engine.start(await platform.loadModule(), clock);
const config = { server_url: "http://127.0.0.1/api/v1", ...ids };
const random = Buffer.alloc(32, 7).toString("base64");

// proves N01
test("the pin is that of the committed module", (t) => {
  const description = join(root, "wasm/dist/client.json");
  assert.equal(createHash("sha256").update(bytes).digest("hex"), moduleSha256);
  assert.equal(bytes.length, size);
  if (!existsSync(description)) return t.skip("not in the repository");
  assert.equal(JSON.parse(readFileSync(description, "utf8")).sha256, moduleSha256);
});

// proves N01
test("a changed module is refused before anything of it runs", async () => {
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] ^= 1;
  assert.equal(await codeOf(compile(changed)), "module_mismatch");
  assert.equal(await codeOf(compile(Buffer.from("not a module"))), "module_mismatch");
});

test("a missing module is named with what to do", async (t) => {
  const module_url = join(folder(), "client.wasm");
  const error = await OneLicenseClient.create({ ...config, module_url }).catch((e) => e);
  assert.equal(error.code, "module_mismatch");
  assert.match(error.detail, /make wasm/);
});

test("the shim has exactly what the module imports", async () => {
  const wanted = WebAssembly.Module.imports(await platform.loadModule());
  assert.ok(wanted.every(({ module }) => module === "wasi_snapshot_preview1"));
  const names = new Set(wanted.map(({ name }) => name));
  assert.deepEqual([...names].sort(), Object.keys(new Wasi(platform.clock).imports).sort());
});

test("randomness is the system's: no two draws are alike", () => {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const wasi = new Wasi(platform.clock);
  wasi.bind(memory);
  const draws = new Set();
  for (let i = 0; i < 64; i++) {
    assert.equal(wasi.imports.random_get(16 * i, 16), 0);
    draws.add(Buffer.from(memory.buffer, 16 * i, 16).toString("hex"));
  }
  assert.equal(draws.size, 64);

  const most = 150_000; // more than getRandomValues gives at once
  wasi.imports.random_get(0, most);
  const filled = new Uint8Array(memory.buffer);
  for (let at = 0; at < most; at += 10_000) assert.ok(filled.subarray(at, at + 10_000).some((b) => b !== 0));
  assert.ok(filled.subarray(most).every((b) => b === 0));
});

test("the clocks are the host's", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const wasi = new Wasi({ now: () => 1_790_000_000_123, mono: () => 42.5 });
  wasi.bind(memory);
  wasi.imports.clock_time_get(0, 0n, 8);
  wasi.imports.clock_time_get(1, 0n, 16);
  const view = new DataView(memory.buffer);
  assert.equal(view.getBigUint64(8, true), 1_790_000_000_123_000_000n);
  assert.equal(view.getBigUint64(16, true), 42_500_000n);

  const before = Date.now();
  const now = platform.clock.now();
  assert.ok(before <= now && now <= Date.now());
});

test("what the module writes is kept up to a limit", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const wasi = new Wasi(platform.clock);
  wasi.bind(memory);
  const view = new DataView(memory.buffer);
  new Uint8Array(memory.buffer, 1024, 8192).fill(0x61);
  view.setUint32(0, 1024, true);
  view.setUint32(4, 8192, true);
  for (let i = 0; i < 10; i++) {
    assert.equal(wasi.imports.fd_write(2, 0, 1, 16), 0);
    assert.equal(view.getUint32(16, true), 8192);
  }
  assert.equal(wasi.stderr, "a".repeat(16 * 1024));
  assert.notEqual(wasi.imports.fd_write(3, 0, 1, 16), 0);
});

test("an instance stays small through thousands of calls", async () => {
  const engine = await start();
  for (let i = 0; i < 3_000; i++) {
    const { handle } = engine.call({ op: "new", config, random });
    engine.call({ op: "close", handle });
  }
  assert.ok(engine.memory.buffer.byteLength <= 32 << 20);
});

test("what does not fit into a call is refused, and the instance goes on", async () => {
  const engine = await start();
  assert.equal(engine.call({ op: "verify", keys: "x".repeat(5 << 20) }).error.code, "bad_call");
  assert.equal(engine.call({ op: "new", config, random }).error, undefined);
});

test("a broken instance traps instead of answering", async () => {
  const engine = await start();
  const { handle } = engine.call({ op: "new", config, random });
  new Uint8Array(engine.memory.buffer).fill(0xff);
  assert.throws(() => engine.call({ op: "status", handle }));
});

// The engine: the hash of the module, its imports, and failed instances.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { OneLicenseClient, moduleSha256 } from "onelicense";

import { compileModule, Engine } from "../src/engine.js";
import { platform } from "../src/node.js";
import { size } from "../src/module_hash.js";
import { Wasi } from "../src/wasi.js";
import { errorCode, temporaryFolder, ids, repositoryRoot } from "../testkit/index.js";

const bytes = readFileSync(new URL("../client.wasm", import.meta.url));
const start = async (clock = platform.clock) => Engine.start(await platform.loadModule(), clock);
const config = { server_url: "http://127.0.0.1/api/v1", ...ids };
const random = Buffer.alloc(32, 7).toString("base64");

// proves N01
test("the package has the hash of the committed module", (t) => {
  const description = join(repositoryRoot, "wasm/dist/client.json");
  assert.equal(createHash("sha256").update(bytes).digest("hex"), moduleSha256);
  assert.equal(bytes.length, size);
  if (!existsSync(description)) return t.skip("not in the repository");
  assert.equal(JSON.parse(readFileSync(description, "utf8")).sha256, moduleSha256);
});

// proves N01
test("refuses a changed module before it runs", async () => {
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] ^= 1;
  assert.equal(await errorCode(compileModule(changed)), "module_mismatch");
  assert.equal(await errorCode(compileModule(Buffer.from("not a module"))), "module_mismatch");
});

test("reports a missing module with advice", async (t) => {
  const module_url = join(temporaryFolder(), "client.wasm");
  const error = await OneLicenseClient.create({ ...config, module_url }).catch((e) => e);
  assert.equal(error.code, "module_mismatch");
  assert.match(error.detail, /make wasm/);
});

test("provides exactly the imports of the module", async () => {
  const wanted = WebAssembly.Module.imports(await platform.loadModule());
  assert.ok(wanted.every(({ module }) => module === "wasi_snapshot_preview1"));
  const names = new Set(wanted.map(({ name }) => name));
  assert.deepEqual([...names].sort(), Object.keys(new Wasi(platform.clock).imports).sort());
});

test("random_get returns different bytes each time", () => {
  const memory = new WebAssembly.Memory({ initial: 4 });
  const wasi = new Wasi(platform.clock);
  wasi.setMemory(memory);
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

test("clock_time_get uses the clock of the host", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const wasi = new Wasi({ now: () => 1_790_000_000_123, mono: () => 42.5 });
  wasi.setMemory(memory);
  wasi.imports.clock_time_get(0, 0n, 8);
  wasi.imports.clock_time_get(1, 0n, 16);
  const view = new DataView(memory.buffer);
  assert.equal(view.getBigUint64(8, true), 1_790_000_000_123_000_000n);
  assert.equal(view.getBigUint64(16, true), 42_500_000n);

  const before = Date.now();
  const now = platform.clock.now();
  assert.ok(before <= now && now <= Date.now());
});

test("keeps the output of the module up to a limit", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const wasi = new Wasi(platform.clock);
  wasi.setMemory(memory);
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

test("the memory of an instance stays small", async () => {
  const engine = await start();
  for (let i = 0; i < 3_000; i++) {
    const { handle } = engine.call({ op: "new", config, random });
    engine.call({ op: "close", handle });
  }
  assert.ok(engine.memory.buffer.byteLength <= 32 << 20);
});

test("refuses a call that is too large, and continues", async () => {
  const engine = await start();
  assert.equal(engine.call({ op: "verify", keys: "x".repeat(5 << 20) }).error.code, "bad_call");
  assert.equal(engine.call({ op: "new", config, random }).error, undefined);
});

test("a broken instance traps", async () => {
  const engine = await start();
  const { handle } = engine.call({ op: "new", config, random });
  new Uint8Array(engine.memory.buffer).fill(0xff);
  assert.throws(() => engine.call({ op: "status", handle }));
});

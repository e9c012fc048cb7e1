// The entry point for browsers, as far as Node can test it: it imports nothing of Node.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { errorCode, ids, unreachableURL, repositoryRoot, scriptedServer } from "../testkit/index.js";

const src = new URL("../src/", import.meta.url);

/** Every module that an entry reaches, and what they import from elsewhere. */
function graph(entry) {
  const [reached, foreign] = [new Set(), new Set()];
  const visit = (url) => {
    if (reached.has(url.href)) return;
    reached.add(url.href);
    const text = readFileSync(url, "utf8");
    for (const [, name] of text.matchAll(/^\s*(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"/gm)) {
      if (name?.startsWith(".")) visit(new URL(name, url));
      else foreign.add(name);
    }
    assert.doesNotMatch(text.replaceAll(/import\("\.\/[^)]*"\)/g, ""), /\bimport\s*\(|\brequire\s*\(/, `${url} imports while it runs`);
  };
  visit(new URL(entry, src));
  return { reached, foreign };
}

// proves C16
test("the browser entry point imports nothing of Node", () => {
  const { reached, foreign } = graph("index.js");
  assert.ok(reached.size > 10);
  assert.deepEqual([...foreign], []);
  for (const url of reached) assert.doesNotMatch(readFileSync(new URL(url), "utf8"), /\b(process|Buffer)\.[a-z]|\bsetImmediate\(/, url);
  const node = graph("node.js");
  assert.ok(
    [...node.foreign].every((name) => name.startsWith("node:")),
    "no dependency",
  );
});

async function browser(t, { type = "application/wasm", change = (b) => b } = {}) {
  const bytes = change(readFileSync(new URL("../client.wasm", import.meta.url)));
  const { origin } = await scriptedServer(t, (response, { request }) =>
    request.url === "/client.wasm" ? response.writeHead(200, { "content-type": type }).end(bytes) : response.writeHead(404).end(),
  );
  // A unique URL loads the entry point again: imports are cached by URL.
  const api = await import(`../src/index.js?${new URLSearchParams({ origin })}`);
  return { ...api, module_url: `${origin}/client.wasm`, origin };
}

const folder = `${repositoryRoot}spec/vectors/license/`;
const vectors = JSON.parse(readFileSync(`${folder}vectors.json`, "utf8"));
const plain = vectors.find(({ name }) => name === "plain");
const [file, keyring] = [readFileSync(folder + plain.file), readFileSync(folder + plain.keyring, "utf8")];

// proves N01 C16
test("verifies a file with a fetched module of any content type", async (t) => {
  for (const type of ["application/wasm", "application/octet-stream"]) {
    const { verify, module_url } = await browser(t, { type });
    assert.equal((await verify(file, keyring, { now: Date.parse(plain.now), module_url })).id, plain.claims.id);
  }
});

test("refuses a fetched module with another hash", async (t) => {
  const { verify, module_url } = await browser(t, { change: (b) => Buffer.concat([b, Buffer.from([0, 2, 1, 0x61])]) });
  assert.equal(await errorCode(verify(file, keyring, { module_url })), "module_mismatch");
});

test("reports the URL of a missing module", async (t) => {
  const { verify, origin } = await browser(t);
  const error = await verify(file, keyring, { module_url: `${origin}/elsewhere.wasm` }).catch((e) => e);
  assert.deepEqual([error.code, error.detail], ["module_mismatch", `${origin}/elsewhere.wasm: HTTP status 404`]);
});

test("runs a client", async (t) => {
  const { OneLicenseClient, MemoryStorage, module_url } = await browser(t);
  const settings = { ...ids, server_url: await unreachableURL(), module_url, storage: new MemoryStorage(), on_verdict: () => {} };
  assert.equal(await errorCode(OneLicenseClient.create(settings)), "unreachable");
});

test("reports that the default storage needs IndexedDB and Web Locks", async (t) => {
  const { OneLicenseClient, module_url } = await browser(t);
  const settings = { ...ids, server_url: await unreachableURL(), module_url, on_verdict: () => {} };
  const error = await OneLicenseClient.create(settings).catch((e) => e);
  assert.equal(error.code, "storage_failed");
});

test("refuses a directory", async (t) => {
  const { initialize, module_url, MemoryStorage } = await browser(t);
  const { license_id, ...rest } = ids;
  const settings = { ...rest, server_url: "http://127.0.0.1/", keyring, module_url, storage: new MemoryStorage() };
  assert.equal(await errorCode(initialize({ ...settings, directory: "/licenses" })), "bad_setting");
  assert.equal(await errorCode(initialize(settings)), "missing_setting");
});

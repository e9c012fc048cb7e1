// OneLicenseClient, Licensing and their settings, with the real module and scripted servers.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

import { initialize, LicenseError, Licensing, machineParts, MemoryStorage, OneLicenseClient, root as rootOf } from "onelicense";

import { machineParts as partsOf } from "../src/machine.js";
import { platform } from "../src/node.js";
import { MAX_ANSWER } from "../src/transport.js";

import { errorCode, temporaryFolder, ids, unreachableURL, runProgram, repositoryRoot, scriptedServer } from "../testkit/index.js";

const vectors = JSON.parse(readFileSync(join(repositoryRoot, "spec/vectors/license/vectors.json"), "utf8"));
const plain = vectors.find(({ name }) => name === "plain");
const keyring = readFileSync(join(repositoryRoot, "spec/vectors/license", plain.keyring), "utf8");
const quiet = { on_verdict: () => {} };
const create = (settings) => OneLicenseClient.create({ storage: new MemoryStorage(), ...quiet, ...ids, ...settings });

// proves C01
test("reports a missing setting", async () => {
  const complete = { server_url: "http://127.0.0.1/api/v1", ...ids };
  for (const name of Object.keys(complete)) {
    for (const value of [undefined, ""]) {
      const error = await OneLicenseClient.create({ ...complete, [name]: value, storage: new MemoryStorage() }).catch((e) => e);
      assert.equal(error.code, "missing_setting", name);
      assert.equal(error.detail, name);
    }
  }
  assert.equal(await errorCode(OneLicenseClient.create({})), "missing_setting");
  const error = await create({ server_url: complete.server_url, license_id: undefined, keyring }).catch((e) => e);
  assert.deepEqual([error.code, error.detail], ["missing_setting", "license_id"]);
});

// proves C01
test("reports an invalid setting", async () => {
  const server_url = "http://127.0.0.1/api/v1";
  for (const [name, value] of Object.entries({
    server_url: "ftp://x",
    product_id: "../../etc",
    version_id: 7,
    license_id: "5EDB",
    keyring: 1,
    timeout: -1,
    allow_unpinned: "yes",
    shutdown_timeout: "soon",
    offline: "yes",
    serverUrl: "x",
    program: 4.2,
    fingerprint: "this machine",
  })) {
    const error = await create({ server_url, [name]: value }).catch((e) => e);
    assert.equal(error.code, "bad_setting", name);
    assert.match(error.detail, new RegExp(name === "timeout" ? "timeout" : name));
  }
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, ""]));
  for (const fingerprint of [null, ["a"], { dongle: 7 }, { "a b": "7" }, many]) {
    const error = await create({ server_url, fingerprint }).catch((e) => e);
    assert.equal(error.code, "bad_setting");
    assert.match(error.detail, /fingerprint/);
  }
  for (const settings of [undefined, null, "x"]) assert.equal(await errorCode(OneLicenseClient.create(settings)), "bad_setting");
  assert.throws(() => new OneLicenseClient({}), /await OneLicenseClient.create/);
});

test("invalid settings do not touch the storage", async (t) => {
  const path = temporaryFolder();
  assert.equal(await errorCode(create({ storage: join(path, "state") })), "missing_setting");
  assert.deepEqual(await readdir(path), []);
});

// proves C02
test("requires a pinned root except on loopback", async () => {
  assert.equal(await errorCode(create({ server_url: "https://licenses.example.com/api/v1" })), "unpinned");
});

// proves C02
test("an unreachable server", async () => {
  const error = await create({ server_url: await unreachableURL() }).catch((e) => e);
  assert.equal(error.code, "unreachable");
  assert.equal(error.allow_continue, false);
  assert.match(error.detail, /ECONNREFUSED/);
});

// proves C02
test("a server that never answers", async (t) => {
  const { url } = await scriptedServer(t, () => {});
  assert.equal(await errorCode(create({ server_url: url, timeout: 30 })), "unreachable");
});

// proves C02 N03
test("malformed answers", async (t) => {
  const trace = JSON.parse(
    gunzipSync(readFileSync(join(repositoryRoot, "spec/vectors/client/activation_and_heartbeats.json.gz"))).toString(),
  );
  const genuine = trace.runs
    .flat()
    .map(({ call }) => JSON.parse(call ?? "{}").event?.body)
    .find((body) => body?.includes("onelicense/lease/1"));
  let answer;
  const { url } = await scriptedServer(t, (response) => answer(response));
  for (const [said, code] of [
    [(r) => r.writeHead(500, { "content-type": "text/html" }).end("<h1>Internal Server Error</h1>"), "server_error"],
    [(r) => r.writeHead(503, { "retry-after": "3600" }).end(), "server_error"],
    [(r) => r.end(), "server_error"],
    [(r) => r.end("x".repeat(MAX_ANSWER + 1)), "unreachable"],
    [(r) => r.writeHead(302, { location: "/elsewhere" }).end(), "server_error"],
    [(r) => r.end('{"type":"onelicense/lease/1","verdict":"ok"}\nAAAA\n'), /lease_malformed|signature_/],
  ]) {
    answer = said;
    assert.match(await errorCode(create({ server_url: url })), code instanceof RegExp ? code : new RegExp(`^${code}$`));
  }
  // A genuine lease that answers another request.
  answer = (r) => r.end(genuine);
  assert.match(await errorCode(create({ server_url: url })), /^(lease_|signature_)/);
});

test("passes Retry-After of a busy server on", async (t) => {
  const { url } = await scriptedServer(t, (response) => response.writeHead(503, { "retry-after": "45" }).end());
  const before = Date.now();
  const error = await create({ server_url: url }).catch((e) => e);
  assert.ok(error.retry_at >= before + 45_000 && error.retry_at <= Date.now() + 45_000);
});

// proves C14
test("stores the request before sending it, and resends the same bytes", async (t) => {
  const states = [];
  const storage = new (class extends MemoryStorage {
    async save(state) {
      states.push(state);
      await super.save(state);
    }
  })();
  const { url, requests } = await scriptedServer(t, (response) => response.writeHead(500).end());
  const seen = [];
  const transport = async ({ body }) => {
    seen.push(states.some((state) => state.includes(JSON.stringify(body).slice(1, -1).slice(0, 200))));
    return { status: 500, body: "" };
  };
  await errorCode(create({ server_url: url, storage, transport }));
  assert.deepEqual(seen, [true]);
  await errorCode(create({ server_url: url, storage }));
  await errorCode(create({ server_url: url, storage }));
  assert.equal(requests[0].text, requests[1].text);
  assert.equal(requests[0].url, "/api/v1/sync");
});

test("does not send the pinned root", async (t) => {
  const { url, requests } = await scriptedServer(t, (response) => response.end());
  const pin = await rootOf(keyring);
  await errorCode(create({ server_url: `${url}#${pin}` }));
  assert.ok(!requests[0].url.includes(pin) && !requests[0].text.includes(pin));
});

test("prints no secret", async (t) => {
  const source = `
    import { OneLicenseClient } from "onelicense";
    const error = await OneLicenseClient.create(JSON.parse(process.argv.at(-1))).catch((e) => e);
    console.log(error, JSON.stringify(error));`;
  const path = temporaryFolder();
  const { out, err } = await runProgram(t, source, JSON.stringify({ server_url: await unreachableURL(), ...ids, storage: path })).ended;
  const { secret } = JSON.parse(readFileSync(join(path, "state"), "utf8").split("\n")[0]);
  assert.ok(secret.length > 40);
  assert.ok(!out.includes(secret) && !err.includes(secret));
});

test("machineParts has the parts that can be read", async () => {
  const path = join(temporaryFolder(), "id");
  await writeFile(path, "0123abcd\n");
  const parts = partsOf([`${path}.missing`, path]);
  assert.deepEqual(Object.keys(parts), ["host_name", "platform", "machine_id"]);
  assert.equal(parts.machine_id, "0123abcd");
  assert.match(parts.platform, /^[a-z0-9]+\/[a-z0-9_]+$/);
  assert.deepEqual(Object.keys(partsOf([])), ["host_name", "platform"]);
  assert.equal(machineParts().host_name, parts.host_name);
});

// proves L18
test("files: refuses calls before initialize", async () => {
  const licensing = new Licensing({});
  const error = await licensing.reserve("ui", "rendering");
  assert.ok(error instanceof LicenseError);
  assert.deepEqual([error.code, error.context, error.entitlement], ["not_running", "ui", "rendering"]);
  assert.equal(await licensing.unreserve("ui", "rendering"), false);
  assert.equal(await errorCode(licensing.check("ui", "rendering")), "not_running");
  assert.equal((await licensing.shutdown()).code, "not_running");
  assert.throws(() => licensing.status(), { code: "not_running" });
  for (const asked of [licensing.exportRequest(), licensing.importAnswer("x"), licensing.statistics({})]) {
    assert.equal(await errorCode(asked), "not_running");
  }
});

const files = (settings) =>
  initialize({
    server_url: "http://127.0.0.1:9/api/v1",
    product_id: ids.product_id,
    version_id: ids.version_id,
    keyring,
    storage: new MemoryStorage(),
    ...quiet,
    ...settings,
  });

// proves L02
test("files: a missing directory has no files", async (t) => {
  const licensing = await files({ directory: join(temporaryFolder(), "nowhere") });
  assert.deepEqual(licensing.status().files ?? [], []);
  assert.equal((await licensing.reserve("ui", "rendering")).code, "no_license");
  await licensing.shutdown();
});

// proves L19 L20
test("files: loads contents, and returns a server error as an error object", async (t) => {
  const { url } = await scriptedServer(t, (response) => response.writeHead(500).end());
  const text = readFileSync(join(repositoryRoot, "spec/vectors/license", plain.file), "utf8");
  const licensing = await files({
    server_url: url,
    files: [
      { name: "text", data: text },
      { name: "bytes", data: new TextEncoder().encode(text.replace("ui", "iu")) },
      { name: "file", arrayBuffer: async () => new TextEncoder().encode(text).buffer },
      { name: "broken", arrayBuffer: async () => Promise.reject(new Error("gone")) },
    ],
  });
  t.after(() => licensing.shutdown());
  assert.deepEqual(
    licensing.status().files.map(({ file, code }) => [file, code]),
    [
      ["text", "ok"],
      ["bytes", "signature_invalid"],
      ["file", "ok"],
      ["broken", "file_unreadable"],
    ],
  );
  const [context] = plain.claims.contexts;
  const [{ name: entitlement }] = plain.claims.entitlements;
  const error = await licensing.reserve(context, entitlement);
  assert.deepEqual([error.code, error.license, error.context, error.entitlement], ["server_error", plain.claims.id, context, entitlement]);
  assert.equal(error.allow_continue, false);
});

// proves L02
test("files: loads revocation lists by name and recognises them by their contents", async (t) => {
  const path = temporaryFolder();
  const license = readFileSync(join(repositoryRoot, "spec/vectors/license", plain.file));
  const list = '{"type":"onelicense/statement/1"}\nnonsense\n';
  for (const name of ["revoked.list", "OLD.LIST", "list.txt", "revoked.json"]) await writeFile(join(path, name), list);
  for (const name of ["plain.txt", "plain.list"]) await writeFile(join(path, name), license);
  execFileSync("mkfifo", [join(path, "pipe.txt")]);
  const licensing = await files({ directory: path });
  t.after(() => licensing.shutdown());
  const codes = Object.fromEntries(licensing.status().files.map(({ file, code }) => [file, code]));
  assert.deepEqual(Object.keys(codes).sort(), ["OLD.LIST", "list.txt", "pipe.txt", "plain.list", "plain.txt", "revoked.list"]);
  assert.deepEqual([codes["plain.txt"], codes["plain.list"], codes["pipe.txt"]], ["ok", "ok", "file_unreadable"]);
  for (const name of ["OLD.LIST", "list.txt", "revoked.list"]) assert.doesNotMatch(codes[name], /^(ok|file_.*)$/);
});

test("files: limits the size of files, lists and all together", async () => {
  const [path, largest] = [temporaryFolder(), 1024 * 1024 + 4096];
  await writeFile(join(path, "a.list"), `{${"x".repeat(largest)}`);
  await writeFile(join(path, "b.txt"), "x".repeat(largest));
  await writeFile(join(path, "c.list"), `{${"x".repeat(largest)}`);
  const [a, b, c] = await platform.readDirectory(path);
  assert.deepEqual([a.data.length, b.data.length], [largest + 1, 64 * 1024 + 1]);
  assert.match(c.error, /together are larger/);
});

test("files: reports missing and unknown settings", async () => {
  assert.equal(await errorCode(files({ keyring: undefined, files: [] })), "missing_setting");
  assert.equal(await errorCode(files({})), "missing_setting");
  assert.equal(await errorCode(files({ files: [], license_id: ids.license_id })), "bad_setting");
  assert.equal(await errorCode(files({ files: [], keyring: "not a certificate" })), "keyring_invalid");
});

// proves L16
test("files: an unhandled refusal of check ends the program", async (t) => {
  const source = `
    import { initialize, MemoryStorage } from "onelicense";
    const licensing = await initialize({ ...JSON.parse(process.argv.at(-1)), storage: new MemoryStorage(), on_verdict() {} });
    await licensing.check(null, "rendering");
    console.log("went on");`;
  const { license_id, ...rest } = ids;
  const { code, out, err } = await runProgram(
    t,
    source,
    JSON.stringify({ server_url: "http://127.0.0.1:9/api/v1", ...rest, keyring, files: [] }),
  ).ended;
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, /not_reserved/);
});

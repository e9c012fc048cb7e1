// End-to-end tests: programs against the real server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { initialize, LicenseError, machineParts, MemoryStorage, OneLicenseClient, verifyReceipt } from "onelicense";

import { systemClock } from "../src/clock.js";
import { send } from "../src/transport.js";
import { spawnChild, errorCode, temporaryFolder, packageRoot, runProgram } from "../testkit/index.js";
import { Vendor } from "../testkit/vendor.js";

let vendor;
const cleanups = [];
before(async () => {
  vendor = await Vendor.open({ after: (f) => cleanups.unshift(f) });
});
after(async () => {
  for (const clean of cleanups) await clean();
});

/** The real transport, which counts and can be cut. */
function line() {
  const transport = async (request) => {
    transport.count++;
    if (transport.cut) throw new Error("the cable is cut");
    return send(request);
  };
  return Object.assign(transport, { count: 0, cut: false });
}

/** A client that is shut down when its test ends. */
async function open(t, settings) {
  const client = await OneLicenseClient.create({ storage: new MemoryStorage(), ...settings });
  t.after(() => client.shutdown());
  return client;
}

/** The answer to a request that somebody carries to the server. */
async function carried({ server_url }, request) {
  return (await send({ url: `${server_url.split("#")[0]}/sync`, body: request, timeout: 60_000 })).body;
}

/** A promise of the first verdict that the program hears of; the handler to give to the client. */
function hearing() {
  let on_verdict;
  const heard = new Promise((resolve) => (on_verdict = resolve));
  return { heard, on_verdict };
}

// proves C01 C09 C10 C14 S12
test("counts between syncs", async (t) => {
  const [settings, transport] = [await vendor.license(), line()];
  const client = await open(t, { ...settings, transport });
  assert.equal(transport.count, 1);
  for (let n = 0; n < 3; n++) await client.consume();
  assert.equal(transport.count, 1);
  assert.equal(await vendor.used(settings), 0);
  assert.equal((await client.sync()).code, "ok");
  assert.equal(await vendor.used(settings), 3);
  await client.consume(2);
  assert.equal(await errorCode(client.consume()), "exhausted");
  await client.shutdown();
  assert.equal(await vendor.used(settings), 5);
});

// proves C14 C18
test("continues after a restart", async (t) => {
  const settings = { ...(await vendor.license()), storage: temporaryFolder() };
  const first = await open(t, settings);
  await first.consume(4);
  const { activation } = first.status().licenses[0];
  await first.shutdown();
  const second = await open(t, settings);
  assert.equal(second.status().licenses[0].activation, activation);
  await second.consume();
  assert.equal(await errorCode(second.consume()), "exhausted");
  await second.shutdown();
  assert.equal(await vendor.used(settings), 5);
});

// proves C14
test("reports pending calls in the next run", async (t) => {
  const transport = line();
  const settings = { ...(await vendor.license()), storage: temporaryFolder() };
  const first = await open(t, { ...settings, transport });
  await first.consume(3);
  transport.cut = true;
  assert.equal((await first.shutdown()).ok, false);
  assert.equal(await vendor.used(settings), 0);
  const second = await open(t, settings);
  await second.sync();
  assert.equal(await vendor.used(settings), 3);
});

// proves C14
test("repeats a request after a lost reply, counting once", async (t) => {
  let lose = 0;
  const transport = async (request) => {
    const answer = await send(request);
    if (lose-- > 0) throw new Error("lost on the way");
    return answer;
  };
  const settings = await vendor.license();
  const client = await open(t, { ...settings, transport, on_verdict: () => {} });
  await client.consume(2);
  lose = 1;
  await errorCode(client.sync());
  await client.consume();
  await client.sync();
  assert.equal(await vendor.used(settings), 3);
});

// proves C08 S12
test("every_call asks the server each time", async (t) => {
  const settings = await vendor.license({ trigger: "every_call" });
  const client = await open(t, settings);
  for (let n = 1; n <= 5; n++) {
    await client.consume();
    assert.equal(await vendor.used(settings), n);
  }
  const error = await client.consume().catch((e) => e);
  assert.ok(error instanceof LicenseError);
  assert.equal(error.code, "exhausted");
  assert.equal(error.license, settings.license_id);
  assert.ok(error.do);
});

// proves C14
test("counts concurrent calls", async (t) => {
  const settings = await vendor.license({ trigger: "every_call" }, { allowance: 1000 });
  const client = await open(t, settings);
  await Promise.all(Array.from({ length: 50 }, () => client.consume()));
  assert.equal(await vendor.used(settings), 50);
});

// proves C09
test("counting in a loop does not starve the event loop", async (t) => {
  const settings = await vendor.license({}, { allowance: 1_000_000 });
  const client = await open(t, { ...settings, storage: temporaryFolder() });
  let turns = 0;
  const other = setInterval(() => turns++, 1);
  t.after(() => clearInterval(other));
  for (let n = 0; n < 5_000; n++) await client.consume();
  assert.ok(turns > 0);
  await client.shutdown();
  assert.equal(await vendor.used(settings), 5_000);
});

// proves C04 C05
test("reports usage in the background", async (t) => {
  const settings = await vendor.license({ interval_ms: 1_000, grace_ms: 600_000 });
  let counted;
  const reported = new Promise((resolve) => (counted = resolve));
  const transport = async (request) => {
    const answer = await send(request);
    if (request.body.includes('"counted":2')) counted();
    return answer;
  };
  const client = await open(t, { ...settings, transport });
  await client.consume(2);
  await reported;
  assert.equal(await vendor.used(settings), 2);
});

// proves C06
test("calls on_verdict when the license ends", async (t) => {
  const { heard, on_verdict } = hearing();
  const settings = await vendor.license({ interval_ms: 1_000, grace_ms: 600_000 });
  const client = await open(t, { ...settings, on_verdict });
  await vendor.suspend(settings);
  assert.equal((await heard).code, "suspended");
  assert.equal(await errorCode(client.consume()), "suspended");
});

// proves C02 C06
test("ends the program when the license ends", async (t) => {
  const settings = await vendor.license({ interval_ms: 1_000, grace_ms: 600_000 });
  const p = runProgram(
    t,
    `import { OneLicenseClient } from "onelicense";
     await OneLicenseClient.create(JSON.parse(process.argv.at(-1)));
     console.log("on");
     process.stdin.resume();`,
    JSON.stringify({ ...settings, storage: temporaryFolder() }),
  );
  assert.equal(await p.line(), "on");
  await vendor.suspend(settings);
  const { code, err } = await p.ended;
  assert.equal(code, 1);
  assert.match(err, /LicenseError[^]*suspended/);
});

// proves C02 S15
test("wrong ids", async (t) => {
  const [settings, nobody] = [await vendor.license(), "0".repeat(24)];
  assert.equal(await errorCode(open(t, { ...settings, license_id: nobody })), "unknown_license");
  assert.equal(await errorCode(open(t, { ...settings, version_id: nobody })), "unknown_version");
  assert.equal(await errorCode(open(t, { ...settings, version_id: nobody, license_id: nobody })), "unknown_version");
  const error = await open(t, { ...settings, product_id: nobody }).catch((e) => e);
  assert.equal(error.code, "server_error"); // nobody's key can sign that there is no such product
  assert.match(error.detail, /unknown_product/);
});

// proves C02 N03
test("refuses another root", async (t) => {
  const settings = { ...(await vendor.license()), server_url: `${vendor.site}/api/v1#${"A".repeat(40)}` };
  assert.equal(await errorCode(open(t, settings)), "wrong_root");
});

// proves C02
test("warns of a missing pin on loopback", async (t) => {
  const { heard, on_verdict } = hearing();
  const client = await open(t, { ...(await vendor.license()), server_url: `${vendor.site}/api/v1`, on_verdict });
  const warning = await heard;
  assert.equal(warning.code, "unpinned");
  assert.equal(warning.allow_continue, true);
  assert.equal(client.status().pinned, false);
});

// proves C03
test("create waits for the activation delay", async (t) => {
  const settings = await vendor.license({ activation_delay_ms: 300 });
  let answered;
  const transport = async (request) => {
    const answer = await send(request);
    answered ??= performance.now();
    return answer;
  };
  await open(t, { ...settings, transport });
  assert.ok(performance.now() - answered >= 290);
});

test("refuses a second program on the same storage", async (t) => {
  const settings = { ...(await vendor.license()), storage: temporaryFolder() };
  const client = await open(t, settings);
  assert.equal(await errorCode(OneLicenseClient.create(settings)), "in_use");
  await client.shutdown();
  await open(t, settings);
});

// proves L21
test("two installations compete for one slot", async (t) => {
  const settings = await vendor.license();
  const [a, b] = [await open(t, settings), await open(t, settings)];
  await a.reserve("ui", "rendering");
  await a.check("ui", "rendering");
  await a.check(null, "rendering");
  assert.equal(await errorCode(b.reserve("ui", "rendering")), "no_slots");
  assert.equal(await errorCode(b.check("ui", "rendering")), "not_reserved");
  assert.equal(await errorCode(b.release("ui", "rendering")), "not_reserved");
  assert.equal(await errorCode(b.reserve("ui", "teleport")), "unknown_entitlement");
  await a.release("ui", "rendering");
  await a.sync();
  await b.reserve("ui", "rendering");
  assert.equal((await vendor.reservations(settings)).length, 1);
  await b.shutdown();
  assert.deepEqual(await vendor.reservations(settings), []);
});

// proves part of B03
test("borrows a slot", async (t) => {
  const settings = await vendor.license({ max_borrow_ms: 86_400_000 });
  const client = await open(t, settings);
  await client.reserve("ui", "rendering", { borrow: 36_000_000 });
  const [{ not_after, reservations }] = client.status().licenses;
  assert.ok(not_after < reservations[0].until && reservations[0].until <= Date.now() + 36_000_000);
  assert.equal(await errorCode(client.reserve("ui", "cam", { borrow: -1 })), "bad_call");
  await client.release("ui", "rendering"); // early
  await client.sync();
  assert.deepEqual(await vendor.reservations(settings), []);
  const other = await open(t, await vendor.license());
  assert.equal(await errorCode(other.reserve("ui", "rendering", { borrow: 36_000_000 })), "borrow_not_allowed");
});

// proves C17
test("sends statistics when the policy asks for them", async (t) => {
  for (const statistics of [true, false]) {
    const settings = await vendor.license({ statistics });
    const client = await open(t, { ...settings, program: "4.2", fingerprint: machineParts() });
    await client.statistics({ documents: 2 });
    await client.statistics({ documents: 3, failures: 0 });
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`n${n}`, n]));
    for (const wrong of [{ "a b": 1 }, { a: 2 ** 53 }, { a: 1e300 }, many])
      assert.equal(await errorCode(client.statistics(wrong)), "bad_call");
    await client.sync();
    const { statistics: told } = (await vendor.activations(settings))[0];
    if (!statistics) {
      assert.equal(told, undefined);
      continue;
    }
    assert.equal(told.program, "4.2");
    assert.deepEqual(told.numbers, [
      { name: "documents", value: 3 },
      { name: "failures", value: 0 },
    ]);
    assert.match(`${told.host} ${told.platform}`, /^js\/\S+ \S+\/\S+$/);
  }
});

// proves part of S23
test("exchanges a request and its answer by hand", async (t) => {
  const [settings, transport] = [await vendor.license(), line()];
  const client = await open(t, { ...settings, transport, on_verdict: () => {} });
  transport.cut = true;
  await client.consume(3);
  const request = await client.exportRequest();
  assert.equal(await client.exportRequest(), request);
  const answer = await carried(settings, request);
  assert.equal(await vendor.used(settings), 3);
  assert.equal(await errorCode(client.importAnswer("nonsense")), "lease_malformed");
  assert.equal(await errorCode(client.importAnswer(client.status().licenses[0].receipt)), "lease_other_request");
  await client.importAnswer(answer.replaceAll("\n", "\r\n")); // as mail may bring it
  const [{ verdict, counters, pending }] = client.status().licenses;
  assert.deepEqual([verdict.code, counters.counted, pending], ["ok", 3, 0]);
  assert.equal(await errorCode(client.importAnswer(answer)), "lease_other_request");
  transport.cut = false;
});

// proves part of S23
test("activates an offline machine by hand", async (t) => {
  const values = await vendor.license();
  const settings = { ...values, storage: temporaryFolder(), transport: Object.assign(line(), { cut: true }) };
  assert.equal(await errorCode(open(t, settings)), "unreachable");
  const first = await open(t, { ...settings, offline: true });
  assert.equal(await errorCode(first.consume()), "unreachable");
  assert.equal(await errorCode(first.reserve("ui", "rendering")), "unreachable");
  assert.equal(await errorCode(first.importAnswer("nonsense")), "lease_malformed");
  const request = await first.exportRequest();
  await first.shutdown();
  const client = await open(t, { ...settings, offline: true }); // days later
  assert.equal(await client.exportRequest(), request);
  await client.importAnswer(await carried(values, request));
  await client.consume(3);
  await client.importAnswer(await carried(values, await client.exportRequest()));
  assert.equal(await vendor.used(values), 3);
});

// proves part of S23
test("renews an expired lease by hand", async (t) => {
  const values = await vendor.license({ interval_ms: 60_000, grace_ms: 0 });
  const settings = { ...values, storage: temporaryFolder(), transport: Object.assign(line(), { cut: true }), offline: true };
  const first = await open(t, settings);
  await first.importAnswer(await carried(values, await first.exportRequest()));
  await first.consume(3);
  await first.shutdown();
  settings.clock = { ...systemClock, now: () => systemClock.now() + 120_000 };
  assert.equal(await errorCode(open(t, { ...settings, offline: false })), "lease_expired");
  await vendor.policy(values, { interval_ms: 3_600_000 });
  const client = await open(t, settings);
  assert.equal(await errorCode(client.consume()), "lease_expired");
  assert.equal(client.status().licenses[0].verdict.code, "lease_expired");
  await client.importAnswer(await carried(values, await client.exportRequest()));
  await client.consume(2);
  await client.importAnswer(await carried(values, await client.exportRequest()));
  assert.equal(await vendor.used(values), 5);
});

test("refuses an offline program for other reasons", async (t) => {
  const values = await vendor.license();
  await vendor.suspend(values);
  assert.equal(await errorCode(open(t, { ...values, offline: true })), "suspended");
  const client = await open(t, { ...values, offline: true, transport: Object.assign(line(), { cut: true }), on_verdict: () => {} });
  assert.equal(await errorCode(client.importAnswer(await carried(values, await client.exportRequest()))), "suspended");
  assert.equal(await errorCode(open(t, { ...values, offline: true, version_id: "" })), "missing_setting");
});

// proves part of S23
test("the offline program of the README works", async (t) => {
  const [values, path] = [await vendor.license(), temporaryFolder()];
  const [, example] = /```js\n(import \{ readFile[^]*?)```/.exec(await readFile(join(packageRoot, "README.md"), "utf8"));
  const source = `const values = { ...JSON.parse(process.argv[1]), transport: async () => { throw new Error("the cable is cut"); } };
    process.chdir(process.argv[2]);
    ${example}`;
  const run = () => runProgram(t, source, JSON.stringify({ ...values, storage: join(path, "state") }), path);
  const first = run();
  await once(first.process.stdout, "data"); // it asks for the answer
  await writeFile(join(path, "answer.txt"), await carried(values, await readFile(join(path, "request.txt"), "utf8")));
  first.process.stdin.end("\n");
  for (const ended of [first.ended, run().ended]) {
    // the second run needs no exchange
    const { code, err } = await ended;
    assert.equal(code, 0, err);
  }
  await (await open(t, { ...values, storage: join(path, "state") })).sync();
  assert.equal(await vendor.used(values), 2);
});

// proves part of S23
test("activates an offline machine with license files by hand", async (t) => {
  const { license_id, ...rest } = await vendor.license();
  const [path, transport] = [temporaryFolder(), Object.assign(line(), { cut: true })];
  await writeFile(join(path, "a.txt"), await vendor.file({ license_id }));
  const settings = { ...rest, directory: path, keyring: vendor.keyring, storage: join(path, "state"), transport, on_verdict: () => {} };
  const first = await initialize(settings);
  const request = await first.exportRequest();
  await first.shutdown();
  const licensing = await initialize(settings); // days later
  t.after(() => licensing.shutdown());
  assert.equal(await licensing.exportRequest(), request);
  await licensing.importAnswer(await carried(settings, request));
  assert.equal(licensing.status().licenses[0].verdict.code, "ok");
  assert.equal((await licensing.reserve("ui", "rendering", { borrow: "soon" })).code, "bad_call");
  assert.equal(await errorCode(licensing.statistics({ a: 0.5 })), "bad_call");
});

// proves part of N07
test("verifies a receipt with the certificate", async (t) => {
  const settings = await vendor.license();
  const client = await open(t, settings);
  await client.consume(3);
  await client.sync();
  const [{ receipt, activation }] = client.status().licenses;
  const proven = await verifyReceipt(receipt, vendor.keyring);
  assert.deepEqual([proven.product, proven.license, proven.activation], [settings.product_id, settings.license_id, activation]);
  assert.deepEqual([proven.generation, proven.number, proven.counters.counted], [1, 2, 3]);
  assert.equal(proven.root, settings.server_url.split("#")[1]);
  assert.equal(await errorCode(verifyReceipt(receipt.replace('"counted":3', '"counted":2'), vendor.keyring)), "signature_invalid");
});

test("deactivate lets another machine activate", async (t) => {
  const settings = await vendor.license({ max_machines: 1 });
  const a = await open(t, settings);
  assert.equal(await errorCode(open(t, settings)), "machine_limit");
  await a.deactivate();
  await open(t, settings);
});

// proves L02 L06 L07 L08 L09 L10 L14 L15 L16 L17 L18 L20 L22
test("license files", async (t) => {
  const [settings, transport, path] = [await vendor.license(), line(), temporaryFolder()];
  const directory = join(path, "licenses");
  await mkdir(directory);
  const file = await vendor.file(settings);
  await writeFile(join(directory, "a.txt"), file);
  await writeFile(join(directory, "b.TXT"), file.replace("rendering:1", "rendering:9"));
  await writeFile(join(directory, "notes.md"), "not a license");
  await mkdir(join(directory, "c.txt"));
  const { license_id, ...rest } = settings;
  const failures = [];
  const licensing = await initialize({
    ...rest,
    directory,
    keyring: vendor.keyring,
    storage: join(path, "state"),
    transport,
    on_failure: (error) => failures.push(error.code),
  });
  t.after(() => licensing.shutdown());
  assert.deepEqual(
    licensing.status().files.map((v) => [v.file, v.code]),
    [
      ["a.txt", "ok"],
      ["b.TXT", "signature_invalid"],
      ["c.txt", "file_unreadable"],
    ],
  );
  assert.equal(transport.count, 0);
  assert.equal(await licensing.reserve("ui", "rendering"), undefined);
  assert.equal(transport.count, 1);
  assert.equal(await licensing.reserve("ui", "rendering"), undefined);
  assert.equal(await licensing.reserve("automation", "rendering"), undefined);
  assert.equal(transport.count, 1);
  await licensing.check("ui", "rendering");
  await licensing.check(null, "rendering");
  assert.deepEqual(failures, []);

  const error = await licensing.reserve("server", "rendering");
  assert.ok(error instanceof LicenseError);
  assert.equal(error.code, "context_not_allowed");
  assert.equal(error.context, "server");
  assert.equal(error.entitlement, "rendering");
  assert.equal(typeof error.allow_continue, "boolean");
  assert.ok(error.message);

  assert.equal(await licensing.unreserve("ui", "rendering"), true);
  assert.equal(await licensing.unreserve("ui", "rendering"), true);
  assert.equal(await licensing.unreserve("ui", "rendering"), false);
  await licensing.check("ui", "rendering");
  assert.deepEqual(failures, ["not_reserved"]);
  assert.equal(transport.count, 1);
  assert.equal((await vendor.reservations({ license_id })).length, 1);
  await licensing.shutdown();
  assert.deepEqual(await vendor.reservations({ license_id }), []);
  assert.equal((await licensing.reserve("ui", "rendering")).code, "not_running");
  assert.equal(await licensing.unreserve("ui", "rendering"), false);
});

// proves C14
test("reports usage at the natural end of a program", async (t) => {
  const settings = await vendor.license();
  const p = runProgram(
    t,
    `import { OneLicenseClient } from "onelicense";
     const client = await OneLicenseClient.create(JSON.parse(process.argv.at(-1)));
     await client.consume(2);`,
    JSON.stringify({ ...settings, storage: temporaryFolder() }),
  );
  const { code, err } = await p.ended;
  assert.equal(code, 0, err);
  assert.equal(await vendor.used(settings), 2);
});

// proves C14
test("stores counted calls in process.exit()", async (t) => {
  const settings = { ...(await vendor.license()), storage: temporaryFolder() };
  const p = runProgram(
    t,
    `import { OneLicenseClient } from "onelicense";
     const client = await OneLicenseClient.create(JSON.parse(process.argv.at(-1)));
     await client.consume(3);
     process.exit(0);`,
    JSON.stringify(settings),
  );
  assert.equal((await p.ended).code, 0);
  assert.equal(await vendor.used(settings), 0);
  const client = await open(t, settings);
  await client.sync();
  assert.equal(await vendor.used(settings), 3);
});

// proves C14 C18
test("a killed program loses only calls that were not journaled", async (t) => {
  const settings = { ...(await vendor.license({ journal_interval_calls: 1 })), storage: temporaryFolder() };
  const p = runProgram(
    t,
    `import { OneLicenseClient } from "onelicense";
     const client = await OneLicenseClient.create(JSON.parse(process.argv.at(-1)));
     await client.consume(); await client.consume(); await client.consume();
     console.log("counted");
     process.stdin.resume();`,
    JSON.stringify(settings),
  );
  assert.equal(await p.line(), "counted");
  p.kill("SIGKILL");
  await p.ended;
  const client = await open(t, settings);
  await client.sync();
  const used = await vendor.used(settings);
  assert.ok(used >= 1 && used <= 3, `${used}`);
});

// proves C18
test("detects a manipulated state", async (t) => {
  const settings = { ...(await vendor.license()), storage: temporaryFolder() };
  const first = await open(t, settings);
  await first.shutdown();
  const state = join(settings.storage, "state");
  await writeFile(state, (await readFile(state, "utf8")).replace('"counted":0', '"counted":1'));
  const { heard, on_verdict } = hearing();
  await open(t, { ...settings, on_verdict });
  assert.equal((await heard).code, "state_invalid");
});

const options = ({ server_url, product_id, version_id, license_id }, storage) => [
  "--server",
  server_url,
  "--product",
  product_id,
  "--version",
  version_id,
  "--license",
  license_id,
  "--storage",
  storage,
];

async function demo(t, settings, storage, ...steps) {
  const { code, out } = await spawnChild(t, process.execPath, [join(packageRoot, "demo.js"), ...options(settings, storage), ...steps])
    .ended;
  return { code, said: out.trimEnd().split("\n") };
}

test("runs the demo", async (t) => {
  const [settings, storage] = [await vendor.license(), temporaryFolder()];
  assert.deepEqual(
    await demo(
      t,
      settings,
      storage,
      "consume=3",
      "reserve=ui:rendering",
      "check=ui:rendering",
      "release=ui:rendering",
      "sync",
      "status",
      "shutdown",
    ),
    { code: 0, said: ["consume\tok", "reserve\tok", "check\tok", "release\tok", "sync\tok", "status\tok", "shutdown\tok"] },
  );
  assert.equal(await vendor.used(settings), 3);
  assert.deepEqual(await demo(t, settings, storage, "consume=3", "check=ui:rendering", "status"), {
    code: 1,
    said: ["consume\texhausted", "check\tnot_reserved", "status\tok"],
  });
  assert.deepEqual(await demo(t, { ...settings, license_id: "0".repeat(24) }, temporaryFolder(), "sync"), {
    code: 1,
    said: ["start\tunknown_license"],
  });
});

test("the demo holds until a line is read", async (t) => {
  const settings = await vendor.license();
  const p = spawnChild(t, process.execPath, [
    join(packageRoot, "demo.js"),
    ...options(settings, temporaryFolder()),
    "reserve=ui:rendering",
    "hold",
    "sync",
  ]);
  assert.equal(await p.line(), "reserve\tok");
  assert.equal((await vendor.reservations(settings)).length, 1);
  p.process.stdin.end("\n");
  assert.deepEqual([await p.line(), await p.line()], ["hold\tok", "sync\tok"]);
  assert.equal((await p.ended).code, 0);
  assert.deepEqual(await vendor.reservations(settings), []);
});

// proves C15
test("runs the demo web service", async (t) => {
  const settings = await vendor.license({ trigger: "every_call" }, { allowance: 2 });
  const p = spawnChild(t, process.execPath, [
    join(packageRoot, "demo.js"),
    ...options(settings, temporaryFolder()),
    "--serve",
    "127.0.0.1:0",
  ]);
  const address = (await p.line()).split(" ").at(-1);
  const get = async (path) => {
    const answer = await fetch(address + path);
    return [answer.status, await answer.json()];
  };
  assert.deepEqual([(await get("/work"))[0], (await get("/work"))[0]], [200, 200]);
  const [status, body] = await get("/work");
  assert.equal(status, 403);
  assert.equal(body.code, "exhausted");
  assert.ok(body.do);
  assert.equal((await get("/"))[0], 200);
  assert.equal((await get("/elsewhere"))[0], 404);
  p.kill("SIGINT");
  assert.equal((await p.ended).code, 0);
  assert.equal(await vendor.used(settings), 2);
});

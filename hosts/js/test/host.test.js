// The host's loop with a module that answers by script: effects, calls, timers, and what happens when the module fails.

import assert from "node:assert/strict";
import { test } from "node:test";

import { machineParts, MemoryStorage, OneLicenseClient, verdicts, version } from "onelicense";

import { describe } from "../src/errors.js";
import { platform } from "../src/node.js";
import { codeOf, ids, program, SimulatedClock, settled } from "../testkit/index.js";

const config = { server_url: "http://127.0.0.1/api/v1", ...ids };
const ok = describe("ok");
const notify = (call, verdict = ok) => ({ type: "notify", call, verdict });

/**
 * A client over a scripted module. The script is asked for the effects of every event; without an answer start, poll and shutdown are granted.
 * What it throws is a trap.
 */
function scripted(script, { consume = () => 2, ...settings } = {}) {
  const world = { events: [], states: [], configs: [], engines: 0, clock: new SimulatedClock(), told: [] };
  class Scripted extends OneLicenseClient {
    static platform = {
      ...platform,
      loadModule: async () => undefined,
      startEngine: async () => {
        const nth = ++world.engines;
        return {
          stderr: "",
          call(call) {
            if (call.op === "new") world.states.push(call.state), world.configs.push(call.config);
            if (call.op !== "step") return { handle: 1, status: { pinned: true } };
            world.events.push(call.event);
            const effects = script(call.event, nth, world);
            if (effects?.error) return effects;
            return { effects: effects ?? (call.event.call ? [notify(call.event.call)] : []) };
          },
          consume: (_, n, now) => consume(n, now, nth),
        };
      },
    };
  }
  const { clock } = world;
  const creating = Scripted.create({ ...config, storage: new MemoryStorage("saved before"), clock, on_verdict: (v) => world.told.push(v), ...settings });
  return { world, creating };
}

const types = (world) => world.events.map(({ type }) => type);

test("every event has the clocks and fresh randomness", async () => {
  const { world, creating } = scripted(() => undefined);
  const client = await creating;
  world.clock.pass(7);
  await client.sync();
  const [start, sync] = world.events;
  assert.deepEqual([start.type, start.now, start.mono], ["start", 1_790_000_005_000, 5_000]);
  assert.deepEqual([sync.type, sync.now, sync.mono], ["sync", 1_790_000_005_007, 5_007]);
  for (const { random } of [start, sync]) assert.ok(Buffer.from(random, "base64").length >= 16);
  assert.notEqual(start.random, sync.random);
  assert.deepEqual(world.states, ["", "saved before"]); // first the settings alone are judged
  await client.shutdown();
});

test("a send is answered with what came, a failed one with why", async () => {
  const answers = [{ status: 503, body: "later", retry_after: 9 }, new Error("the cable is cut")];
  const sent = [];
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "send", id: 40 + e.call, url: "http://x/", body: "b", timeout: 77 }];
      if (e.type === "reply") return [notify(2)];
      if (e.type === "failed") return [notify(3, describe("unreachable"))];
    },
    {
      transport: async ({ url, body, timeout }) => {
        sent.push([url, body, timeout]);
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
  );
  const client = await creating;
  await client.sync();
  assert.equal(await codeOf(client.sync()), "unreachable");
  const [reply, failed] = world.events.filter(({ id }) => id);
  assert.deepEqual([reply.type, reply.id, reply.status, reply.body, reply.retry_after], ["reply", 42, 503, "later", 9]);
  assert.deepEqual([failed.type, failed.id, failed.detail], ["failed", 43, "the cable is cut"]);
  assert.deepEqual(sent, Array(2).fill(["http://x/", "b", 77]));
  await client.shutdown();
});

test("an answer that no call can hold is a failure", async () => {
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "send", id: 4, url: "http://x/", body: "", timeout: 77 }];
      if (e.type === "reply") return { error: describe("bad_call", "too large") };
      if (e.type === "failed") return [notify(2, describe("unreachable", e.detail))];
    },
    { transport: async () => ({ status: 200, body: "x" }) },
  );
  const client = await creating;
  const error = await client.sync().catch((e) => e);
  assert.deepEqual([error.code, error.detail], ["unreachable", "too large"]);
  assert.deepEqual([world.events.at(-1).type, world.events.at(-1).id], ["failed", 4]);
  await client.shutdown();
});

test("the module is told what the program says, and what the host knows", async () => {
  const fingerprint = { ...machineParts(), dongle: "7" };
  const { world, creating } = scripted(() => undefined, { program: "4.2", fingerprint });
  await (await creating).shutdown();
  for (const told of world.configs) {
    assert.deepEqual(told.fingerprint, Object.entries(fingerprint).map(([name, value]) => ({ name, value })));
    assert.deepEqual([told.program, told.host], ["4.2", `js/${version}`]);
    assert.match(told.platform, /^[a-z0-9]+\/[a-z0-9_]+$/);
  }
  const other = scripted(() => undefined);
  await (await other.creating).shutdown();
  assert.ok(!("fingerprint" in other.world.configs[0])); // only what the program says
});

// proves part of C17, B03, S23
test("the calls become events", async () => {
  const { world, creating } = scripted((e) => (e.type === "export" ? [{ ...notify(e.call), body: "the request\n" }] : undefined));
  const client = await creating;
  await client.reserve("ui", "rendering");
  await client.reserve("ui", "rendering", { borrow: 1_500.4 });
  await client.statistics({ documents: 3, failures: -1 });
  assert.equal(await client.exportRequest(), "the request\n");
  await client.importAnswer("the answer\n");
  const [, plain, borrowed, statistics, exported, imported] = world.events;
  assert.deepEqual([plain.borrow, borrowed.borrow], [0, 1_500]);
  assert.deepEqual(statistics.numbers, [{ name: "documents", value: 3 }, { name: "failures", value: -1 }]);
  assert.deepEqual([exported.type, imported.type, imported.body], ["export", "import", "the answer\n"]);
  await client.shutdown();
});

test("a mistake in a call is a typed error", async () => {
  const { world, creating } = scripted((e) => (["start", "shutdown"].includes(e.type) ? undefined : [notify(e.call, describe("no_license"))]));
  const client = await creating;
  // What no event can say the host finds itself;
  for (const borrow of ["soon", NaN, Infinity, 5n, {}]) assert.equal(await codeOf(client.reserve("ui", "x", { borrow })), "bad_call");
  for (const numbers of [{ a: 1.5 }, { a: "1" }, { a: NaN }, { a: 5n }, ["a"], null, undefined]) assert.equal(await codeOf(client.statistics(numbers)), "bad_call");
  for (const text of [new Uint8Array(), null, undefined]) assert.equal(await codeOf(client.importAnswer(text)), "bad_call");
  assert.deepEqual(types(world), ["start"]);
  // what the module refuses comes back as it is.
  for (const asked of [client.reserve("ui", "x", { borrow: -1 }), client.statistics({}), client.exportRequest(), client.importAnswer("")]) {
    assert.equal(await codeOf(asked), "no_license");
  }
  await client.shutdown();
});

test("a save is confirmed when it is stored, and not before", async () => {
  let stored;
  const storage = new (class extends MemoryStorage {
    save = (state) => (state === "fails" ? Promise.reject(new Error("disk full")) : new Promise((resolve) => (stored = resolve)));
  })();
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "save", id: 8, state: e.call === 2 ? "fine" : "fails" }];
      if (e.type === "saved") return [notify(2)];
      if (e.type === "save_failed") return [notify(3, describe("storage_failed", e.detail))];
    },
    { storage },
  );
  const client = await creating;
  const first = client.sync();
  await settled();
  assert.deepEqual(types(world), ["start", "sync"]);
  stored();
  await first;
  assert.equal((await client.sync().catch((e) => e)).detail, "disk full");
  assert.deepEqual(types(world), ["start", "sync", "saved", "sync", "save_failed"]);
  await client.shutdown();
});

// proves C05
test("there is one timer, and a new one replaces it", async () => {
  const wakes = [5_000, 300, -1];
  const { world, creating } = scripted((e) => (e.type === "sync" ? [{ type: "wake", in: wakes.shift() }, notify(e.call)] : undefined));
  const client = await creating;
  await client.sync();
  await client.sync();
  assert.deepEqual(world.clock.timers, [300]);
  world.clock.pass(299);
  assert.ok(!types(world).includes("timer"));
  world.clock.pass(1);
  assert.equal(types(world).at(-1), "timer");
  await client.sync();
  assert.deepEqual(world.clock.timers, []);
  await client.shutdown();
});

// proves C09
test("consume: counted, poll, ask", async () => {
  const answers = [0, 0, 1, 2];
  const { world, creating } = scripted(() => undefined, { consume: () => answers.shift() });
  const client = await creating;
  await client.consume();
  await client.consume(4);
  assert.deepEqual(types(world), ["start"]);
  await client.consume();
  assert.deepEqual(types(world), ["start", "poll"]);
  await client.consume(3);
  assert.deepEqual([world.events.at(-1).type, world.events.at(-1).n], ["consume", 3]);
  await client.shutdown();
});

test("what is no count of calls is not cut down to one", async () => {
  const fast = [];
  const { world, creating } = scripted(() => undefined, { consume: (n) => fast.push(n) && 0 });
  const client = await creating;
  for (const n of [0, -1, 1.5, NaN, 2 ** 32 + 1, 5n, "3"]) await client.consume(n);
  assert.deepEqual(fast, []);
  assert.deepEqual(world.events.slice(1).map(({ n }) => n), [0, -1, 1.5, NaN, 2 ** 32 + 1, 5, "3"]);
  await client.shutdown();
});

test("a refused call is a typed error with the whole verdict", async () => {
  const verdict = { ...describe("no_slots", "all 5 are taken"), license: ids.license_id, context: "ui", entitlement: "rendering", retry_at: 12 };
  const { creating } = scripted((e) => (e.type === "reserve" ? [notify(e.call, verdict)] : undefined));
  const client = await creating;
  const error = await client.reserve("ui", "rendering").catch((e) => e);
  assert.deepEqual(error.verdict, verdict);
  for (const member of ["code", "class", "allow_continue", "detail", "do", "license", "context", "entitlement", "retry_at"]) {
    assert.equal(error[member], verdict[member], member);
  }
  assert.equal(`${error}`, `LicenseError: ${verdict.message} (all 5 are taken)`);
  await client.shutdown();
});

test("an error of the call itself is the caller's", async () => {
  const { world, creating } = scripted((e) => (e.type === "check" ? { error: describe("bad_call", "context") } : undefined));
  const client = await creating;
  assert.equal(await codeOf(client.check("ui", "x")), "bad_call");
  assert.equal(world.engines, 1); // it was not given up
  await client.shutdown();
});

test("news goes to the handler after its event, so that it may call the client", async () => {
  let client;
  const order = [];
  const { creating } = scripted(
    (e) => {
      order.push(e.type);
      if (e.type === "sync") return [{ type: "notify", verdict: describe("grace") }, notify(e.call)];
    },
    { on_verdict: (v) => order.push(v.code, client.check("ui", "x") && "called") },
  );
  client = await creating;
  await client.sync();
  await settled();
  assert.deepEqual(order.slice(0, 2), ["start", "sync"]);
  assert.deepEqual(order.slice(2).sort(), ["called", "check", "grace"]);
  await client.shutdown();
});

// proves C02
test("a refused start leaves nothing open", async () => {
  const storage = new MemoryStorage();
  const { world, creating } = scripted((e) => (e.type === "start" ? [{ type: "wake", in: 9 }, notify(e.call, describe("expired"))] : undefined), { storage });
  assert.equal(await codeOf(creating), "expired");
  assert.deepEqual(world.clock.timers, []);
  assert.equal(await storage.open(), "");
});

const tolerated = (code) => ({ ...describe(code), offline_tolerated: true });

test("a start is refused unless the module tolerates the refusal", async () => {
  for (const answer of [describe("unreachable"), tolerated("unreachable"), describe("suspended")]) {
    const { world, creating } = scripted((e, nth) => {
      if (e.type === "start") return [notify(e.call, answer)];
      if (e.type === "check" && nth === 1) throw new Error("trap");
    }, { offline: true });
    if (!answer.offline_tolerated) {
      assert.equal(await codeOf(creating), answer.code);
      continue;
    }
    const client = await creating;
    assert.equal(world.configs[0].offline, true);
    await codeOf(client.check("ui", "x"));
    await client.sync(); // of the instance that replaced the first
    await settled();
    assert.deepEqual([world.engines, world.told], [2, []]);
    await client.shutdown();
  }
});

test("an instance that failed is replaced, from the last stored state", async () => {
  for (const fail of [() => { throw new WebAssembly.RuntimeError("unreachable"); }, () => ({ error: describe("internal", "recovered") })]) {
    const { world, creating } = scripted((e, nth) => {
      if (e.type === "sync" && e.call === 2) return [{ type: "save", id: 1, state: "newer" }, notify(e.call)];
      if (e.type === "reserve") return []; // waits
      if (e.type === "check" && nth === 1) return fail();
    });
    const client = await creating;
    await client.sync();
    await settled();
    const waiting = codeOf(client.reserve("ui", "x"));
    await settled();
    const failing = client.check("ui", "x").catch((e) => e);
    assert.equal((await failing).code, "internal");
    assert.equal(await waiting, "internal");
    assert.equal(await codeOf(client.check("ui", "x")), "ok");
    assert.deepEqual(world.states, ["", "saved before", "newer"]);
    assert.deepEqual(types(world).filter((type) => type === "start").length, 2);
    await client.shutdown();
  }
});

test("what belongs to an instance that is gone is not told to the next", async () => {
  let answer;
  const { world, creating } = scripted(
    (e, nth) => {
      if (e.type === "sync" && nth === 1) return [{ type: "send", id: 5, url: "http://x/", body: "", timeout: 9 }, { type: "wake", in: 50 }];
      if (e.type === "check" && nth === 1) throw new Error("trap");
    },
    { transport: () => new Promise((resolve) => (answer = resolve)) },
  );
  const client = await creating;
  const waiting = codeOf(client.sync());
  await settled();
  await codeOf(client.check("ui", "x"));
  assert.equal(await waiting, "internal");
  assert.equal(await codeOf(client.sync()), "ok");
  answer({ status: 200, body: "late" });
  await settled();
  assert.ok(!types(world).includes("reply"));
  assert.deepEqual(world.clock.timers, []);
  await client.shutdown();
});

test("consume that fails is replaced, too", async () => {
  for (const bad of [() => -1, () => { throw new WebAssembly.RuntimeError("unreachable"); }]) {
    const { world, creating } = scripted(() => undefined, { consume: (n, now, nth) => (nth === 1 ? bad() : 0) });
    const client = await creating;
    await codeOf(client.consume());
    await client.consume();
    assert.equal(world.engines, 2);
    await client.shutdown();
  }
});

test("an instance that cannot be replaced is told of, and every call refused", async () => {
  const { world, creating } = scripted((e, nth) => {
    if (nth > 1 || e.type === "check") throw new Error("trap");
  });
  const client = await creating;
  assert.equal(await codeOf(client.check("ui", "x")), "internal");
  assert.equal(await codeOf(client.check("ui", "x")), "internal");
  assert.equal(await codeOf(client.consume()), "internal");
  assert.ok(world.told.some(({ code }) => code === "internal"));
  assert.equal(world.engines, 2);
  assert.throws(() => client.status(), { code: "internal" });
  await client.shutdown();
});

// proves L17
test("shutdown waits for its answer only so long", async () => {
  const { world, creating } = scripted((e) => (e.type === "shutdown" || e.type === "sync" ? [] : undefined), { shutdown_timeout: 250 });
  const client = await creating;
  const waiting = codeOf(client.sync());
  await settled();
  const ending = client.shutdown();
  await settled();
  assert.equal(await codeOf(client.consume()), "not_running");
  world.clock.pass(250);
  assert.equal((await ending).code, "unreachable");
  assert.equal(await waiting, "not_running");
  assert.equal(await client.shutdown(), await ending);
  assert.deepEqual(world.clock.timers, []);
  assert.throws(() => client.status(), { code: "not_running" });
});

// A program whose module says what is on its command line; it imports what this test file tests.
const stub = `
  import { OneLicenseClient, MemoryStorage } from "onelicense";
  import { platform } from "./src/node.js";
  const effects = JSON.parse(process.argv.at(-1));
  class Client extends OneLicenseClient {
    static platform = { ...platform, loadModule: async () => undefined, startEngine: async () => ({
      stderr: "", consume: () => 0,
      call: ({ op, event }) => op === "step"
        ? { effects: [...(effects[event.type] ?? []), ...(event.call ? [{ type: "notify", call: event.call, verdict: { ok: true, code: "ok" } }] : [])] }
        : { handle: 1 },
    }) };
  }
  const client = await Client.create({ server_url: "http://127.0.0.1/", storage: new MemoryStorage(), offline: effects.offline });
  console.log("started");
`;

// proves C06
test("without a handler a verdict to stop stops the program", async (t) => {
  const p = program(t, `${stub}; await client.sync(); setInterval(() => {}, 1000);`, JSON.stringify({ sync: [{ type: "notify", verdict: describe("revoked") }] }));
  const { code, err } = await p.ended;
  assert.equal(code, 1);
  assert.match(err, /LicenseError: The license was revoked/);
});

test("without a handler the program goes on where it may, and is warned", async (t) => {
  const effects = { start: [{ type: "notify", verdict: describe("state_invalid") }], sync: [{ type: "notify", verdict: describe("grace") }] };
  const { code, err } = await program(t, `${stub}; await client.sync(); await client.shutdown();`, JSON.stringify(effects)).ended;
  assert.equal(code, 0, err);
  assert.match(err, /One License: state_invalid: /);
  assert.match(err, /One License: grace: /);
});

test("a program goes on if the module tolerates what it says, and else is stopped", async (t) => {
  const run = (...found) =>
    program(t, `${stub}; await client.sync(); await client.shutdown(); console.log("went on");`, JSON.stringify({
      offline: true, sync: found.map((verdict) => ({ type: "notify", verdict })),
    })).ended;
  const { code, out, err } = await run(tolerated("unreachable"), tolerated("lease_expired"));
  assert.deepEqual([code, out], [0, "started\nwent on\n"], err);
  assert.match(err, /One License: unreachable: [^]*One License: lease_expired: /);
  assert.equal((await run(describe("unreachable"))).code, 1);
  assert.equal((await run(describe("suspended"))).code, 1);
});

test("the timer does not keep a program alive that has nothing more to do", async (t) => {
  const { code, out } = await program(t, stub, JSON.stringify({ start: [{ type: "wake", in: 3_600_000 }] })).ended;
  assert.equal(code, 0);
  assert.equal(out, "started\n");
});

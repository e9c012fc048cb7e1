// The host with a scripted module: effects, calls, timers and failures of the module.

import assert from "node:assert/strict";
import { test } from "node:test";

import { machineParts, MemoryStorage, OneLicenseClient, verdicts, version } from "onelicense";

import { answerOf } from "../src/errors.js";
import { platform } from "../src/node.js";
import { errorCode, ids, runProgram, SimulatedClock, flushMicrotasks } from "../testkit/index.js";

const config = { server_url: "http://127.0.0.1/api/v1", ...ids };
const ok = answerOf("ok");
const notify = (call, verdict = ok) => ({ type: "notify", call, verdict });

/**
 * Opens a client over a scripted module. The script returns the effects of an event; without any, start, poll and shutdown are granted.
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
            if (call.op === "new") (world.states.push(call.state), world.configs.push(call.config));
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
  const creating = Scripted.create({
    ...config,
    storage: new MemoryStorage("saved before"),
    clock,
    on_verdict: (v) => world.told.push(v),
    ...settings,
  });
  return { world, creating };
}

const types = (world) => world.events.map(({ type }) => type);

test("adds time and randomness to every event", async () => {
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

test("answers a send with the reply or the failure", async () => {
  const answers = [{ status: 503, body: "later", retry_after: 9 }, new Error("the cable is cut")];
  const sent = [];
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "send", id: 40 + e.call, url: "http://x/", body: "b", timeout: 77 }];
      if (e.type === "reply") return [notify(2)];
      if (e.type === "failed") return [notify(3, answerOf("unreachable"))];
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
  assert.equal(await errorCode(client.sync()), "unreachable");
  const [reply, failed] = world.events.filter(({ id }) => id);
  assert.deepEqual([reply.type, reply.id, reply.status, reply.body, reply.retry_after], ["reply", 42, 503, "later", 9]);
  assert.deepEqual([failed.type, failed.id, failed.detail], ["failed", 43, "the cable is cut"]);
  assert.deepEqual(sent, Array(2).fill(["http://x/", "b", 77]));
  await client.shutdown();
});

test("treats an answer that is too large for a call as a failure", async () => {
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "send", id: 4, url: "http://x/", body: "", timeout: 77 }];
      if (e.type === "reply") return { error: answerOf("bad_call", "too large") };
      if (e.type === "failed") return [notify(2, answerOf("unreachable", e.detail))];
    },
    { transport: async () => ({ status: 200, body: "x" }) },
  );
  const client = await creating;
  const error = await client.sync().catch((e) => e);
  assert.deepEqual([error.code, error.detail], ["unreachable", "too large"]);
  assert.deepEqual([world.events.at(-1).type, world.events.at(-1).id], ["failed", 4]);
  await client.shutdown();
});

test("passes the settings and the platform to the module", async () => {
  const fingerprint = { ...machineParts(), dongle: "7" };
  const { world, creating } = scripted(() => undefined, { program: "4.2", fingerprint });
  await (await creating).shutdown();
  for (const told of world.configs) {
    assert.deepEqual(
      told.fingerprint,
      Object.entries(fingerprint).map(([name, value]) => ({ name, value })),
    );
    assert.deepEqual([told.program, told.host], ["4.2", `js/${version}`]);
    assert.match(told.platform, /^[a-z0-9]+\/[a-z0-9_]+$/);
  }
  const other = scripted(() => undefined);
  await (await other.creating).shutdown();
  assert.ok(!("fingerprint" in other.world.configs[0])); // only what the program says
});

// proves part of C17, B03, S23
test("converts calls to events", async () => {
  const { world, creating } = scripted((e) => (e.type === "export" ? [{ ...notify(e.call), body: "the request\n" }] : undefined));
  const client = await creating;
  await client.reserve("ui", "rendering");
  await client.reserve("ui", "rendering", { borrow: 1_500.4 });
  await client.statistics({ documents: 3, failures: -1 });
  assert.equal(await client.exportRequest(), "the request\n");
  await client.importAnswer("the answer\n");
  const [, plain, borrowed, statistics, exported, imported] = world.events;
  assert.deepEqual([plain.borrow, borrowed.borrow], [0, 1_500]);
  assert.deepEqual(statistics.numbers, [
    { name: "documents", value: 3 },
    { name: "failures", value: -1 },
  ]);
  assert.deepEqual([exported.type, imported.type, imported.body], ["export", "import", "the answer\n"]);
  await client.shutdown();
});

test("rejects invalid arguments with a LicenseError", async () => {
  const { world, creating } = scripted((e) =>
    ["start", "shutdown"].includes(e.type) ? undefined : [notify(e.call, answerOf("no_license"))],
  );
  const client = await creating;
  // The host checks arguments that JSON cannot express;
  for (const borrow of ["soon", NaN, Infinity, 5n, {}]) assert.equal(await errorCode(client.reserve("ui", "x", { borrow })), "bad_call");
  for (const numbers of [{ a: 1.5 }, { a: "1" }, { a: NaN }, { a: 5n }, ["a"], null, undefined])
    assert.equal(await errorCode(client.statistics(numbers)), "bad_call");
  for (const text of [new Uint8Array(), null, undefined]) assert.equal(await errorCode(client.importAnswer(text)), "bad_call");
  assert.deepEqual(types(world), ["start"]);
  // refusals of the module are returned unchanged.
  for (const asked of [client.reserve("ui", "x", { borrow: -1 }), client.statistics({}), client.exportRequest(), client.importAnswer("")]) {
    assert.equal(await errorCode(asked), "no_license");
  }
  await client.shutdown();
});

test("confirms a save only after it is stored", async () => {
  let stored;
  const storage = new (class extends MemoryStorage {
    save = (state) => (state === "fails" ? Promise.reject(new Error("disk full")) : new Promise((resolve) => (stored = resolve)));
  })();
  const { world, creating } = scripted(
    (e) => {
      if (e.type === "sync") return [{ type: "save", id: 8, state: e.call === 2 ? "fine" : "fails" }];
      if (e.type === "saved") return [notify(2)];
      if (e.type === "save_failed") return [notify(3, answerOf("storage_failed", e.detail))];
    },
    { storage },
  );
  const client = await creating;
  const first = client.sync();
  await flushMicrotasks();
  assert.deepEqual(types(world), ["start", "sync"]);
  stored();
  await first;
  assert.equal((await client.sync().catch((e) => e)).detail, "disk full");
  assert.deepEqual(types(world), ["start", "sync", "saved", "sync", "save_failed"]);
  await client.shutdown();
});

// proves C05
test("replaces the timer", async () => {
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

test("does not round an invalid count", async () => {
  const fast = [];
  const { world, creating } = scripted(() => undefined, { consume: (n) => fast.push(n) && 0 });
  const client = await creating;
  for (const n of [0, -1, 1.5, NaN, 2 ** 32 + 1, 5n, "3"]) await client.consume(n);
  assert.deepEqual(fast, []);
  assert.deepEqual(
    world.events.slice(1).map(({ n }) => n),
    [0, -1, 1.5, NaN, 2 ** 32 + 1, 5, "3"],
  );
  await client.shutdown();
});

test("rejects a refused call with the whole verdict", async () => {
  const verdict = {
    ...answerOf("no_slots", "all 5 are taken"),
    license: ids.license_id,
    context: "ui",
    entitlement: "rendering",
    retry_at: 12,
  };
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

test("rejects a call that the module cannot read", async () => {
  const { world, creating } = scripted((e) => (e.type === "check" ? { error: answerOf("bad_call", "context") } : undefined));
  const client = await creating;
  assert.equal(await errorCode(client.check("ui", "x")), "bad_call");
  assert.equal(world.engines, 1); // it was not given up
  await client.shutdown();
});

test("calls on_verdict after the event, so that it can call the client", async () => {
  let client;
  const order = [];
  const { creating } = scripted(
    (e) => {
      order.push(e.type);
      if (e.type === "sync") return [{ type: "notify", verdict: answerOf("grace") }, notify(e.call)];
    },
    { on_verdict: (v) => order.push(v.code, client.check("ui", "x") && "called") },
  );
  client = await creating;
  await client.sync();
  await flushMicrotasks();
  assert.deepEqual(order.slice(0, 2), ["start", "sync"]);
  assert.deepEqual(order.slice(2).sort(), ["called", "check", "grace"]);
  await client.shutdown();
});

// proves C02
test("closes everything after a refused start", async () => {
  const storage = new MemoryStorage();
  const { world, creating } = scripted(
    (e) => (e.type === "start" ? [{ type: "wake", in: 9 }, notify(e.call, answerOf("expired"))] : undefined),
    { storage },
  );
  assert.equal(await errorCode(creating), "expired");
  assert.deepEqual(world.clock.timers, []);
  assert.equal(await storage.open(), "");
});

const tolerated = (code) => ({ ...answerOf(code), offline_tolerated: true });

test("starts despite a refusal that is tolerated offline", async () => {
  for (const answer of [answerOf("unreachable"), tolerated("unreachable"), answerOf("suspended")]) {
    const { world, creating } = scripted(
      (e, nth) => {
        if (e.type === "start") return [notify(e.call, answer)];
        if (e.type === "check" && nth === 1) throw new Error("trap");
      },
      { offline: true },
    );
    if (!answer.offline_tolerated) {
      assert.equal(await errorCode(creating), answer.code);
      continue;
    }
    const client = await creating;
    assert.equal(world.configs[0].offline, true);
    await errorCode(client.check("ui", "x"));
    await client.sync(); // of the instance that replaced the first
    await flushMicrotasks();
    assert.deepEqual([world.engines, world.told], [2, []]);
    await client.shutdown();
  }
});

test("restarts a failed instance from the last saved state", async () => {
  for (const fail of [
    () => {
      throw new WebAssembly.RuntimeError("unreachable");
    },
    () => ({ error: answerOf("internal", "recovered") }),
  ]) {
    const { world, creating } = scripted((e, nth) => {
      if (e.type === "sync" && e.call === 2) return [{ type: "save", id: 1, state: "newer" }, notify(e.call)];
      if (e.type === "reserve") return []; // waits
      if (e.type === "check" && nth === 1) return fail();
    });
    const client = await creating;
    await client.sync();
    await flushMicrotasks();
    const waiting = errorCode(client.reserve("ui", "x"));
    await flushMicrotasks();
    const failing = client.check("ui", "x").catch((e) => e);
    assert.equal((await failing).code, "internal");
    assert.equal(await waiting, "internal");
    assert.equal(await errorCode(client.check("ui", "x")), "ok");
    assert.deepEqual(world.states, ["", "saved before", "newer"]);
    assert.deepEqual(types(world).filter((type) => type === "start").length, 2);
    await client.shutdown();
  }
});

test("does not pass replies of an old instance to the next", async () => {
  let answer;
  const { world, creating } = scripted(
    (e, nth) => {
      if (e.type === "sync" && nth === 1)
        return [
          { type: "send", id: 5, url: "http://x/", body: "", timeout: 9 },
          { type: "wake", in: 50 },
        ];
      if (e.type === "check" && nth === 1) throw new Error("trap");
    },
    { transport: () => new Promise((resolve) => (answer = resolve)) },
  );
  const client = await creating;
  const waiting = errorCode(client.sync());
  await flushMicrotasks();
  await errorCode(client.check("ui", "x"));
  assert.equal(await waiting, "internal");
  assert.equal(await errorCode(client.sync()), "ok");
  answer({ status: 200, body: "late" });
  await flushMicrotasks();
  assert.ok(!types(world).includes("reply"));
  assert.deepEqual(world.clock.timers, []);
  await client.shutdown();
});

test("restarts after a failed consume", async () => {
  for (const bad of [
    () => -1,
    () => {
      throw new WebAssembly.RuntimeError("unreachable");
    },
  ]) {
    const { world, creating } = scripted(() => undefined, { consume: (n, now, nth) => (nth === 1 ? bad() : 0) });
    const client = await creating;
    await errorCode(client.consume());
    await client.consume();
    assert.equal(world.engines, 2);
    await client.shutdown();
  }
});

test("reports an instance that cannot be restarted, and refuses calls", async () => {
  const { world, creating } = scripted((e, nth) => {
    if (nth > 1 || e.type === "check") throw new Error("trap");
  });
  const client = await creating;
  assert.equal(await errorCode(client.check("ui", "x")), "internal");
  assert.equal(await errorCode(client.check("ui", "x")), "internal");
  assert.equal(await errorCode(client.consume()), "internal");
  assert.ok(world.told.some(({ code }) => code === "internal"));
  assert.equal(world.engines, 2);
  assert.throws(() => client.status(), { code: "internal" });
  await client.shutdown();
});

// proves L17
test("limits the time of shutdown", async () => {
  const { world, creating } = scripted((e) => (e.type === "shutdown" || e.type === "sync" ? [] : undefined), { shutdown_timeout: 250 });
  const client = await creating;
  const waiting = errorCode(client.sync());
  await flushMicrotasks();
  const ending = client.shutdown();
  await flushMicrotasks();
  assert.equal(await errorCode(client.consume()), "not_running");
  world.clock.pass(250);
  assert.equal((await ending).code, "unreachable");
  assert.equal(await waiting, "not_running");
  assert.equal(await client.shutdown(), await ending);
  assert.deepEqual(world.clock.timers, []);
  assert.throws(() => client.status(), { code: "not_running" });
});

// A program with a scripted module, which returns the verdict given on the command line.
const stub = `
  import { OneLicenseClient, MemoryStorage } from "onelicense";
  import { platform } from "./src/node.js";
  const effects = JSON.parse(process.argv.at(-1));
  class Client extends OneLicenseClient {
    static platform = { ...platform, loadModule: async () => undefined, startEngine: async () => ({
      stderr: "", consume: () => 0,
      call: ({ op, event }) => op === "step"
        ? { effects: [
            ...(effects[event.type] ?? []),
            ...(event.call ? [{ type: "notify", call: event.call, verdict: { ok: true, code: "ok" } }] : [])] }
        : { handle: 1 },
    }) };
  }
  const client = await Client.create({ server_url: "http://127.0.0.1/", storage: new MemoryStorage(), offline: effects.offline });
  console.log("started");
`;

// proves C06
test("without on_verdict, a verdict that forbids to continue ends the program", async (t) => {
  const p = runProgram(
    t,
    `${stub}; await client.sync(); setInterval(() => {}, 1000);`,
    JSON.stringify({ sync: [{ type: "notify", verdict: answerOf("revoked") }] }),
  );
  const { code, err } = await p.ended;
  assert.equal(code, 1);
  assert.match(err, /LicenseError: The license was revoked/);
});

test("without on_verdict, other verdicts are warnings", async (t) => {
  const effects = {
    start: [{ type: "notify", verdict: answerOf("state_invalid") }],
    sync: [{ type: "notify", verdict: answerOf("grace") }],
  };
  const { code, err } = await runProgram(t, `${stub}; await client.sync(); await client.shutdown();`, JSON.stringify(effects)).ended;
  assert.equal(code, 0, err);
  assert.match(err, /One License: state_invalid: /);
  assert.match(err, /One License: grace: /);
});

test("without on_verdict, a verdict that is tolerated offline does not end the program", async (t) => {
  const run = (...found) =>
    runProgram(
      t,
      `${stub}; await client.sync(); await client.shutdown(); console.log("went on");`,
      JSON.stringify({
        offline: true,
        sync: found.map((verdict) => ({ type: "notify", verdict })),
      }),
    ).ended;
  const { code, out, err } = await run(tolerated("unreachable"), tolerated("lease_expired"));
  assert.deepEqual([code, out], [0, "started\nwent on\n"], err);
  assert.match(err, /One License: unreachable: [^]*One License: lease_expired: /);
  assert.equal((await run(answerOf("unreachable"))).code, 1);
  assert.equal((await run(answerOf("suspended"))).code, 1);
});

test("the timer does not keep the process alive", async (t) => {
  const { code, out } = await runProgram(t, stub, JSON.stringify({ start: [{ type: "wake", in: 3_600_000 }] })).ended;
  assert.equal(code, 0);
  assert.equal(out, "started\n");
});

// Storages: one holder at a time, and atomic saves.
//
// proves C18

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { FileStorage, MemoryStorage } from "onelicense";

import { SaveQueue } from "../src/storage/save_queue.js";
import { errorCode, temporaryFolder, runProgram, flushMicrotasks } from "../testkit/index.js";

// Opens the storage and holds it until a line is read or the process is killed.
const holder = `
  import { FileStorage } from "onelicense";
  const storage = new FileStorage(process.argv.at(-1));
  try { await storage.open(); } catch (error) { console.log(error.code); process.exit(); }
  console.log("held");
  for await (const _ of process.stdin) break;
  await storage.close();
  console.log("closed");
`;
const claims = async (path) => (await readdir(path)).filter((name) => name.startsWith("lock."));

test("returns the saved state", async (t) => {
  const path = join(temporaryFolder(), "a", "b");
  const storage = new FileStorage(path);
  assert.equal(await storage.open(), "");
  await storage.save("öne\n");
  await storage.save("two\n");
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  assert.equal((await stat(join(path, "state"))).mode & 0o777, 0o600);
  await storage.close();
  assert.deepEqual(await readdir(path), ["state"]);

  const again = new FileStorage(path);
  assert.equal(await again.open(), "two\n");
  again.saveNow("three\n");
  again.closeNow();
  assert.equal(await readFile(join(path, "state"), "utf8"), "three\n");
});

test("ignores a half-written state of a crash", async (t) => {
  const path = temporaryFolder();
  await writeFile(join(path, "state"), "whole");
  await writeFile(join(path, "state.0123456789abcdef"), "ha");
  const storage = new FileStorage(path);
  assert.equal(await storage.open(), "whole");
  await storage.close();
  assert.deepEqual(await readdir(path), ["state"]);
});

test("does not read a file that is too large", async (t) => {
  const path = temporaryFolder();
  await writeFile(join(path, "state"), Buffer.alloc(3 << 20));
  assert.equal(await errorCode(new FileStorage(path).open()), "storage_failed");
  assert.deepEqual(await claims(path), []);
});

test("reports a folder that cannot be used", async (t) => {
  const path = temporaryFolder();
  await writeFile(join(path, "file"), "");
  assert.equal(await errorCode(new FileStorage(join(path, "file")).open()), "storage_failed");

  await mkdir(join(path, "closed"), { mode: 0o500 });
  if (process.getuid?.() !== 0) assert.equal(await errorCode(new FileStorage(join(path, "closed")).open()), "storage_failed");
  await chmod(join(path, "closed"), 0o700);
});

test("a failed save keeps the old state", async (t) => {
  const path = temporaryFolder();
  const storage = new FileStorage(path);
  await storage.open();
  await storage.save("old");
  await rename(join(path, "state"), join(path, "kept"));
  await mkdir(join(path, "state", "in the way"), { recursive: true });
  await assert.rejects(storage.save("new"));
  assert.deepEqual(
    (await readdir(path)).filter((name) => /^state\./.test(name)),
    [],
  );
  await storage.close();
});

test("refuses a second client in the same process", async (t) => {
  const path = temporaryFolder();
  const [first, second] = [new FileStorage(path), new FileStorage(path)];
  await first.open();
  assert.equal(await errorCode(second.open()), "in_use");
  await first.close();
  assert.equal(await errorCode(second.open()), "ok");
  await second.close();
});

test("refuses a worker thread", async (t) => {
  const path = temporaryFolder();
  const storage = new FileStorage(path);
  await storage.open();
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     import(workerData.module).then(({ FileStorage }) => new FileStorage(workerData.path).open())
       .then(() => parentPort.postMessage("held"), (error) => parentPort.postMessage(error.code));`,
    { eval: true, workerData: { path, module: new URL("../src/node.js", import.meta.url).href } },
  );
  const [said] = await once(worker, "message");
  assert.equal(said, "in_use");
  await worker.terminate();
  await storage.close();
});

test("refuses a second process until the first closes", async (t) => {
  const path = temporaryFolder();
  const first = runProgram(t, holder, path);
  assert.equal(await first.line(), "held");
  assert.equal(await runProgram(t, holder, path).line(), "in_use");
  assert.equal(await errorCode(new FileStorage(path).open()), "in_use");
  first.process.stdin.end("go\n");
  assert.equal(await first.line(), "closed");
  await first.ended;
  const storage = new FileStorage(path);
  assert.equal(await errorCode(storage.open()), "ok");
  await storage.close();
});

test("takes over the lock of a killed process", async (t) => {
  const path = temporaryFolder();
  const first = runProgram(t, holder, path);
  assert.equal(await first.line(), "held");
  first.kill("SIGKILL");
  await first.ended;
  assert.equal((await claims(path)).length, 1);
  const storage = new FileStorage(path);
  assert.equal(await errorCode(storage.open()), "ok");
  assert.equal((await claims(path)).length, 1);
  await storage.close();
});

test("takes over the lock when the process id was reused", async (t) => {
  if (process.platform !== "linux") return t.skip("only Linux tells when a process started");
  const path = temporaryFolder();
  const storage = new FileStorage(path);
  await storage.open();
  const [claim] = await claims(path);
  await storage.close();
  // A claim with the id of this process and another start time.
  const [word, place, pid, , token] = claim.split(".");
  await writeFile(join(path, [word, place, pid, "1", token].join(".")), "");
  const next = new FileStorage(path);
  assert.equal(await errorCode(next.open()), "ok");
  await next.close();
});

test("recognises a holder on another machine by its heartbeat", async (t) => {
  const path = temporaryFolder();
  const claim = join(path, "lock.000000000000.1.0.0123456789abcdef"); // another container on the same folder
  await writeFile(claim, "");
  assert.equal(await errorCode(new FileStorage(path).open()), "in_use");
  const long = new Date(Date.now() - 3_600_000);
  await utimes(claim, long, long);
  const storage = new FileStorage(path);
  assert.equal(await errorCode(storage.open()), "ok");
  await storage.close();
});

test("a holder whose claim was removed does not save", async (t) => {
  const path = temporaryFolder();
  const storage = new FileStorage(path);
  await storage.open();
  await storage.save("old");
  const [claim] = await claims(path);
  await rename(join(path, claim), join(path, "gone"));
  assert.equal(await errorCode(storage.save("new")), "in_use");
  assert.equal(await readFile(join(path, "state"), "utf8"), "old");
  await storage.close();
});

test("never has two holders among concurrent clients", async (t) => {
  const path = temporaryFolder();
  let holding = 0;
  let most = 0;
  let held = 0;
  const visit = async () => {
    const storage = new FileStorage(path);
    if ((await errorCode(storage.open())) !== "ok") return;
    most = Math.max(most, ++holding);
    held++;
    await storage.save("mine");
    holding--;
    await storage.close();
  };
  for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 8 }, visit));
  assert.equal(most, 1);
  assert.ok(held > 0);
  await visit();
  assert.deepEqual(await readdir(path), ["state"]);
});

test("never has two holders among concurrent processes", async (t) => {
  const path = temporaryFolder();
  const all = Array.from({ length: 6 }, () => runProgram(t, holder, path));
  const said = await Promise.all(all.map((p) => p.line()));
  assert.ok(said.filter((line) => line === "held").length <= 1, said.join());
  assert.ok(
    said.every((line) => line === "held" || line === "in_use"),
    said.join(),
  );
});

test("MemoryStorage refuses a second client", async () => {
  const storage = new MemoryStorage("before");
  assert.equal(await storage.open(), "before");
  assert.equal(await errorCode(storage.open()), "in_use");
  await storage.save("after");
  await storage.close();
  assert.equal(await storage.open(), "after");
});

test("SaveQueue saves in order, and of queued states only the newest", async () => {
  const written = [];
  let finish;
  const queue = new SaveQueue({ save: (state) => new Promise((resolve) => (finish = () => resolve(written.push(state)))) }, "0");
  const first = queue.save("1");
  await flushMicrotasks();
  const waiting = ["2", "3", "4"].map((state) => queue.save(state));
  finish();
  await first;
  await flushMicrotasks();
  assert.deepEqual(written, ["1"]);
  assert.equal(queue.lastSaved, "1");
  finish();
  await Promise.all(waiting);
  assert.deepEqual(written, ["1", "4"]);
  assert.equal(queue.lastSaved, "4");
  await queue.waitForQueued();
});

test("SaveQueue continues after a failed save", async () => {
  let fail = true;
  const queue = new SaveQueue(
    {
      save: async () => {
        if (fail) throw new Error("disk full");
      },
    },
    "0",
  );
  await assert.rejects(queue.save("1"), /disk full/);
  assert.equal(queue.lastSaved, "0");
  fail = false;
  await queue.save("2");
  assert.equal(queue.lastSaved, "2");
});

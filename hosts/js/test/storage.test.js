// The storages: one holder at a time, and a state that is there whole or not at all.
//
// proves C18

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { FileStorage, MemoryStorage } from "onelicense";

import { Journal } from "../src/storage/journal.js";
import { codeOf, folder, program, settled } from "../testkit/index.js";

// Opens the storage and holds it until it is killed or told to let go.
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

test("a state comes back as it was saved", async (t) => {
  const path = join(folder(), "a", "b");
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

test("what a crash left half written is not the state", async (t) => {
  const path = folder();
  await writeFile(join(path, "state"), "whole");
  await writeFile(join(path, "state.0123456789abcdef"), "ha");
  const storage = new FileStorage(path);
  assert.equal(await storage.open(), "whole");
  await storage.close();
  assert.deepEqual(await readdir(path), ["state"]);
});

test("a file that is no state is not read whole", async (t) => {
  const path = folder();
  await writeFile(join(path, "state"), Buffer.alloc(3 << 20));
  assert.equal(await codeOf(new FileStorage(path).open()), "storage_failed");
  assert.deepEqual(await claims(path), []);
});

test("a folder that cannot be used is named", async (t) => {
  const path = folder();
  await writeFile(join(path, "file"), "");
  assert.equal(await codeOf(new FileStorage(join(path, "file")).open()), "storage_failed");

  await mkdir(join(path, "closed"), { mode: 0o500 });
  if (process.getuid?.() !== 0) assert.equal(await codeOf(new FileStorage(join(path, "closed")).open()), "storage_failed");
  await chmod(join(path, "closed"), 0o700);
});

test("a save that fails leaves the old state", async (t) => {
  const path = folder();
  const storage = new FileStorage(path);
  await storage.open();
  await storage.save("old");
  await rename(join(path, "state"), join(path, "kept"));
  await mkdir(join(path, "state", "in the way"), { recursive: true });
  await assert.rejects(storage.save("new"));
  assert.deepEqual((await readdir(path)).filter((name) => /^state\./.test(name)), []);
  await storage.close();
});

test("two clients in one process: in_use", async (t) => {
  const path = folder();
  const [first, second] = [new FileStorage(path), new FileStorage(path)];
  await first.open();
  assert.equal(await codeOf(second.open()), "in_use");
  await first.close();
  assert.equal(await codeOf(second.open()), "ok");
  await second.close();
});

test("a worker thread: in_use", async (t) => {
  const path = folder();
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

test("two processes: in_use until the first lets go", async (t) => {
  const path = folder();
  const first = program(t, holder, path);
  assert.equal(await first.line(), "held");
  assert.equal(await program(t, holder, path).line(), "in_use");
  assert.equal(await codeOf(new FileStorage(path).open()), "in_use");
  first.process.stdin.end("go\n");
  assert.equal(await first.line(), "closed");
  await first.ended;
  const storage = new FileStorage(path);
  assert.equal(await codeOf(storage.open()), "ok");
  await storage.close();
});

test("a holder that was killed holds nothing", async (t) => {
  const path = folder();
  const first = program(t, holder, path);
  assert.equal(await first.line(), "held");
  first.kill("SIGKILL");
  await first.ended;
  assert.equal((await claims(path)).length, 1);
  const storage = new FileStorage(path);
  assert.equal(await codeOf(storage.open()), "ok");
  assert.equal((await claims(path)).length, 1);
  await storage.close();
});

test("a process number that was used again is not the holder", async (t) => {
  if (process.platform !== "linux") return t.skip("only Linux tells when a process started");
  const path = folder();
  const storage = new FileStorage(path);
  await storage.open();
  const [claim] = await claims(path);
  await storage.close();
  // A claim of this living process's number, by a process that started at another time.
  const [word, place, pid, , token] = claim.split(".");
  await writeFile(join(path, [word, place, pid, "1", token].join(".")), "");
  const next = new FileStorage(path);
  assert.equal(await codeOf(next.open()), "ok");
  await next.close();
});

test("a holder elsewhere is known by its signs of life", async (t) => {
  const path = folder();
  const claim = join(path, "lock.000000000000.1.0.0123456789abcdef"); // another container on the same folder
  await writeFile(claim, "");
  assert.equal(await codeOf(new FileStorage(path).open()), "in_use");
  const long = new Date(Date.now() - 3_600_000);
  await utimes(claim, long, long);
  const storage = new FileStorage(path);
  assert.equal(await codeOf(storage.open()), "ok");
  await storage.close();
});

test("a holder whose claim was removed writes nothing any more", async (t) => {
  const path = folder();
  const storage = new FileStorage(path);
  await storage.open();
  await storage.save("old");
  const [claim] = await claims(path);
  await rename(join(path, claim), join(path, "gone"));
  assert.equal(await codeOf(storage.save("new")), "in_use");
  assert.equal(await readFile(join(path, "state"), "utf8"), "old");
  await storage.close();
});

test("of many that come at once, never more than one has it", async (t) => {
  const path = folder();
  let holding = 0;
  let most = 0;
  let held = 0;
  const visit = async () => {
    const storage = new FileStorage(path);
    if ((await codeOf(storage.open())) !== "ok") return;
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

test("many processes at once: at most one has it", async (t) => {
  const path = folder();
  const all = Array.from({ length: 6 }, () => program(t, holder, path));
  const said = await Promise.all(all.map((p) => p.line()));
  assert.ok(said.filter((line) => line === "held").length <= 1, said.join());
  assert.ok(said.every((line) => line === "held" || line === "in_use"), said.join());
});

test("the memory storage is for one client, too", async () => {
  const storage = new MemoryStorage("before");
  assert.equal(await storage.open(), "before");
  assert.equal(await codeOf(storage.open()), "in_use");
  await storage.save("after");
  await storage.close();
  assert.equal(await storage.open(), "after");
});

test("the journal writes in order, and of those that wait only the newest", async () => {
  const written = [];
  let finish;
  const journal = new Journal({ save: (state) => new Promise((resolve) => (finish = () => resolve(written.push(state)))) }, "0");
  const first = journal.save("1");
  await settled();
  const waiting = ["2", "3", "4"].map((state) => journal.save(state));
  finish();
  await first;
  await settled();
  assert.deepEqual(written, ["1"]);
  assert.equal(journal.last, "1");
  finish();
  await Promise.all(waiting);
  assert.deepEqual(written, ["1", "4"]);
  assert.equal(journal.last, "4");
  await journal.keepUp();
});

test("a save that failed does not stop the next", async () => {
  let fail = true;
  const journal = new Journal({ save: async () => { if (fail) throw new Error("disk full"); } }, "0");
  await assert.rejects(journal.save("1"), /disk full/);
  assert.equal(journal.last, "0");
  fail = false;
  await journal.save("2");
  assert.equal(journal.last, "2");
});

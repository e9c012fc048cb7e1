// proves C14
// proves part of N11

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

import { platform } from "../src/node.js";
import { repositoryRoot } from "../testkit/index.js";

const folder = `${repositoryRoot}spec/vectors/client/`;
const names = readdirSync(folder).filter((name) => name.endsWith(".json.gz"));

test("finds the traces", () => assert.ok(names.length >= 20));

for (const name of names) {
  test(`replays ${name} byte for byte`, async () => {
    const module = await platform.loadModule();
    for (const run of JSON.parse(gunzipSync(readFileSync(folder + name)).toString()).runs) {
      const engine = await platform.startEngine(module, platform.clock);
      for (const { call, reply, consume, answer = 0 } of run) {
        if (consume) assert.equal(engine.consume(consume.handle, consume.n, consume.now), answer);
        else same(engine.callText(call), reply);
      }
    }
  });
}

/** Replies are long: says where they differ. */
function same(got, want) {
  if (got === want) return;
  let at = 0;
  while (got[at] === want[at]) at++;
  const near = (text) => text.slice(Math.max(0, at - 60), at + 60);
  assert.fail(`at ${at}:\n  got  …${near(got)}\n  want …${near(want)}`);
}

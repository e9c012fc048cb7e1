// proves L03 L04 L22 B04 N01

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { LicenseError, verdicts, verify, verifyReceipt } from "onelicense";

import { repositoryRoot } from "../testkit/index.js";

const folder = `${repositoryRoot}spec/vectors/license/`;
const vectors = JSON.parse(readFileSync(`${folder}vectors.json`, "utf8"));

test("verifies every license vector", async () => {
  assert.ok(vectors.length >= 40);
  for (const v of vectors) {
    const file = readFileSync(folder + v.file);
    const keyring = readFileSync(folder + v.keyring, "utf8");
    const result = await verify(file, keyring, { now: Date.parse(v.now) }).catch((error) => error);
    if (v.code !== "ok") {
      assert.ok(result instanceof LicenseError, v.name);
      assert.equal(result.code, v.code, v.name);
      assert.equal(result.verdict.message, verdicts[v.code].message, v.name);
      continue;
    }
    assert.deepEqual(result, { ...v.claims, root: v.root, key: v.key, signed: Date.parse(v.created) }, v.name);
  }
});

test("verifies a file given as text", async () => {
  const v = vectors.find(({ name }) => name === "plain");
  const license = await verify(readFileSync(folder + v.file, "utf8"), readFileSync(folder + v.keyring, "utf8"), { now: Date.parse(v.now) });
  assert.equal(license.id, v.claims.id);
});

test("refuses an invalid keyring", async () => {
  const error = await verify("x", "not a certificate").catch((e) => e);
  assert.equal(error.code, "keyring_invalid");
});

test("refuses an invalid revocation list", async () => {
  const v = vectors.find(({ name }) => name === "plain");
  const [file, keyring] = [readFileSync(folder + v.file), readFileSync(folder + v.keyring, "utf8")];
  for (const [list, code] of [
    ["", "statement_malformed"],
    [new Uint8Array(), "statement_malformed"],
    ["nonsense", "lease_malformed"],
    [file, "lease_malformed"],
  ]) {
    const error = await verify(file, keyring, { list, now: Date.parse(v.now) }).catch((e) => e);
    assert.ok(error instanceof LicenseError);
    assert.equal(error.code, code);
  }
});

// proves part of N07
test("refuses an invalid receipt", async () => {
  const v = vectors.find(({ name }) => name === "plain");
  const keyring = readFileSync(folder + v.keyring, "utf8");
  for (const text of ["", "nonsense", readFileSync(folder + v.file)]) {
    const error = await verifyReceipt(text, keyring).catch((e) => e);
    assert.ok(error instanceof LicenseError);
    assert.equal(error.code, "lease_malformed");
  }
  assert.equal((await verifyReceipt("", "none").catch((e) => e)).code, "keyring_invalid");
});

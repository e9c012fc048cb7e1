// The package as npm publishes it.
//
// proves N01

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { moduleSha256, version } from "onelicense";

import { spawnChild, temporaryFolder, packageRoot } from "../testkit/index.js";

test("the packed package has the module and works", async (t) => {
  const path = temporaryFolder();
  const npm = (...args) =>
    execFileSync("npm", [...args, "--offline", "--ignore-scripts"], {
      cwd: packageRoot,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  // npm 12 returns an object by package name, earlier versions a list.
  const packed = Object.values(JSON.parse(npm("pack", "--json", "--pack-destination", path)))[0];
  const names = packed.files.map((f) => f.path);
  assert.ok(
    names.every((name) => /^(src\/.+\.(js|d\.ts)|client\.wasm|package\.json|README\.md)$/.test(name)),
    names.join(),
  );

  const home = join(path, "node_modules", "onelicense");
  await mkdir(home, { recursive: true });
  execFileSync("tar", ["-xzf", join(path, packed.filename), "-C", home, "--strip-components=1"]);
  assert.equal(
    createHash("sha256")
      .update(readFileSync(join(home, "client.wasm")))
      .digest("hex"),
    moduleSha256,
  );

  const source = `
    import { root } from "onelicense";
    import { codes } from "onelicense/verdicts";
    const error = await root("not a certificate").catch((e) => e);
    console.log(error.code === codes.KEYRING_INVALID);`;
  const { out, err } = await spawnChild(t, process.execPath, ["--input-type=module", "-e", source], { cwd: path }).ended;
  assert.equal(out, "true\n", err);
});

test("has no dependencies, and the version that is sent to the server", () => {
  const manifest = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8"));
  assert.equal(manifest.version, version);
  const { dependencies, peerDependencies, optionalDependencies } = manifest;
  assert.deepEqual([dependencies, peerDependencies, optionalDependencies], [undefined, undefined, undefined]);
});

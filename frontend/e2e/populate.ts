// Sample data: a vendor with customers and running programs, created through the API and with the real client.

import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root } from "./server.ts";
import { run, type Vendor } from "./fixtures.ts";

export interface SampleData {
  product: string;
  version: string;
  license: string;
  /** A product without versions. */
  empty: string;
  keys: string;
  file: string;
}

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

export async function populate(vendor: Vendor): Promise<SampleData> {
  const empty = await vendor.product("Acme Viewer", { description: "Free to look, not to change." });
  await vendor.product("Acme Simulation", { description: "Finite elements and flow, on up to 64 cores." });
  const old = await vendor.product("Acme Draft 4", { description: "Succeeded by Acme CAD." });
  await vendor.request("POST", `/products/${old.id}/archive`);
  const product = await vendor.product("Acme CAD", {
    description: "Solid modelling for plants and machines.",
    metadata: { team: "desktop", sku: "CAD-27" },
  });
  await vendor.version(product.id, "2025", { type: "perpetual" });
  await vendor.version(product.id, "2026 strict", { trigger: "every_call", interval_ms: 60_000 });
  const version = await vendor.version(product.id, "2027", { type: "time_and_calls", max_machines: 8, clock_tolerance_ms: 300_000 });
  const grants = {
    expires: inDays(240),
    entitlements: [{ name: "rendering", slots: 4 }, { name: "solid_modeling", slots: 10 }, { name: "part_operations" }],
  };
  await vendor.license(version.id, { ...grants, name: "Trial", customer: "Hooli", allowance: 100, expires: inDays(-3) });
  const suspended = await vendor.license(version.id, { ...grants, name: "Head office", customer: "Globex", allowance: 250_000 });
  await vendor.request("POST", `/licenses/${suspended.id}/suspend`);
  const revoked = await vendor.license(version.id, { ...grants, name: "Workstation 12", customer: "Umbrella" });
  await vendor.request("POST", `/licenses/${revoked.id}/revoke`);
  await vendor.license(version.id, { ...grants, name: "Design team", customer: "Stark Industries", allowance: 50_000 });
  const license = await vendor.license(version.id, {
    ...grants,
    name: "Plant 7",
    customer: "Initech",
    overrides: { max_machines: 12, grace_ms: 3 * 86_400_000 },
    metadata: { order: "A-20271", contact: "peter@initech.example" },
  });
  const keys = await vendor.request("GET", `/products/${product.id}/public-keys`);
  await runPrograms({ product: product.id, version: version.id, license: license.id, url: vendor.url });
  return {
    product: product.id,
    version: version.id,
    license: license.id,
    empty: empty.id,
    keys,
    file: await vendor.request("GET", `/licenses/${license.id}/file`),
  };
}

interface LicenseRef {
  product: string;
  version: string;
  license: string;
  url: string;
}

/** Runs a program on a simulated machine, whose files are in a folder, and returns its output. */
const onMachine = ({ product, version, license, url }: LicenseRef, files: string, steps: string[]) =>
  run("node", ["--input-type=module", "-e", program, url, product, version, license, files, ...steps], { cwd: join(root, "hosts/js") });

/** Runs programs on three machines: two stay active, one deactivates. The first two are killed, so their reservations stay. */
export async function runPrograms(where: LicenseRef) {
  const folder = await mkdtemp(join(tmpdir(), "onelicense-programs-"));
  const machine = (name: string, ...steps: string[]) => onMachine(where, join(folder, name), steps);
  machine("a", "reserve=ui:rendering", "reserve=ui:solid_modeling", "consume=312", "sync", "vanish");
  machine("b", "reserve=automation:rendering", "consume=95", "sync", "vanish");
  machine("c", "consume=40", "sync", "deactivate");
  await rm(folder, { recursive: true, force: true });
}

/** Copies the files of a machine and runs both in turns until the server reports clones. Returns the last verdict. */
export async function runClones(where: LicenseRef): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "onelicense-clones-"));
  const machine = (name: string, ...steps: string[]) => onMachine(where, join(folder, name), steps);
  machine("a", "consume=12");
  await cp(join(folder, "a"), join(folder, "b"), { recursive: true });
  for (const name of ["a", "b", "a"]) machine(name, "sync");
  const verdict = machine("b", "refused").trim();
  await rm(folder, { recursive: true, force: true });
  return verdict;
}

const program = `
  import { OneLicenseClient } from "./src/node.js";
  const [server_url, product_id, version_id, license_id, storage, ...steps] = process.argv.slice(1);
  const settings = { server_url: server_url + "/api/v1", product_id, version_id, license_id, storage, on_verdict() {} };
  const client = await OneLicenseClient.create(settings).catch((error) => {
    if (steps[0] !== "refused") throw error;
    console.log(error.code);
    process.exit();
  });
  for (const step of steps) {
    const [name, value = ""] = step.split("=");
    if (name === "vanish") process.kill(process.pid, "SIGKILL");
    if (name === "reserve") await client.reserve(...value.split(":"));
    if (name === "consume") await client.consume(Number(value));
    if (name === "sync") await client.sync();
    if (name === "deactivate") await client.deactivate();
  }
  await client.shutdown();
`;

// Starts the real server in a child process, and calls its management API.

import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { root as rootOf } from "onelicense";

import { spawnChild, temporaryFolder, repositoryRoot } from "./index.js";

/** Returns the path of the server binary: ONELICENSE_BINARY, or a new build. */
function serverBinary(where) {
  if (process.env.ONELICENSE_BINARY) return process.env.ONELICENSE_BINARY;
  const path = join(where, "onelicense");
  execFileSync("go", ["build", "-o", path, "./server/cmd/onelicense"], { cwd: repositoryRoot, env: { ...process.env, CGO_ENABLED: "0" } });
  return path;
}

export class Vendor {
  #cookie = "";
  #csrf = "";
  #names = 0;

  /** Starts a server on an empty folder, and stops it after the test. */
  static async open(t) {
    const path = temporaryFolder();
    const vendor = new Vendor();
    const server = spawnChild(t, serverBinary(path), ["serve", "--listen", "127.0.0.1:0", "--data", join(path, "data")]);
    t.after(async () => {
      server.kill("SIGINT");
      await server.ended;
    });
    vendor.site = /listening on (http:\S+)/.exec(await server.line())[1];
    const token = /\/setup\?token=(\S+)/.exec(await server.line())[1];
    const session = await vendor.request("POST", "/setup", {
      token,
      organisation: "Acme",
      name: "Ada",
      email: "ada@acme.example",
      password: "correct horse battery staple",
    });
    vendor.#csrf = session.csrf_token;
    vendor.product = (await vendor.request("POST", "/products", { name: "Acme CAD" })).id;
    vendor.keyring = await vendor.request("GET", `/products/${vendor.product}/public-keys`);
    vendor.server_url = `${vendor.site}/api/v1#${await rootOf(vendor.keyring)}`;
    return vendor;
  }

  async request(method, path, body = {}) {
    const answer = await fetch(`${this.site}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json", "x-csrf-token": this.#csrf, cookie: this.#cookie },
      ...(method !== "GET" && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    const cookies = answer.headers.getSetCookie();
    if (cookies.length) this.#cookie = cookies.map((c) => c.split(";")[0]).join("; ");
    return /json/.test(answer.headers.get("content-type")) ? JSON.parse(text) : text;
  }

  /** Creates a license in a version of its own. Returns the settings of a program that uses it. */
  async license(policy = {}, license = {}) {
    policy = { type: "calls", interval_ms: 3_600_000, activation_limit: 100, ...policy };
    const version = (await this.request("POST", `/products/${this.product}/versions`, { name: `v${++this.#names}`, policy })).id;
    const made = await this.request("POST", `/versions/${version}/licenses`, {
      name: "Plant 7",
      contexts: ["ui", "automation"],
      entitlements: [{ name: "rendering", slots: 1 }, { name: "cam" }],
      ...(policy.type.includes("calls") && { allowance: 5 }),
      ...(policy.type.includes("time") && { expires: `${new Date().getUTCFullYear() + 1}-06-01T00:00:00Z` }),
      ...license,
    });
    return { server_url: this.server_url, product_id: this.product, version_id: version, license_id: made.id };
  }

  /** Changes the policy of a license's version; programs receive it at their next sync. */
  async policy({ version_id }, policy) {
    const found = await this.request("GET", `/versions/${version_id}`);
    await this.request("PATCH", `/versions/${version_id}`, { revision: found.revision, policy: { ...found.policy, ...policy } });
  }

  used = async ({ license_id }) => (await this.request("GET", `/licenses/${license_id}`)).calls_used;
  file = ({ license_id }) => this.request("GET", `/licenses/${license_id}/file`);
  reservations = async ({ license_id }) => (await this.request("GET", `/licenses/${license_id}/reservations`)).items;
  activations = async ({ license_id }) => (await this.request("GET", `/licenses/${license_id}/activations`)).items;
  suspend = ({ license_id }) => this.request("POST", `/licenses/${license_id}/suspend`);
}

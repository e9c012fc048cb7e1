// The real server in a process of its own, and a vendor at its management API.

import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { root as rootOf } from "onelicense";

import { child, folder, root } from "./index.js";

/** The server's binary: the one in ONELICENSE_BINARY, or a new build. */
function binary(where) {
  if (process.env.ONELICENSE_BINARY) return process.env.ONELICENSE_BINARY;
  const path = join(where, "onelicense");
  execFileSync("go", ["build", "-o", path, "./server/cmd/onelicense"], { cwd: root, env: { ...process.env, CGO_ENABLED: "0" } });
  return path;
}

export class Vendor {
  #cookie = "";
  #csrf = "";
  #names = 0;

  /** Starts a server on an empty folder; t.after is told to stop it. */
  static async open(t) {
    const path = folder();
    const vendor = new Vendor();
    const server = child(t, binary(path), ["serve", "--listen", "127.0.0.1:0", "--data", join(path, "data")]);
    t.after(async () => {
      server.kill("SIGINT");
      await server.ended;
    });
    vendor.site = /listening on (http:\S+)/.exec(await server.line())[1];
    const token = /\/setup\?token=(\S+)/.exec(await server.line())[1];
    const session = await vendor.ask("POST", "/setup", {
      token, organisation: "Acme", name: "Ada", email: "ada@acme.example", password: "correct horse battery staple",
    });
    vendor.#csrf = session.csrf_token;
    vendor.product = (await vendor.ask("POST", "/products", { name: "Acme CAD" })).id;
    vendor.keyring = await vendor.ask("GET", `/products/${vendor.product}/public-keys`);
    vendor.server_url = `${vendor.site}/api/v1#${await rootOf(vendor.keyring)}`;
    return vendor;
  }

  async ask(method, path, body = {}) {
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

  /** A license under a version of its own: what a program must know of it, as settings. */
  async license(policy = {}, license = {}) {
    policy = { type: "calls", interval_ms: 3_600_000, activation_limit: 100, ...policy };
    const version = (await this.ask("POST", `/products/${this.product}/versions`, { name: `v${++this.#names}`, policy })).id;
    const made = await this.ask("POST", `/versions/${version}/licenses`, {
      name: "Plant 7",
      contexts: ["ui", "automation"],
      entitlements: [{ name: "rendering", slots: 1 }, { name: "cam" }],
      ...(policy.type.includes("calls") && { allowance: 5 }),
      ...(policy.type.includes("time") && { expires: `${new Date().getUTCFullYear() + 1}-06-01T00:00:00Z` }),
      ...license,
    });
    return { server_url: this.server_url, product_id: this.product, version_id: version, license_id: made.id };
  }

  /** Another policy for the version of a license; programs get it with their next sync. */
  async policy({ version_id }, policy) {
    const found = await this.ask("GET", `/versions/${version_id}`);
    await this.ask("PATCH", `/versions/${version_id}`, { revision: found.revision, policy: { ...found.policy, ...policy } });
  }

  used = async ({ license_id }) => (await this.ask("GET", `/licenses/${license_id}`)).calls_used;
  file = ({ license_id }) => this.ask("GET", `/licenses/${license_id}/file`);
  reservations = async ({ license_id }) => (await this.ask("GET", `/licenses/${license_id}/reservations`)).items;
  activations = async ({ license_id }) => (await this.ask("GET", `/licenses/${license_id}/activations`)).items;
  suspend = ({ license_id }) => this.ask("POST", `/licenses/${license_id}/suspend`);
}

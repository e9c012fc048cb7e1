// Fixtures of the end-to-end tests: a server with an owner, and records created through the API.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { type APIRequestContext, test as base, expect, type Page } from "@playwright/test";

import { type Server, serve } from "./server.ts";

export const owner = { organisation: "Acme Software", name: "Ada Lovelace", email: "ada@acme.example", password: "correct horse battery" };

/** Client of the management API. */
export class Vendor {
  readonly #request: APIRequestContext;
  readonly url: string;
  #csrf = "";

  constructor(request: APIRequestContext, url: string) {
    this.#request = request;
    this.url = url;
  }

  async setUp(link: string) {
    const token = new URL(link).searchParams.get("token");
    this.#csrf = (await this.request("POST", "/setup", { ...owner, token })).csrf_token;
  }

  async login() {
    this.#csrf = (await this.request("POST", "/session", { email: owner.email, password: owner.password })).csrf_token;
  }

  async request(method: string, path: string, data?: object) {
    const response = await this.#request.fetch(`${this.url}/api/v1${path}`, { method, data, headers: { "X-CSRF-Token": this.#csrf } });
    const text = await response.text();
    expect(response.ok(), `${method} ${path}: ${text}`).toBe(true);
    return text.startsWith("{") ? JSON.parse(text) : text;
  }

  product = (name = "Acme CAD", more: object = {}) => this.request("POST", "/products", { name, ...more });
  version = (product: string, name = "2027", policy: object = {}) =>
    this.request("POST", `/products/${product}/versions`, {
      name,
      policy: {
        type: "calls",
        trigger: "interval",
        interval_ms: 3_600_000,
        max_retries: 3,
        grace_ms: 86_400_000,
        activation_limit: 20,
        ...policy,
      },
    });
  license = (version: string, more: object = {}) =>
    this.request("POST", `/versions/${version}/licenses`, {
      name: "Plant 7",
      customer: "Initech",
      contexts: ["ui", "automation"],
      entitlements: [{ name: "rendering", slots: 4 }, { name: "solid_modeling" }],
      allowance: 1_000,
      ...more,
    });
}

interface Fixtures {
  /** An empty server without an owner. */
  emptyServer: Server;
  /** A logged-in client of the management API. */
  vendor: Vendor;
}

interface WorkerFixtures {
  server: Server;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  server: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright requires a destructuring pattern
    async ({}, use) => {
      const server = await serve();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  // No page may violate the Content-Security-Policy or throw an error.
  page: async ({ page }, use) => {
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) faults.push(message.text());
    });
    await use(page);
    expect(faults).toEqual([]);
  },
  // oxlint-disable-next-line no-empty-pattern
  emptyServer: async ({}, use) => {
    const server = await serve();
    await use(server);
    await server.stop();
  },
  vendor: async ({ playwright, server }, use) => {
    const request = await playwright.request.newContext();
    const vendor = new Vendor(request, server.url);
    if (serversSetUp.has(server)) await vendor.login();
    else await vendor.setUp(server.setup);
    serversSetUp.add(server);
    await use(vendor);
    await request.dispose();
  },
});

const serversSetUp = new WeakSet<Server>();

/** Logs in with the form. */
export async function logIn(page: Page, path = "/") {
  await page.goto(`/#${path}`);
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("button", { name: owner.name })).toBeVisible();
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Waits until transitions have ended: in between, colours are neither the old nor the new ones. */
async function waitForTransitions(page: Page) {
  await page.evaluate(async () => {
    await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    const ending = document.getAnimations().filter((a) => Number.isFinite(a.effect?.getComputedTiming().endTime));
    await Promise.allSettled(ending.map((a) => a.finished));
  });
}

/** Returns the accessibility violations that axe finds on the page. */
export async function violations(page: Page): Promise<string[]> {
  await waitForTransitions(page);
  await page.evaluate(axe); // not as a script element: the Content-Security-Policy forbids that
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          options: object,
        ) => Promise<{ violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${help}\n  ${html}\n  ${failureSummary}`),
    );
  });
}

/** Expects no accessibility violations in the light and the dark scheme. */
export async function expectAccessible(page: Page, where: string) {
  await expect(page.locator("h1").first()).toBeAttached();
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", scheme);
    expect(await violations(page), `${where}, ${scheme}`).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Runs a program and returns its output. It must exit with 0, or kill itself, which simulates a power cut. */
export function run(command: string, args: string[], options: { cwd: string; env?: NodeJS.ProcessEnv }): string {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: 600_000,
    ...options,
    env: { ...process.env, ...options.env },
  });
  expect(signal === "SIGKILL" ? 0 : status, `${command} ${args.join(" ")}: ${error?.message ?? ""}${stdout}${stderr}`).toBe(0);
  return stdout;
}

export { expect };

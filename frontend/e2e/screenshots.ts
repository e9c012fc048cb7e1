// Takes screenshots of every page, light and dark, for the documentation: docs/screenshots/*.png.

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { populate } from "./populate.ts";
import { root } from "./server.ts";
import { expect, logIn, test } from "./fixtures.ts";

const folder = join(root, "docs/screenshots");
mkdirSync(folder, { recursive: true });

test.use({ viewport: { width: 1280, height: 860 } });

async function settle(page: Page) {
  await page.waitForLoadState("networkidle");
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.mouse.move(0, 0);
}

/** Makes the viewport as high as the page, so that fixed elements are at its edges. */
async function grow(page: Page, width: number, least: number) {
  await page.setViewportSize({ width, height: least });
  await settle(page);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.max(height, least) });
}

async function shoot(page: Page, name: string) {
  await grow(page, 1280, 800);
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await settle(page);
    await page.screenshot({ path: join(folder, `${name}-${scheme}.png`), animations: "disabled" });
  }
  await page.emulateMedia({ colorScheme: "light" });
}

async function narrow(page: Page, name: string) {
  await grow(page, 390, 844);
  await settle(page);
  await page.screenshot({ path: join(folder, `${name}-390.png`), animations: "disabled" });
  await grow(page, 1280, 800);
}

test("screenshots of every page", async ({ page, vendor, emptyServer }) => {
  test.setTimeout(300_000);
  await page.goto(emptyServer.setup);
  await expect(page.getByLabel("Organisation")).toBeVisible();
  await shoot(page, "setup");

  const made = await populate(vendor);
  await page.goto("/#/login");
  await shoot(page, "login");

  await logIn(page);
  await expect(page.getByRole("table", { name: "Products" })).toBeVisible();
  await shoot(page, "products");
  await narrow(page, "products");

  for (const [name, path, text] of [
    ["product", `/products/${made.product}`, "Signing key"],
    ["product-form", `/products/${made.product}/edit`, "Save changes"],
    ["version", `/versions/${made.version}`, "Policy"],
    ["version-form", `/products/${made.product}/versions/new`, "What limits a license"],
    ["license", `/licenses/${made.license}`, "Reservations"],
    ["license-form", `/versions/${made.version}/licenses/new`, "Grants"],
    ["instructions", `/licenses/${made.license}/instructions`, "Virtual machines"],
    ["account", "/account", "Change the password"],
  ] as const) {
    await page.goto(`/#${path}`);
    await expect(page.getByText(text, { exact: true }).first()).toBeVisible();
    if (name === "license") await expect(page.getByRole("table", { name: "Reservations" })).toBeVisible();
    if (name === "instructions") await expect(page.getByText("package main")).toBeVisible({ timeout: 30_000 });
    await shoot(page, name);
    if (["license", "license-form", "version", "instructions"].includes(name)) await narrow(page, name);
  }

  await page.goto("/#/verify");
  await page.getByLabel("OpenPGP public key").fill(made.keys);
  await page.locator('input[type="file"][multiple]').setInputFiles([
    { name: "license.txt", mimeType: "text/plain", buffer: Buffer.from(made.file) },
    { name: "changed.txt", mimeType: "text/plain", buffer: Buffer.from(made.file.replace("rendering:4", "rendering:9")) },
  ]);
  await expect(page.getByText("Genuine", { exact: true })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("Not genuine")).toBeVisible();
  await shoot(page, "verify");
  await narrow(page, "verify");

  await page.goto(`/#/products/${made.empty}`);
  await expect(page.getByText("No versions yet")).toBeVisible();
  await shoot(page, "empty");
});

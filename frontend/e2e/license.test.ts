// The page of a license in use, and the code samples.

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runClones, runPrograms } from "./populate.ts";
import { root } from "./server.ts";
import { expectAccessible, expect, logIn, run, test } from "./fixtures.ts";

// proves U11
// proves part of U06
test("counters, installations and reservations, and releasing them", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Used");
  const version = await vendor.version(product.id, "1", { max_machines: 5 });
  const license = await vendor.license(version.id);
  await runPrograms({ product: product.id, version: version.id, license: license.id, url: vendor.url });
  await logIn(page, `/licenses/${license.id}`);
  await expect(page.getByText("447", { exact: true })).toBeVisible();
  await expect(page.getByText("553 left")).toBeVisible();
  const installations = page.getByRole("table", { name: "Installations" });
  await expect(installations.getByRole("row")).toHaveCount(4);
  await expect(installations.locator('td [data-state="closed"]:visible')).toHaveCount(1);
  const reservations = page.getByRole("table", { name: "Reservations" });
  await expect(reservations.getByRole("row")).toHaveCount(4);
  await expectAccessible(page, "license in use");

  await reservations.getByRole("button", { name: /^Release solid_modeling/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
  await expect(reservations.getByRole("row")).toHaveCount(3);
  await installations
    .getByRole("button", { name: /^Deactivate/ })
    .first()
    .click();
  await expectAccessible(page, "deactivate confirmation");
  await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
  await expect(installations.locator('td [data-state="closed"]:visible')).toHaveCount(2);
  await expect(reservations.getByRole("row")).toHaveCount(2);

  await page.setViewportSize({ width: 390, height: 844 });
  const button = await page.getByRole("button", { name: /^Release rendering/ }).boundingBox();
  expect((button?.x ?? 0) + (button?.width ?? 999), "the button is inside the page").toBeLessThanOrEqual(390);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), "no horizontal overflow").toBeLessThanOrEqual(390);
  await expectAccessible(page, "license in use, narrow");
});

test("detect a copied machine, show its evidence and clear the clone flag", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Copied");
  const version = await vendor.version(product.id, "1", { prepaid_block: 50, statistics: true, clone_action: "suspend" });
  const license = await vendor.license(version.id);
  expect(await runClones({ product: product.id, version: version.id, license: license.id, url: vendor.url })).toBe("cloned");
  await logIn(page, `/licenses/${license.id}`);
  const installations = page.getByRole("table", { name: "Installations" });
  await expect(installations.locator('[data-state="cloned"]:visible')).toHaveCount(1);
  await expect(installations.getByText("restored 2×")).toBeVisible();
  await expectAccessible(page, "license of a clone");

  await installations.getByRole("button", { name: /^Details of/ }).click();
  const details = page.getByRole("dialog", { name: /^Installation/ });
  await expect(details.getByRole("table").getByRole("row")).toHaveCount(4);
  await expect(details.locator('[data-state="turned"]:visible')).toHaveCount(2);
  await expect(details.locator('[data-state="refused"]:visible')).toHaveCount(1);
  await expectAccessible(page, "details of a clone");
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await details.evaluate((dialog) => dialog.scrollWidth - dialog.clientWidth), "no horizontal overflow").toBeLessThanOrEqual(0);
  await expectAccessible(page, "details of a clone, narrow");
  await page.setViewportSize({ width: 1280, height: 860 });

  // Escape closes the confirmation only.
  await details.getByRole("button", { name: "Clear clone flag" }).click();
  const question = page.getByRole("dialog", { name: "Clear the clone flag?" });
  await expect(question.getByRole("button", { name: "Cancel" })).toBeFocused();
  await expectAccessible(page, "clear flag confirmation");
  await page.keyboard.press("Escape");
  await expect(question).toBeHidden();
  await expect(details).toBeVisible();
  await expect(details.getByRole("button", { name: "Clear clone flag" })).toBeFocused();
  await page.keyboard.press("Enter");
  await question.getByRole("button", { name: "Clear clone flag" }).click();
  await expect(details.getByRole("button", { name: "Clear clone flag" })).toBeHidden();
  await expect(details.locator(":focus")).toHaveText("Active");
  await expect(details.getByRole("table").getByRole("row")).toHaveCount(4);
  await page.keyboard.press("Escape");
  await expect(details).toBeHidden();
  await expect(installations.locator('[data-state="cloned"]')).toHaveCount(0);
});

// proves U08
// proves part of U07
test("the code samples of the instructions run unchanged", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Paste");
  const version = await vendor.version(product.id);
  const license = await vendor.license(version.id);
  await logIn(page, `/licenses/${license.id}/instructions`);
  await expect(page.getByText("package main")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("Whoever owns the machine can change the program")).toBeVisible();
  await expect(page.getByText("let them run a relay")).toBeVisible();
  await expectAccessible(page, "instructions");
  const code = async (language: string, file: string) => {
    await page.getByRole("tab", { name: language }).click();
    return page.getByRole("region", { name: file }).innerText();
  };
  const folder = await mkdtemp(join(tmpdir(), "onelicense-paste-"));
  const env = { XDG_STATE_HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder, HOME: folder };
  const put = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };

  await mkdir(join(folder, "node_modules"));
  await symlink(join(root, "hosts/js"), join(folder, "node_modules/onelicense"));
  expect(run("node", [await put("main.mjs", await code("Node", "main.mjs"))], { cwd: folder, env })).toContain("licensed");

  const python = process.env.PYTHON ?? join(root, "build/venv/bin/python");
  expect(
    run(python, [await put("main.py", await code("Python", "main.py"))], {
      cwd: folder,
      env: { ...env, PYTHONPATH: join(root, "hosts/python") },
    }),
  ).toContain("licensed");

  const go = {
    GOCACHE: run("go", ["env", "GOCACHE"], { cwd: root }).trim(),
    GOMODCACHE: run("go", ["env", "GOMODCACHE"], { cwd: root }).trim(),
  };
  expect(run("go", ["run", await put("main.go", await code("Go", "main.go"))], { cwd: root, env: { ...env, ...go } })).toContain(
    "licensed",
  );
  await rm(folder, { recursive: true, force: true });

  // Three programs have counted one call each.
  await page.goto(`/#/licenses/${license.id}`);
  await expect(page.getByText("997 left")).toBeVisible();

  // Download the public key.
  await page.goto(`/#/licenses/${license.id}/instructions`);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("Acme-Paste.pub.asc");
  expect(await readFile(await (await download).path(), "utf8")).toContain("BEGIN PGP PUBLIC KEY BLOCK");
});

// proves U02
test("page through and search a long list", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Long");
  const version = await vendor.version(product.id);
  for (let n = 1; n <= 55; n++) await vendor.license(version.id, { name: `Seat ${n}` });
  await logIn(page, `/versions/${version.id}`);
  const rows = page.getByRole("table", { name: "Licenses" }).getByRole("row");
  await expect(rows).toHaveCount(51);
  await expect(rows.nth(1)).toContainText("Seat 55");
  await expect(page.getByText("50 shown, newest first")).toBeVisible();
  await expectAccessible(page, "a long list");
  await page.getByRole("button", { name: "Load more" }).click();
  await expect(rows).toHaveCount(56);
  await expect(page.getByText("55 in total, newest first")).toBeVisible();
  await page.getByRole("searchbox").fill("seat 5");
  await expect(rows).toHaveCount(8); // 5 and 50 to 55
  await expect(page).toHaveURL(/\?search=seat/);
  await page.reload();
  await expect(rows).toHaveCount(8);
  await page.getByRole("searchbox").fill("nobody");
  await expect(page.getByText("No results for “nobody”")).toBeVisible();
  await expectAccessible(page, "nothing found");
});

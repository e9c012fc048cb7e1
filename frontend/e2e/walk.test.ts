// The work of a vendor, from the one-time link to a license in use.

import { readFile } from "node:fs/promises";

import { expectAccessible, expect, owner, test } from "./fixtures.ts";

test.describe.configure({ mode: "serial" });

// proves U01 U02 U03 U04 U05 U09 U10
test("set up a server and create a license", async ({ page, emptyServer }) => {
  await page.goto(emptyServer.setup);
  await expect(page).toHaveURL(/#\/setup\?token=[0-9a-f]{64}$/);
  await expectAccessible(page, "setup");
  await page.getByLabel("Organisation").fill(owner.organisation);
  await page.getByLabel("Your name").fill(owner.name);
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create the organisation" }).click();
  // The error of the server, above the form and beside the field.
  await expect(page.getByRole("alert")).toContainText("Unprocessable Entity");
  await expect(page.getByLabel("Password", { exact: true })).toHaveAttribute("aria-invalid", "true");
  await expectAccessible(page, "setup, refused");
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByRole("button", { name: "Create the organisation" }).click();

  // An empty list explains the next step.
  await expect(page.getByRole("heading", { name: "Products" })).toBeVisible();
  await expect(page.getByText("Create a product for the program that you want to license")).toBeVisible();
  await expectAccessible(page, "no products");
  await page.getByRole("link", { name: "New product" }).first().click();
  await expectAccessible(page, "new product");
  await page.getByRole("button", { name: "Create the product" }).click();
  await expect(page.getByText("This cannot be empty")).toBeVisible();
  await page.getByLabel("Name").fill("Acme CAD");
  await page.getByLabel("Description").fill("Solid modelling");
  await page.getByRole("button", { name: "Add an entry" }).click();
  await page.getByLabel("Key 1").fill("team");
  await page.getByLabel("Value 1").fill("desktop");
  await page.getByRole("button", { name: "Create the product" }).click();
  await expect(page.getByRole("heading", { name: "Acme CAD" })).toBeVisible();
  await expect(page.getByText("desktop")).toBeVisible();
  await expectAccessible(page, "product without versions");

  // A duplicate name is reported beside the field.
  await page.goto(`${emptyServer.url}/#/products/new`);
  await page.getByLabel("Name").fill("Acme CAD");
  await page.getByRole("button", { name: "Create the product" }).click();
  await expect(page.getByRole("alert")).toContainText("Conflict");
  await expect(page.getByLabel("Name")).toHaveAttribute("aria-invalid", "true");
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("table").getByRole("link", { name: "Acme CAD" }).click();

  // A version: only the settings that apply are shown and sent.
  await page.getByRole("link", { name: "New version" }).first().click();
  await page.getByRole("button", { name: "More settings" }).click();
  await expect(page.getByLabel("Write down every")).toBeVisible();
  await expectAccessible(page, "new version");
  await page.getByRole("radio", { name: "At every call" }).click();
  await expect(page.getByLabel("Write down every")).toBeHidden();
  await page.getByLabel("Prepaid calls").fill("20");
  await page.getByRole("switch", { name: "Statistics" }).check();
  await page.getByRole("button", { name: "Clones, machines and slots" }).click();
  await page.getByRole("radio", { name: "Refuse both" }).click();
  await page.getByLabel("Borrowing", { exact: true }).fill("2");
  await page.getByLabel("Unit of Borrowing").selectOption("days");
  await expectAccessible(page, "new version, all of it");
  await expect(page.getByLabel("Heartbeat every", { exact: true })).toHaveValue("1");
  await page.getByRole("radio", { name: "Time and calls" }).click();
  await page.getByLabel("Name").fill("2027");
  await page.getByLabel("Grace", { exact: true }).fill("36");
  await page.getByLabel("Unit of Grace").selectOption("hours");
  await page.getByLabel("Retries").fill("0");
  await page.getByLabel("Machines at a time").fill("");
  const made = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/versions"));
  await page.getByRole("button", { name: "Create the version" }).click();
  const { policy } = (await made).postDataJSON();
  expect(policy).toEqual({
    type: "time_and_calls",
    trigger: "every_call",
    interval_ms: 60_000,
    max_retries: 0,
    grace_ms: 36 * 3_600_000,
    activation_delay_ms: 0,
    activation_limit: 10,
    max_machines: null,
    transfer_limit: null,
    trial_once: false,
    clock_tolerance_ms: 300_000,
    prepaid_block: 20,
    max_borrow_ms: 2 * 86_400_000,
    statistics: true,
    clone_action: "suspend",
    clone_limit: 2,
    fingerprint_action: "report",
    fingerprint_tolerance: 0,
    queue_timeout_ms: 0,
  });
  await expect(page.getByRole("heading", { name: "2027" })).toBeVisible();
  await expect(page.getByText("36 h")).toBeVisible();
  await expectAccessible(page, "version without licenses");

  // A license of that version.
  await page.getByRole("link", { name: "New license" }).first().click();
  await expectAccessible(page, "new license");
  await page.getByLabel("Name", { exact: true }).fill("Plant 7");
  await page.getByLabel("Customer").fill("Initech");
  await page.getByLabel("Calls allowed").fill("1000");
  await page.getByLabel("Valid until").fill("2031-05-04");
  await page.getByLabel("Contexts").first().fill("ui");
  await page.getByLabel("Contexts").first().press("Enter");
  await page.getByLabel("Contexts").first().fill("automation");
  await page.getByLabel("Contexts").first().press("Enter");
  await page.getByLabel("Entitlement 1", { exact: true }).fill("rendering");
  await page.getByLabel("Slots of rendering").fill("4");
  await page.getByRole("button", { name: "Add an entitlement" }).click();
  await page.getByLabel("Entitlement 2", { exact: true }).fill("solid modeling");
  await page.getByRole("switch", { name: "Own value for Activation delay" }).check();
  await page.getByLabel("Activation delay", { exact: true }).fill("0");
  await page.getByRole("button", { name: "Create the license" }).click();
  await expect(page.getByText("1 to 64 letters")).toBeVisible();
  await expectAccessible(page, "new license, refused");
  await page.getByLabel("Entitlement 2", { exact: true }).fill("solid_modeling");
  const license = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/licenses"));
  await page.getByRole("button", { name: "Create the license" }).click();
  expect((await license).postDataJSON()).toEqual({
    name: "Plant 7",
    customer: "Initech",
    allowance: 1000,
    expires: "2031-05-04T21:59:00.000Z",
    contexts: ["ui", "automation"],
    entitlements: [{ name: "rendering", slots: 4 }, { name: "solid_modeling" }],
    overrides: { activation_delay_ms: 0 },
  });
  await expect(page.getByRole("heading", { name: "Plant 7" })).toBeVisible();
  await expect(page.getByText("This license has not been activated yet")).toBeVisible();
  await expectAccessible(page, "license without installations");

  // Edit it: the form shows the current values and sends only changes.
  await page.getByRole("link", { name: "Edit" }).click();
  await expect(page.getByLabel("Calls allowed")).toHaveValue("1 000");
  await page.getByLabel("Calls allowed").fill("2000");
  await page.getByRole("button", { name: "Add an entry" }).click();
  await page.getByLabel("Key 1").fill("order");
  await page.getByLabel("Value 1").fill("A-1");
  await expectAccessible(page, "edit license");
  const edit = page.waitForRequest((request) => request.method() === "PATCH");
  await page.getByRole("button", { name: "Save changes" }).click();
  expect((await edit).postDataJSON()).toEqual({ revision: 1, allowance: 2000, metadata: { order: "A-1" } });
  await expect(page.getByText("of 2,000")).toBeVisible();

  // Download its signed file.
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "License file" }).click();
  const file = await (await download).path();
  expect((await readFile(file, "latin1")).split("\n")[1]).toBe("ui,automation");

  // Suspend, reinstate, archive, revoke, delete: each asks for confirmation, which can be cancelled.
  const menu = async (item: string) => {
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: item }).click();
  };
  await menu("Suspend");
  await expectAccessible(page, "a question");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await expect(page.locator('[data-state="active"]')).toBeVisible();
  await menu("Suspend");
  await page.getByRole("dialog").getByRole("button", { name: "Suspend" }).click();
  await expect(page.locator('[data-state="suspended"]')).toBeVisible();
  await menu("Reinstate");
  await page.getByRole("dialog").getByRole("button", { name: "Reinstate" }).click();
  await expect(page.locator('[data-state="active"]')).toBeVisible();
  await menu("Archive");
  await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
  await expect(page.locator('[data-state="archived"]')).toBeVisible();
  await menu("Unarchive");
  await page.getByRole("dialog").getByRole("button", { name: "Unarchive" }).click();
  await expect(page.locator('[data-state="active"]')).toBeVisible();
  await menu("Revoke for good");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke for good" }).click();
  await expect(page.locator('[data-state="revoked"]')).toBeVisible();
  await menu("Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("heading", { name: "2027" })).toBeVisible();
  await expect(page.getByText("No licenses yet")).toBeVisible();

  // A product with versions cannot be deleted; the confirmation shows why.
  await page.getByRole("navigation", { name: "Back" }).getByRole("link", { name: "Acme CAD" }).click();
  await menu("Delete");
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("Conflict");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await menu("Archive");
  await page.getByRole("dialog").getByRole("button", { name: "Archive" }).click();
  await expect(page.getByText("This product is archived")).toBeVisible();
});

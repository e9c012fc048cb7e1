// Login, logout, and the loss of the session or the server.

import { expectAccessible, expect, logIn, owner, test } from "./fixtures.ts";

// proves U01
test("log in and out, with errors", async ({ page, vendor }) => {
  void vendor;
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await expect(page.getByText("Your session has ended")).toBeHidden();
  await expectAccessible(page, "login");
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("the e-mail address or the password is wrong");
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByLabel("Password", { exact: true }).press("Enter");
  await expect(page.getByRole("heading", { name: "Products" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Products" })).toBeVisible();
  await page.getByRole("button", { name: owner.name }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
});

// proves U01
test("an ended session redirects to the login and back", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Session");
  await logIn(page, `/products/${product.id}`);
  await expect(page.getByRole("heading", { name: "Acme Session" })).toBeVisible();
  // Log out in another tab.
  const { csrf_token } = await (await page.request.get("/api/v1/session")).json();
  expect((await page.request.delete("/api/v1/session", { headers: { "X-CSRF-Token": csrf_token } })).status()).toBe(204);
  await page.getByRole("link", { name: "Edit" }).click();
  await expect(page.getByText("Log in to continue where you were")).toBeVisible();
  await expectAccessible(page, "login after an ended session");
  await page.getByLabel("E-mail").fill(owner.email);
  await page.getByLabel("Password", { exact: true }).fill(owner.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page).toHaveURL(new RegExp(`#/products/${product.id}/edit$`));
  await expect(page.getByLabel("Name")).toHaveValue("Acme Session");
});

test("reports a lost network and continues when it is back", async ({ page, vendor }) => {
  await vendor.product("Acme Offline");
  const last = page.waitForRequest(/\/assets\/Instructions-.*\.js$/); // pages not visited yet are preloaded
  await logIn(page);
  await last;
  await page.waitForLoadState("networkidle");
  await page.context().setOffline(true);
  await page.getByRole("table").getByRole("link", { name: "Acme Offline" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "No connection" }).first()).toBeVisible();
  await expectAccessible(page, "no network");
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Try again" }).first().click();
  await expect(page.getByRole("heading", { name: "Acme Offline" })).toBeVisible();
});

test("reports a page that cannot be loaded without a network", async ({ page, vendor }) => {
  void vendor;
  await page.route(/\/assets\/Account-.*\.js$/, (route) => route.abort());
  await logIn(page);
  await page.getByRole("button", { name: owner.name }).click();
  await page.getByRole("menuitem", { name: "Account" }).click();
  await expect(page.getByRole("alert")).toContainText("The page was not loaded");
  await expectAccessible(page, "a page that did not come");
  await page.unroute(/\/assets\/Account-.*\.js$/);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Account" })).toBeVisible();
});

test("a form that could not be sent keeps its values", async ({ page, vendor }) => {
  void vendor;
  await logIn(page, "/products/new");
  await page.getByLabel("Name").fill("Acme Patience");
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Create the product" }).click();
  await expect(page.getByRole("alert")).toContainText("No connection");
  await expect(page.getByLabel("Name")).toHaveValue("Acme Patience");
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Create the product" }).click();
  await expect(page.getByRole("heading", { name: "Acme Patience" })).toBeVisible();
});

// proves U09
test("an edit conflict does not overwrite the other change", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Conflict");
  await logIn(page, `/products/${product.id}/edit`);
  await page.getByLabel("Description").fill("mine");
  await vendor.request("PATCH", `/products/${product.id}`, { revision: 1, description: "theirs" });
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("alert")).toContainText("changed this record while you were editing");
  await page.getByRole("button", { name: "Reload" }).click();
  await expect(page.getByLabel("Description")).toHaveValue("theirs");
  await page.getByLabel("Description").fill("mine");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByText("mine")).toBeVisible();
});

test("change the password", async ({ page, vendor }) => {
  void vendor;
  await logIn(page, "/account");
  await expectAccessible(page, "account");
  await page.getByLabel("Current password").fill("wrong");
  await page.getByLabel("New password", { exact: true }).fill(owner.password);
  await page.getByLabel("Repeat the new password").fill("another");
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByText("The passwords do not match")).toBeVisible();
  await page.getByLabel("Repeat the new password").fill(owner.password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByLabel("Current password")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Current password").fill(owner.password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByText("Password changed")).toBeVisible();
});

// Pages used with the keyboard only.

import { expect, owner, test } from "./fixtures.ts";

test("create a license with the keyboard only", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Keys");
  const version = await vendor.version(product.id);
  const press = (...keys: string[]) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const type = (text: string) => page.keyboard.type(text);
  /** Presses Tab until an element with this name has the focus. */
  const reach = async (name: string | RegExp, most = 60) => {
    for (let n = 0; n < most; n++) {
      const found = await page.evaluate(() => {
        const at = document.activeElement as HTMLElement | null;
        const label = at?.getAttribute("aria-label") ?? (at as HTMLInputElement | null)?.labels?.[0]?.textContent ?? at?.textContent ?? "";
        return label.trim();
      });
      if (typeof name === "string" ? found === name : name.test(found)) return;
      await press("Tab");
    }
    throw new Error(`the tab key does not reach ${name}`);
  };

  await page.goto(`/#/versions/${version.id}`);
  await expect(page.getByLabel("E-mail")).toBeFocused();
  await type(owner.email);
  await press("Tab");
  await type(owner.password);
  await press("Enter");
  await expect(page.getByRole("heading", { name: "2027" })).toBeVisible();

  // The skip link leads to the content.
  await page.reload();
  await expect(page.getByRole("heading", { name: "2027" })).toBeVisible();
  await press("Tab");
  await reach("Skip to the content", 3);
  await press("Enter");
  await expect(page.locator("#content")).toBeFocused();

  await reach("New license");
  await press("Enter");
  await expect(page.getByLabel("Name", { exact: true })).toBeFocused();
  await type("By keys");
  await reach("Calls allowed");
  await type("50");
  await reach("Contexts");
  await type("ui");
  await press("Enter");
  await reach("Entitlement 1");
  await type("rendering");
  await reach("Own value for Machines at a time");
  await press("Space");
  await reach("Machines at a time");
  await press("Control+a");
  await type("3");
  await reach("Create the license");
  await press("Enter");
  await expect(page.getByRole("heading", { name: "By keys" })).toBeVisible();
  await expect(page.getByText("of 3 allowed")).toBeVisible();

  // The menu, the confirmation, and back.
  await reach("More actions");
  await press("Enter");
  await expect(page.getByRole("menuitem", { name: "Suspend" })).toBeVisible();
  await press("ArrowDown");
  await expect(page.getByRole("menuitem", { name: "Suspend" })).toBeFocused();
  await press("Enter");
  await expect(page.getByRole("dialog").getByRole("button", { name: "Cancel" })).toBeFocused();
  await press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
});

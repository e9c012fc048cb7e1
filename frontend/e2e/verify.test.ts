// The verify page, which needs no login.

import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { root } from "./server.ts";
import { expectAccessible, expect, logIn, test } from "./fixtures.ts";

const vectors = join(root, "spec/vectors/license");
const vector = (name: string) => join(vectors, name);
const files = 'input[type="file"][multiple]';
const folderInput = 'input[type="file"][webkitdirectory]';

// proves L22
// proves part of N01
test("verify genuine and changed files, with advice", async ({ page }) => {
  await page.goto("/#/verify");
  await expectAccessible(page, "verifier");
  await page
    .locator(files)
    .setInputFiles([vector("plain.txt"), vector("changed_line_3.txt"), vector("three_lines.txt"), vector("another_products_key.txt")]);
  await expect(page.getByText("as soon as you provide the key")).toBeVisible();
  await page.getByLabel("OpenPGP public key").fill(await readFile(vector("product.asc"), "utf8"));
  const verdict = (n: number) => page.locator("[data-verdict]").nth(n);
  await expect(verdict(0)).toHaveAttribute("data-verdict", "ok");
  await expect(verdict(0)).toContainText("Genuine");
  await expect(verdict(1)).toHaveAttribute("data-verdict", "signature_invalid");
  await expect(verdict(1)).toContainText("What to do: fetch a new copy of the file from the vendor");
  await expect(verdict(2)).toHaveAttribute("data-verdict", "file_lines");
  await expect(verdict(3)).toHaveAttribute("data-verdict", "key_unknown");
  await expectAccessible(page, "verdicts");

  // Another key: all files are verified again.
  await page.getByLabel("OpenPGP public key").fill("not a key");
  await expect(verdict(0)).toHaveAttribute("data-verdict", "keyring_invalid");
  await expectAccessible(page, "a key that is none");
});

test("verify a 100 MB file, a folder, and a deleted file", async ({ page }) => {
  const folder = await mkdtemp(join(tmpdir(), "onelicense-verify-"));
  await page.addInitScript(() => {
    for (const name of ["arrayBuffer", "stream", "text"] as const) {
      const read = Blob.prototype[name] as (this: Blob) => never;
      Blob.prototype[name] = function (this: Blob) {
        Object.assign(globalThis, { largestRead: Math.max((globalThis as { largestRead?: number }).largestRead ?? 0, this.size) });
        return read.call(this);
      };
    }
  });
  await page.goto("/#/verify");
  await page.getByLabel("OpenPGP public key").fill(await readFile(vector("product.asc"), "utf8"));

  await page.locator(files).setInputFiles([vector("plain.txt")]);
  await expect(page.locator('[data-verdict="ok"]')).toBeVisible({ timeout: 30_000 });

  const large = join(folder, "large.txt");
  await writeFile(large, "");
  await truncate(large, 100 * 2 ** 20);
  await page.locator(files).setInputFiles([large]);
  await expect(page.locator('[data-verdict="file_too_large"]')).toContainText("larger than any license can be");
  await expect(page.locator('[data-verdict="file_too_large"]')).toContainText("104.9 MB");
  expect(await page.evaluate("largestRead"), "it is not read beyond what a license can be").toBe(65_537);

  const some = join(folder, "some");
  await mkdir(some);
  await writeFile(join(some, "a.txt"), await readFile(vector("plain.txt")));
  await writeFile(join(some, "b.txt"), "nonsense");
  await writeFile(join(some, "readme.md"), "not a license");
  await page.locator(folderInput).setInputFiles(some);
  await expect(page.locator("[data-verdict]")).toHaveCount(2);
  await expect(page.locator("[data-verdict]").first()).toHaveAttribute("data-verdict", "ok");

  const none = join(folder, "none");
  await mkdir(none);
  await writeFile(join(none, "readme.md"), "not a license");
  await page.locator(folderInput).setInputFiles(none);
  await expect(page.getByText("This folder contains no license files")).toBeVisible();

  const gone = join(folder, "gone.txt");
  await writeFile(gone, "here for a moment");
  await page.getByLabel("OpenPGP public key").fill("");
  await page.locator(files).setInputFiles([gone]);
  await expect(page.getByText("as soon as you provide the key")).toBeVisible();
  await rm(gone);
  await page.getByLabel("OpenPGP public key").fill(await readFile(vector("product.asc"), "utf8"));
  await expect(page.locator('[data-verdict="file_unreadable"]')).toContainText("could not be read");
  await rm(folder, { recursive: true, force: true });
});

test("dropped files", async ({ page }) => {
  await page.goto("/#/verify");
  await page.getByLabel("OpenPGP public key").fill(await readFile(vector("product.asc"), "utf8"));
  const transfer = await page.evaluateHandle(
    (text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "dropped.txt"));
      return data;
    },
    await readFile(vector("plain.txt"), "latin1"),
  );
  await page.getByTestId("drop").dispatchEvent("dragover", { dataTransfer: transfer });
  await page.getByTestId("drop").dispatchEvent("drop", { dataTransfer: transfer });
  await expect(page.locator('[data-verdict="ok"]')).toContainText("dropped.txt");
});

test("a member selects the key of a product", async ({ page, vendor }) => {
  const product = await vendor.product("Acme Verify");
  const version = await vendor.version(product.id);
  const license = await vendor.license(version.id);
  const file = await vendor.request("GET", `/licenses/${license.id}/file`);
  await logIn(page);
  await page.getByRole("link", { name: "Verify a file" }).click();
  await page.getByRole("combobox", { name: "Product" }).fill("verify");
  await page.getByRole("option", { name: "Acme Verify" }).click();
  await page.locator(files).setInputFiles([{ name: "issued.txt", mimeType: "text/plain", buffer: Buffer.from(file) }]);
  await expect(page.locator('[data-verdict="ok"]')).toContainText(license.id);
});

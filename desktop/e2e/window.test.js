// The real window: the program as it is shipped, driven through its own view, its menus and dialogs by key.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { open, prepare, root, startAgain, tool } from "./program.js";
import { serve } from "./server.js";
import { until } from "./until.js";

const folder = mkdtempSync(join(tmpdir(), "onelicense-desktop-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A fetch of the page's, with the page's own token. */
const ask = (page, method, path, body) =>
  page.run(
    `const [method, path, body] = args;
     const { csrf_token } = await (await fetch("/api/v1/session")).json();
     const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf_token };
     const reply = await fetch("/api/v1" + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
     const text = await reply.text();
     if (!reply.ok) throw new Error(method + " " + path + ": " + reply.status + " " + text);
     return text.startsWith("{") ? JSON.parse(text) : text;`,
    method,
    path,
    body ?? null,
  );

/** The verdicts that the page shows, as name and code. */
const verdicts = (page, count) =>
  until(`there are ${count} verdicts`, async () => {
    const shown = await page.run(`const rows = [...document.querySelectorAll("[data-verdict]")];
      return rows.map((row) => [row.querySelectorAll("p")[1].textContent, row.dataset.verdict])`);
    if (shown.length !== count) throw new Error(JSON.stringify(shown));
    return Object.fromEntries(shown);
  });

const goTo = (page, path) => page.run("location.hash = args[0]", path);

const pictures = join(root, process.env.SCREENSHOTS ?? "build"); // `make screenshots` takes them for the documents

// proves part of N09
describe("a vendor with nothing installed", () => {
  const data = join(folder, "vendor");
  let program, page, made;

  /** A picture for the documentation, of the verdicts. What was scrolled is on the screen when the picture is another one. */
  async function portray(name) {
    const file = join(pictures, name);
    const scroll = (to) =>
      page.run(`document.activeElement?.blur(); await document.fonts.ready; ${to}; await new Promise(requestAnimationFrame)`);
    await scroll("scrollTo(0, 0)");
    program.picture(file);
    const top = readFileSync(file);
    await scroll("scrollTo(0, document.documentElement.scrollHeight)");
    await until("the window shows the verdicts", () => {
      program.picture(file);
      assert.ok(!readFileSync(file).equals(top));
    });
  }

  before(async () => {
    mkdirSync(data);
    prepare(data);
    program = await open(data);
    ({ page } = program);
  });
  after(async () => {
    await program?.quit();
  });

  test("is led into an empty server of their own", async (t) => {
    await page.sees("No products yet");
    const drawn = await page.run("return performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime");
    const [visible, pageDrawn] = [program.visible, drawn - program.begun].map(Math.round);
    t.diagnostic(`on an empty directory: window after ${visible} ms, page drawn after ${pageDrawn} ms, ${program.memory()} MiB`);
  });

  test("has no secret in the page", async () => {
    assert.equal(await page.run("return document.cookie"), "");
    assert.equal(await page.run(`const reply = await fetch("/api/v1/session"); return reply.headers.get("Set-Cookie")`), null);
    await assert.rejects(
      page.run(`const headers = { "Content-Type": "application/json" };
        const reply = await fetch("/api/v1/products", { method: "POST", headers, body: '{"name":"x"}' });
        if (!reply.ok) throw new Error((await reply.json()).code)`),
      /csrf/,
    );
  });

  test("makes a product and a license", async () => {
    const product = await ask(page, "POST", "/products", { name: "Acme CAD", description: "Solid modelling for plants and machines." });
    const policy = {
      type: "calls", trigger: "interval", interval_ms: 3_600_000, max_retries: 3, grace_ms: 86_400_000, activation_limit: 20,
    };
    const version = await ask(page, "POST", `/products/${product.id}/versions`, { name: "2027", policy });
    const license = await ask(page, "POST", `/versions/${version.id}/licenses`, {
      name: "Plant 7", customer: "Initech", contexts: ["ui", "automation"], allowance: 1_000,
      entitlements: [{ name: "rendering", slots: 4 }, { name: "solid_modeling" }],
    });
    const [file, keys] = [await ask(page, "GET", `/licenses/${license.id}/file`),
      await ask(page, "GET", `/products/${product.id}/public-keys`)];
    made = { license: license.id, file, keys };
    await goTo(page, `#/products/${product.id}`);
    await page.sees("Acme CAD");
  });

  test("tells programs an address that they reach", async () => {
    const address = await page.run(`return document.querySelector("meta[name=onelicense-server]").content`);
    assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal((await fetch(`${address}/livez`)).status, 200);
    assert.equal((await fetch(`${address}/api/v1/session`)).status, 401);
    await goTo(page, `#/licenses/${made.license}/instructions`);
    await page.sees(`${address}/api/v1#`);
  });

  // proves L22
  test("opens files by a second start, and each gets a verdict", async () => {
    const at = (name) => join(folder, name);
    writeFileSync(at("genuine.txt"), made.file);
    writeFileSync(at("tampered.txt"), made.file.replace("rendering:4", "rendering:400"));
    writeFileSync(at("huge.txt"), "");
    truncateSync(at("huge.txt"), 100 * 1024 * 1024);
    mkdirSync(at("folder.txt"));
    tool("xdotool", "windowminimize", "--sync", program.window);
    startAgain(data, ...["genuine.txt", "tampered.txt", "huge.txt", "folder.txt", "gone.txt"].map(at));
    await until("the first window is in front", () => assert.equal(tool("xdotool", "getactivewindow"), program.window));
    assert.deepEqual(await verdicts(page, 5), {
      "genuine.txt": "ok",
      "tampered.txt": "signature_invalid",
      "huge.txt": "file_too_large",
      "folder.txt": "file_unreadable",
      "gone.txt": "file_unreadable",
    });
  });

  test("opens a file with the window's menu and the system's dialog", async () => {
    await goTo(page, "#/products");
    await page.sees("The programs that you license");
    tool("xdotool", "windowactivate", "--sync", program.window, "key", "ctrl+o");
    const dialog = () => tool("xdotool", "search", "--onlyvisible", "--name", "^Open license files$");
    const id = await until("there is a dialog", dialog);
    tool("xdotool", "windowactivate", "--sync", id, "key", "ctrl+l");
    tool("xdotool", "type", "--delay", "5", join(folder, "tampered.txt"));
    // The first one may only choose what the dialog proposes.
    await until("the dialog has closed", () => {
      tool("xdotool", "key", "Return");
      assert.throws(dialog);
    });
    assert.deepEqual(await verdicts(page, 1), { "tampered.txt": "signature_invalid" });
  });

  test("verifies in the page with a key, as in a browser", async () => {
    await goTo(page, "#/products");
    await page.sees("The programs that you license");
    await goTo(page, "#/verify");
    writeFileSync(join(folder, "acme.asc"), made.keys);
    await page.type('input[type=file][accept*=".asc"]', join(folder, "acme.asc"));
    await page.type("input[type=file][multiple]", ["genuine.txt", "tampered.txt"].map((name) => join(folder, name)).join("\n"));
    assert.deepEqual(await verdicts(page, 2), { "genuine.txt": "ok", "tampered.txt": "signature_invalid" });
    await portray("desktop.png");
  });

  test("hears of a call that fails", async () => {
    const native = (call) => page.run(`await window.go.app.Native.${call}.catch((error) => { throw new Error(error) })`);
    await assert.rejects(native('VerifyFile(4711, "")'), /no chosen file has the number 4711/);
    await assert.rejects(native('UseServer("http://example.com")'), /https/);
  });

  test("finds everything again, in the dark", async (t) => {
    await program.quit();
    program = await open(data, { env: { GTK_THEME: "Adwaita:dark" }, args: [join(folder, "genuine.txt"), join(folder, "tampered.txt")] });
    ({ page } = program);
    assert.deepEqual(await verdicts(page, 2), { "genuine.txt": "ok", "tampered.txt": "signature_invalid" });
    assert.equal(await page.run(`return document.documentElement.getAttribute("data-mantine-color-scheme")`), "dark");
    await portray("desktop-dark.png");
    await goTo(page, "#/products");
    await page.sees("Acme CAD");
    const drawn = await page.run("return performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime");
    const [visible, pageDrawn] = [program.visible, drawn - program.begun].map(Math.round);
    t.diagnostic(`on a used directory: window after ${visible} ms, page drawn after ${pageDrawn} ms, ${program.memory()} MiB`);
  });
});

// proves part of N09
describe("a member of somebody's server", () => {
  const data = join(folder, "member");
  let program, page, server;

  before(async () => {
    mkdirSync(data);
    server = await serve(join(folder, "server"));
    program = await open(data, { args: ["--server", server.url] });
    ({ page } = program);
  });
  after(async () => {
    await program?.quit();
    await server?.stop();
  });

  test("logs in as in a browser, and the page has no cookie", async () => {
    await page.type("input[type=email]", server.owner.email);
    await page.type("input[type=password]", server.owner.password);
    await page.click("button[type=submit]");
    await page.sees(server.owner.name);
    assert.equal(await page.run("return document.cookie"), "");
  });

  test("is told when the server is away", async () => {
    await server.stop();
    await goTo(page, "#/account");
    await goTo(page, "#/products/5edb10fecc150913cb7640f6");
    await page.sees("No connection");
  });
});

// WebKitWebDriver, as far as the tests ask it: the W3C protocol over HTTP.

import { spawn } from "node:child_process";
import { createServer } from "node:net";

import { until } from "./until.js";

/** A port that nobody uses at the moment. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // the protocol's name for a reference

/** Drives the window of the program whose inspector listens at a port. */
export async function drive(inspector) {
  const port = await freePort();
  const child = spawn("WebKitWebDriver", ["-p", String(port), "-t", `127.0.0.1:${inspector}`], { stdio: "ignore" });
  const ask = async (method, path, body) => {
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await reply.json();
    if (!reply.ok) throw new Error(`${method} ${path}: ${value?.error}: ${value?.message}`);
    return value;
  };
  await until("the driver answers", () => ask("GET", "/status"));
  const { sessionId } = await until("the window lets itself be driven", () => ask("POST", "/session", { capabilities: {} }));
  const session = `/session/${sessionId}`;
  await ask("POST", `${session}/timeouts`, { script: 30_000 });
  return new Driver(child, (method, path, body) => ask(method, session + path, body));
}

class Driver {
  #child;
  #ask;

  constructor(child, ask) {
    this.#child = child;
    this.#ask = ask;
  }

  /** Runs the body of an async function in the page. */
  run(script, ...args) {
    const body = `const done = arguments[arguments.length - 1];
      (async (...args) => {${script}})(...arguments).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    return this.#ask("POST", "/execute/async", { script: body, args }).then(({ value, error }) => {
      if (error !== undefined) throw new Error(error);
      return value;
    });
  }

  find = async (css) => (await this.#ask("POST", "/element", { using: "css selector", value: css }))[ELEMENT];

  /** Types into a field, or gives paths to a field for files. */
  async type(css, text) {
    const element = await until(`there is ${css}`, () => this.find(css));
    await this.#ask("POST", `/element/${element}/value`, { text });
  }

  async click(css) {
    await until(`${css} lets itself be clicked`, async () => this.#ask("POST", `/element/${await this.find(css)}/click`, {}));
  }

  /** Waits until the page shows a text. */
  sees(text) {
    return until(`the page shows "${text}"`, async () => {
      const shown = await this.run("return document.body.innerText");
      if (!shown.includes(text)) throw new Error(`it shows: ${shown.slice(0, 400)}`);
    });
  }

  close() {
    this.#child.kill();
  }
}

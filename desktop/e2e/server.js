// A server on which nobody but its owner has been yet.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { root } from "./program.js";

const binary = process.env.ONELICENSE_BINARY ?? join(root, "build/onelicense");

export const owner = { organisation: "Acme Software", name: "Ada Lovelace", email: "ada@acme.example", password: "correct horse battery" };

export async function serve(data) {
  const child = spawn(binary, ["serve", "--data", data, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });
  const exit = new Promise((resolve) => child.once("exit", resolve));
  let setup;
  for await (const line of createInterface({ input: child.stdout })) {
    setup = /https?:\/\/\S+\/setup\?\S+/.exec(line)?.[0];
    if (setup) break;
  }
  if (!setup) throw new Error(`${binary} did not start; \`make build\` builds it`);
  const { origin, searchParams } = new URL(setup);
  const reply = await fetch(`${origin}/api/v1/setup`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...owner, token: searchParams.get("token") }),
  });
  if (!reply.ok) throw new Error(`setting up: ${await reply.text()}`);
  return {
    url: origin,
    owner,
    async stop() {
      child.kill();
      await exit;
    },
  };
}

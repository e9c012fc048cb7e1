// A minimal licensed program.
//
//   node demo.js --server URL --product ID --version ID --license ID --storage DIR STEP...
//   node demo.js ... --serve 127.0.0.1:0
//
// Steps: consume=N, reserve=CONTEXT:ENTITLEMENT, release=CONTEXT:ENTITLEMENT, check=CONTEXT:ENTITLEMENT, sync, status, deactivate, hold
// (until a line is read from stdin), shutdown. Each step prints its name, a tab, and the code of its verdict. After a refusal the next step
// still runs, but the exit code is 1. With --serve it is a web service instead: GET / needs no license, GET /work does. Options default to
// the environment variables ONELICENSE_SERVER, _PRODUCT, _VERSION, _LICENSE, _STORAGE.

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { LicenseError, OneLicenseClient } from "onelicense";

const { values, positionals: steps } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(["server", "product", "version", "license", "storage", "serve"].map((name) => [name, { type: "string" }])),
});

const given = (name) => values[name] ?? process.env[`ONELICENSE_${name.toUpperCase()}`];

let client;
try {
  client = await OneLicenseClient.create({
    server_url: given("server"),
    product_id: given("product"),
    version_id: given("version"),
    license_id: given("license"),
    storage: given("storage"),
  });
} catch (error) {
  print("start", error);
  process.exit(1);
}

if (values.serve) await serve(values.serve);
else for (const step of steps) await take(step);
await client.shutdown();

async function take(step) {
  const [, name, value = ""] = /^([a-z]+)(?:=(.*))?$/.exec(step) ?? [];
  const slot = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
  try {
    switch (name) {
      case "consume":
        for (let n = Number(value || 1); n > 0; n--) await client.consume();
        break;
      case "reserve":
      case "release":
      case "check":
        await client[name](...slot);
        break;
      case "sync":
      case "deactivate":
        await client[name]();
        break;
      case "status":
        return print(name, client.status().licenses[0].verdict);
      case "hold":
        await line();
        break;
      case "shutdown":
        return print(name, await client.shutdown());
      default:
        throw new Error(`${step} is not a step`);
    }
    print(name);
  } catch (error) {
    if (!(error instanceof LicenseError)) throw error;
    print(name, error);
  }
}

function print(name, verdict = { ok: true, code: "ok" }) {
  if (!verdict.ok) process.exitCode = 1;
  if (verdict instanceof Error) console.error(`${verdict}`);
  console.log(`${name}\t${verdict.code}`);
}

async function line() {
  const lines = createInterface({ input: process.stdin });
  await Promise.race([once(lines, "line"), once(lines, "close")]);
  lines.close();
  process.stdin.unref?.();
}

/** Runs a web service whose /work needs a license, until SIGINT or SIGTERM. */
async function serve(address) {
  const service = createServer(async (request, response) => {
    const reply = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
    if (request.method !== "GET" || !["/", "/work"].includes(request.url)) return reply(404, { routes: ["/", "/work"] });
    if (request.url === "/") return reply(200, { hello: "everybody" });
    try {
      await client.consume();
    } catch ({ code, message, do: advice }) {
      return reply(403, { code, message, do: advice });
    }
    reply(200, { done: true });
  });
  const [host, port] = [address.slice(0, address.lastIndexOf(":")), address.slice(address.lastIndexOf(":") + 1)];
  service.listen(Number(port), host || undefined);
  await once(service, "listening");
  console.log(`listening on http://${host || "localhost"}:${service.address().port}`);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  service.close();
  service.closeAllConnections();
}

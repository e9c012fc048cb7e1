// The transport with scripted servers.
//
// proves L19

import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_ANSWER, send } from "../src/transport.js";
import { unreachableURL, scriptedServer } from "../testkit/index.js";

const post = (url, more) => send({ url, body: "täxt", timeout: 60_000, ...more });
const larger = new RegExp(`larger than ${MAX_ANSWER} bytes`);
const failure = (promise) =>
  promise.then(
    () => assert.fail("it answered"),
    (error) => error.message,
  );

test("posts text and reads the answer", async (t) => {
  const { url, requests } = await scriptedServer(t, (response) => response.end("\ufeffänswer\n"));
  assert.deepEqual(await post(url), { status: 200, body: "\ufeffänswer\n" });
  assert.equal(requests[0].method, "POST");
  assert.equal(requests[0].text, "täxt");
  assert.equal(requests[0].headers["content-type"], "text/plain; charset=utf-8");
});

test("returns error statuses as answers", async (t) => {
  const { url } = await scriptedServer(t, (response) => response.writeHead(500, { "content-type": "text/html" }).end("<h1>no</h1>"));
  assert.deepEqual(await post(url), { status: 500, body: "<h1>no</h1>" });
});

test("parses Retry-After as seconds or as a date", async (t) => {
  let header;
  const { url } = await scriptedServer(t, (response) => response.writeHead(503, header && { "retry-after": header }).end());
  header = "120";
  assert.equal((await post(url)).retry_after, 120);
  header = new Date(Date.now() + 3_600_000).toUTCString();
  const { retry_after } = await post(url);
  assert.ok(Number.isInteger(retry_after) && retry_after > 3_000 && retry_after <= 3_600);
  for (header of ["soon", "-5", "1e9", "99999999999999999999", "0", undefined]) {
    assert.equal((await post(url)).retry_after, undefined, header);
  }
});

test("rejects when nothing listens", async () => assert.match(await failure(post(await unreachableURL())), /ECONNREFUSED/));

test("times out on a server that never answers", async (t) => {
  const { url } = await scriptedServer(t, () => {});
  assert.match(await failure(post(url, { timeout: 20 })), /no answer within 20 ms/);
});

test("the timeout covers the whole exchange", async (t) => {
  const { url } = await scriptedServer(t, (response) => response.writeHead(200).write("half"));
  assert.match(await failure(post(url, { timeout: 50 })), /no answer within 50 ms/);
});

test("rejects when the connection breaks", async (t) => {
  const { url } = await scriptedServer(t, (response) => {
    response.writeHead(200, { "content-length": "100" }).write("half");
    setImmediate(() => response.destroy());
  });
  await failure(post(url));
});

test("rejects an answer that is too large", async (t) => {
  let length = MAX_ANSWER;
  const { url } = await scriptedServer(t, (response) => response.end("x".repeat(length)));
  assert.equal((await post(url)).body.length, MAX_ANSWER);
  length++;
  assert.match(await failure(post(url)), larger);
});

test("rejects an endless answer", async (t) => {
  const { url } = await scriptedServer(t, (response) => {
    const more = () => !response.destroyed && response.write("x".repeat(10_000), () => setImmediate(more));
    more();
  });
  assert.match(await failure(post(url)), larger);
});

test("does not follow redirects", async (t) => {
  const elsewhere = await scriptedServer(t, (response) => response.end("elsewhere"));
  const { url } = await scriptedServer(t, (response) => response.writeHead(307, { location: elsewhere.url }).end());
  assert.equal((await post(url)).status, 307);
  assert.equal(elsewhere.requests.length, 0);
});

test("aborts the request when the client closes", async (t) => {
  const { url } = await scriptedServer(t, () => {});
  const stop = new AbortController();
  const answer = failure(post(url, { signal: stop.signal }));
  stop.abort(new Error("closed"));
  assert.equal(await answer, "closed");
});

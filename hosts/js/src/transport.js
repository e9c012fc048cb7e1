import { reason } from "./errors.js";

/** The largest list of revoked licenses, which may travel beside an answer, fits; what is larger comes from something else. */
export const ANSWER_LIMIT = 2 * 1024 * 1024;

/**
 * Posts a request and reads the whole answer, within the timeout. Redirects are not followed: the answer would come from somewhere
 * that the program did not name. Certificates are verified as the runtime does.
 *
 * @param {{url: string, body: string, timeout: number, signal?: AbortSignal}} request timeout in ms, of the whole exchange
 * @returns {Promise<{status: number, body: string, retry_after?: number}>} retry_after in seconds; rejects when there was no answer
 */
export async function send({ url, body, timeout, signal }) {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(new Error(`no answer within ${timeout} ms`)), timeout);
  const stop = () => clock.abort(signal.reason);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      body,
      signal: clock.signal,
      redirect: "manual",
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    if (response.type === "opaqueredirect") throw new Error("the server redirects");
    const retry_after = retryAfter(response.headers.get("retry-after"));
    return { status: response.status, body: await read(response), ...(retry_after && { retry_after }) };
  } catch (error) {
    throw clock.signal.aborted ? clock.signal.reason : new Error(reason(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function read(response) {
  const parts = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let part; reader && !(part = await reader.read()).done; ) {
    length += part.value.length;
    if (length > ANSWER_LIMIT) {
      reader.cancel().catch(() => {});
      throw new Error(`the answer is larger than ${ANSWER_LIMIT} bytes`);
    }
    parts.push(part.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes); // a byte order mark stays: nothing may be tidied
}

/** The header as seconds; it is a number of them or a date. @param {string | null} value */
function retryAfter(value) {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value.trim()) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return seconds > 0 && seconds < 1e9 ? seconds : undefined;
}

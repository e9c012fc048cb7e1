import { errorText } from "./errors.js";

/** Bytes of an answer. The largest revocation list, which may be sent along, fits; a larger answer is not from the server. */
export const MAX_ANSWER = 2 * 1024 * 1024;

/**
 * Posts a request and reads the whole answer within the timeout. Redirects are not followed: the answer would come from an address that the
 * program did not name. The runtime verifies certificates.
 *
 * @param {{url: string, body: string, timeout: number, signal?: AbortSignal}} request timeout of the whole exchange in ms
 * @returns {Promise<{status: number, body: string, retry_after?: number}>} retry_after in seconds; rejects when there is no answer
 */
export async function send({ url, body, timeout, signal }) {
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(new Error(`no answer within ${timeout} ms`)), timeout);
  const stop = () => aborter.abort(signal.reason);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      body,
      signal: aborter.signal,
      redirect: "manual",
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    if (response.type === "opaqueredirect") throw new Error("the server redirects");
    const retry_after = retryAfter(response.headers.get("retry-after"));
    return { status: response.status, body: await readLimited(response), ...(retry_after && { retry_after }) };
  } catch (error) {
    throw aborter.signal.aborted ? aborter.signal.reason : new Error(errorText(error));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function readLimited(response) {
  const parts = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let part; reader && !(part = await reader.read()).done;) {
    length += part.value.length;
    if (length > MAX_ANSWER) {
      reader.cancel().catch(() => {});
      throw new Error(`the answer is larger than ${MAX_ANSWER} bytes`);
    }
    parts.push(part.value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes); // the byte order mark stays: signed bytes must not change
}

/** Parses Retry-After, a number of seconds or a date, to seconds. @param {string | null} value */
function retryAfter(value) {
  if (value === null) return undefined;
  const seconds = /^\d{1,9}$/.test(value.trim()) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return seconds > 0 && seconds < 1e9 ? seconds : undefined;
}

// The one place that speaks to the server. Pages call the functions of ./requests; nothing else fetches.

import createClient, { type Middleware } from "openapi-fetch";

import { ApiError, isSessionEnd, networkError, errorFromResponse } from "./problem";
import type { paths } from "./schema";

let csrf = "";
let onSessionEnd: (code: string) => void = () => {};

/** Every request that changes something shows this token; it comes with the session. */
export const setCSRF = (csrfHeader: string) => {
  csrf = csrfHeader;
};

/** Hears that a request was refused because nobody is logged in any more. */
export const setOnSessionEnd = (hear: (code: string) => void) => {
  onSessionEnd = hear;
};

const token: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("X-CSRF-Token", csrf);
  },
};

export const http = createClient<paths>({
  baseUrl: globalThis.location.origin,
  credentials: "same-origin",
  fetch: (request) => globalThis.fetch(request), // looked up at each call, so that tests can stand in for the network
});
http.use(token);

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The answer to a request, or an ApiError.
 * @param quiet for requests that ask whether somebody is logged in: that nobody is, is an answer
 */
export async function unwrap<T>(request: Promise<Reply<T>>, quiet = false): Promise<T> {
  let reply: Reply<T>;
  try {
    reply = await request;
  } catch (error) {
    throw error instanceof ApiError ? error : networkError(error);
  }
  if (reply.response.ok) return reply.data as T;
  const error = errorFromResponse(reply.error, reply.response);
  if (!quiet && isSessionEnd(error)) onSessionEnd(error.code);
  throw error;
}

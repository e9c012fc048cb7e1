// The HTTP client, the only place that fetches. Pages call the functions of ./requests.

import createClient, { type Middleware } from "openapi-fetch";

import { ApiError, errorFromResponse, isSessionEnd, networkError } from "./problem";
import type { paths } from "./schema";

let csrf = "";
let onSessionEnd: (code: string) => void = () => {};

/** Sets the CSRF token that every changing request sends. It comes with the session. */
export const setCSRF = (token: string) => {
  csrf = token;
};

/** Sets the function that is called when a request was refused because the session has ended. */
export const setOnSessionEnd = (listener: (code: string) => void) => {
  onSessionEnd = listener;
};

const csrfHeader: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("X-CSRF-Token", csrf);
  },
};

export const http = createClient<paths>({
  baseUrl: globalThis.location.origin,
  credentials: "same-origin",
  fetch: (request) => globalThis.fetch(request), // looked up at each call, so that tests can replace it
});
http.use(csrfHeader);

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * Returns the data of a response, or throws an ApiError.
 * @param quiet does not report the end of the session: for requests that ask whether somebody is logged in
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

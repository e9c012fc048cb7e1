import type { Problem } from "./types";

/** Error of a request, always with a problem: also when no server answered, or something other than the server did. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
  }

  get code() {
    return this.problem.code;
  }
}

const newError = (status: number, code: string, title: string, detail: string) =>
  new ApiError({ type: "about:blank", status, code, title, detail });

/** Returns the error of a request that got no response. */
export const networkError = (reason: unknown) =>
  newError(0, "no_network", "No connection", `The server was not reached (${reason instanceof Error ? reason.message : String(reason)}).`);

/** Returns the error of a page whose script did not load: no network, or the server has been updated since this window was opened. */
export const pageLoadError = (reason: unknown) =>
  newError(0, "no_page", "No connection", `The page was not loaded (${reason instanceof Error ? reason.message : String(reason)}).`);

/** Returns the error of a response with an error status. Anything but a problem document comes from a proxy in between. */
export function errorFromResponse(body: unknown, response: Response): ApiError {
  if (isProblem(body)) return new ApiError(body);
  return newError(
    response.status,
    "unexpected",
    response.statusText || "Unexpected answer",
    `The server, or something before it, answered with status ${response.status}.`,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "title" in body && "detail" in body;
}

/** Converts any error to a problem, for display. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return newError(0, "page_failed", "The page failed", detail).problem;
}

export const errorCode = (error: unknown) => (error instanceof ApiError ? error.code : undefined);

/** Reports that the record was changed since it was read. */
export const isEditConflict = (error: unknown) => errorCode(error) === "edit_conflict";

/** The codes that require a new login. */
const sessionEndCodes = new Set(["not_authenticated", "bad_session", "session_expired"]);

export const isSessionEnd = (error: unknown) => sessionEndCodes.has(errorCode(error) ?? "");

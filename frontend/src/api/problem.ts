import type { Problem } from "./types";

/** What went wrong with a request, always as a problem: also when no server answered, or something that is not ours. */
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

/** The request did not reach the server, or no answer came back. */
export const networkError = (reason: unknown) =>
  newError(0, "no_network", "No connection", `The server was not reached (${reason instanceof Error ? reason.message : String(reason)}).`);

/** The script of a page did not come: no network, or the server has newer pages than this window. */
export const pageLoadError = (reason: unknown) =>
  newError(0, "no_page", "No connection", `The page was not loaded (${reason instanceof Error ? reason.message : String(reason)}).`);

/** Reads the answer to a refused request. What is not a problem document comes from something in between. */
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

/** Any error as a problem, for showing it. */
export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return newError(0, "page_failed", "The page failed", detail).problem;
}

export const errorCode = (error: unknown) => (error instanceof ApiError ? error.code : undefined);

/** isEditConflict reports that the record was changed since it was read. */
export const isEditConflict = (error: unknown) => errorCode(error) === "edit_conflict";

/** The codes that require a new login. */
const sessionEndCodes = new Set(["not_authenticated", "bad_session", "session_expired"]);

export const isSessionEnd = (error: unknown) => sessionEndCodes.has(errorCode(error) ?? "");

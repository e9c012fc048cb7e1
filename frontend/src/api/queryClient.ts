import { QueryClient } from "@tanstack/react-query";

import { setCSRF } from "./client";
import { ApiError } from "./problem";
import { sessionQuery } from "./requests";
import type { Session } from "./types";

/** Creates the cache of query results. It sends requests without a network too: the server may be on this machine. */
export const createQueryClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: 2_000,
        // Retrying does not change an answer of the server, but a connection may come back.
        retry: (failures, error) =>
          failures < 1 && error instanceof ApiError && (error.problem.status === 0 || error.problem.status >= 502),
        retryDelay: 400,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });

/** Drops everything that the previous member has read. The session query stays for its observers. */
function clearQueries(client: QueryClient) {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
}

/** Stores the session after a login. */
export function startSession(client: QueryClient, session: Session) {
  clearQueries(client);
  client.setQueryData(sessionQuery.queryKey, session);
}

/** Ends the session. `navigateAway` leads to a public page; the data of the current page is dropped only after that. */
export async function endSession(client: QueryClient, navigateAway: () => Promise<void>) {
  setCSRF("");
  client.getQueryCache().find({ queryKey: sessionQuery.queryKey })?.reset();
  await navigateAway();
  clearQueries(client);
}

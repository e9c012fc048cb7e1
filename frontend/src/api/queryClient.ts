import { QueryClient } from "@tanstack/react-query";

import { setCSRF } from "./client";
import { ApiError } from "./problem";
import { sessionQuery } from "./requests";
import type { Session } from "./types";

/** What was read, kept for a moment. Without a network it asks all the same: the server may be on this machine. */
export const createQueryClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: 2_000,
        // The server's word is not changed by asking again; a connection may come back.
        retry: (failures, error) =>
          failures < 1 && error instanceof ApiError && (error.problem.status === 0 || error.problem.status >= 502),
        retryDelay: 400,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });

/** Forgets what the person before has read. The session itself stays where its watchers look. */
function clearQueries(client: QueryClient) {
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionQuery.queryKey[0] });
}

/** Somebody has come in. */
export function startSession(client: QueryClient, session: Session) {
  clearQueries(client);
  client.setQueryData(sessionQuery.queryKey, session);
}

/** Nobody is in any more. `away` leads to a page for everybody; until it has, the page that is still shown keeps what it shows. */
export async function endSession(client: QueryClient, away: () => Promise<void>) {
  setCSRF("");
  client.getQueryCache().find({ queryKey: sessionQuery.queryKey })?.reset();
  await away();
  clearQueries(client);
}

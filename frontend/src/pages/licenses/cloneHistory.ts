// What an installation's past says of it.

import type { Status } from "@/components/StatusBadge";
import type { Activation } from "@/api/types";

type CloneHistory = Pick<Activation, "closed" | "cloned" | "restores" | "evidence">;

/**
 * Two may hold one activation: the holder of a closed chain came back. Forgiving keeps the evidence and takes the restores back to 0, so
 * that only what is as late as the restores that are counted speaks against an installation.
 */
export function isSuspectedClone({ restores, evidence }: Pick<CloneHistory, "restores" | "evidence">): boolean {
  let accepted = 0;
  for (const { alternation, refused } of evidence.toReversed()) {
    if (accepted === restores) return false;
    if (alternation) return true;
    if (!refused) accepted++; // what was refused is no restore
  }
  return false;
}

/** How an installation stands; one that still runs may be suspected, too. */
export function installationStatuses(past: CloneHistory): Status[] {
  if (past.closed) return ["closed"];
  if (past.cloned) return ["cloned"];
  return isSuspectedClone(past) ? ["running", "suspected"] : ["running"];
}

/** There is something to forgive. */
export const hasEvidenceToClear = ({ closed, cloned, restores }: CloneHistory) => !closed && (cloned !== undefined || restores > 0);

/** What one piece of evidence says. */
export function evidenceStatuses({ alternation, refused }: Activation["evidence"][number]): Status[] {
  if (refused) return ["turned", "refused"];
  return [alternation ? "turned" : "restored"];
}

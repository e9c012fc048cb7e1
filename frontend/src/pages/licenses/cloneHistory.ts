// Statuses of an installation, derived from the evidence of clones.

import type { Status } from "@/components/StatusBadge";
import type { Activation } from "@/api/types";

type CloneHistory = Pick<Activation, "closed" | "cloned" | "reactivations" | "evidence">;

/**
 * Reports whether two machines may hold one activation: the holder of a superseded chain of leases came back. Clearing the clone flag keeps
 * the evidence and resets the count of reactivations, so only evidence as recent as the counted reactivations is considered.
 */
export function isSuspectedClone({ reactivations, evidence }: Pick<CloneHistory, "reactivations" | "evidence">): boolean {
  let accepted = 0;
  for (const { alternation, refused } of evidence.toReversed()) {
    if (accepted === reactivations) return false;
    if (alternation) return true;
    if (!refused) accepted++; // a refused attempt is no reactivation
  }
  return false;
}

/** Returns the statuses to show of an installation. An active one may also be suspected. */
export function installationStatuses(past: CloneHistory): Status[] {
  if (past.closed) return ["closed"];
  if (past.cloned) return ["cloned"];
  return isSuspectedClone(past) ? ["running", "suspected"] : ["running"];
}

/** Reports whether there are reactivations or a clone flag to clear. */
export const hasEvidenceToClear = ({ closed, cloned, reactivations }: CloneHistory) =>
  !closed && (cloned !== undefined || reactivations > 0);

/** Returns the statuses to show of one record of evidence. */
export function evidenceStatuses({ alternation, refused }: Activation["evidence"][number]): Status[] {
  if (refused) return ["turned", "refused"];
  return [alternation ? "turned" : "restored"];
}

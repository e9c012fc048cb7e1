import { useQuery } from "@tanstack/react-query";

import { sessionQuery } from "./requests";
import { operationRoles } from "./operationRoles";

export type Operation = keyof typeof operationRoles;

/** Returns a function that reports whether the member's role permits an operation, so that pages offer only permitted actions. */
export function usePermissions() {
  const { data } = useQuery(sessionQuery);
  return (operation: Operation) => (operationRoles[operation] as readonly string[]).includes(data?.member.role ?? "");
}

import { useQuery } from "@tanstack/react-query";

import { sessionQuery } from "./requests";
import { operationRoles } from "./operationRoles";

export type Operation = keyof typeof operationRoles;

/** Tells whether one's role is allowed an operation, so that the page does not offer what the server would refuse. */
export function usePermissions() {
  const { data } = useQuery(sessionQuery);
  return (operation: Operation) => (operationRoles[operation] as readonly string[]).includes(data?.member.role ?? "");
}

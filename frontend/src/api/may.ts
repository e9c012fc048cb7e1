import { useQuery } from "@tanstack/react-query";

import { sessionQuery } from "./requests";
import { rights } from "./rights";

export type Operation = keyof typeof rights;

/** Tells whether one's role is allowed an operation, so that the page does not offer what the server would refuse. */
export function useMay() {
  const { data } = useQuery(sessionQuery);
  return (operation: Operation) => (rights[operation] as readonly string[]).includes(data?.member.role ?? "");
}

import type { Status } from "./StatusBadge";
import type { License } from "@/api/types";

import { shortId } from "./format";

/** Returns the label of a license: its name, else its customer, else the start of its id. Names are optional. */
export const licenseName = (license: Pick<License, "id" | "name" | "customer">) => license.name || license.customer || shortId(license.id);

/** Returns the status to show: an active license may also be archived or expired. */
export function licenseStatus(license: License, now = Date.now()): Status {
  if (license.status !== "active") return license.status;
  if (license.archived) return "archived";
  return license.expires && new Date(license.expires).getTime() <= now ? "expired" : "active";
}

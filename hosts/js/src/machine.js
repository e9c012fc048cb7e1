// What is known of the machine: for the statistics, and, if the program wants it there, for the fingerprint.

import { readFileSync } from "node:fs";
import { hostname, machine } from "node:os";

const MACHINE_ID = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** What the statistics call the platform, like linux/x86_64. */
export const platformName = () => `${process.platform}/${machine()}`.toLowerCase();

/**
 * Parts for the setting `fingerprint` that every machine has: `host_name`, `platform`, and `machine_id` where it can be read. The values stay
 * in this process: the server gets hashes under the license's id. Nothing of this is used unless the program says so.
 *
 * @returns {Record<string, string>}
 */
export function machineParts(paths = MACHINE_ID) {
  const parts = { host_name: hostname(), platform: platformName() };
  for (const path of paths) {
    const machine_id = read(path);
    if (machine_id) return { ...parts, machine_id };
  }
  return parts;
}

function read(path) {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}

// Properties of the machine, for statistics and, if the program chooses so, for the fingerprint.

import { readFileSync } from "node:fs";
import { hostname, machine } from "node:os";

const MACHINE_ID_PATHS = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/** Returns the platform name for statistics, such as linux/x86_64. */
export const platformName = () => `${process.platform}/${machine()}`.toLowerCase();

/**
 * Returns fingerprint parts that every machine has, for the setting `fingerprint`: `host_name`, `platform`, and `machine_id` where it can
 * be read. The values stay in this process: the server gets hashes, keyed by the license id. They are used only if the program passes them.
 *
 * @returns {Record<string, string>}
 */
export function machineParts(paths = MACHINE_ID_PATHS) {
  const parts = { host_name: hostname(), platform: platformName() };
  for (const path of paths) {
    const machine_id = readTrimmed(path);
    if (machine_id) return { ...parts, machine_id };
  }
  return parts;
}

function readTrimmed(path) {
  try {
    return readFileSync(path, "latin1").trim();
  } catch {
    return "";
  }
}

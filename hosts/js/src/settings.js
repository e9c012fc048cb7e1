import { refusal } from "./errors.js";

const TEXTS = ["server_url", "product_id", "version_id", "license_id", "keyring", "program"];
const CONFIG = [...TEXTS, "fingerprint", "allow_unpinned", "offline", "timeout"];
const OWN = ["storage", "on_verdict", "shutdown_timeout", "module_url", "transport", "clock"];

/**
 * Reads the settings of the program. The module judges those that are its own; a name that nobody knows is refused here, because a
 * setting that is misspelled would else be one that is silently missing.
 *
 * @param {object} settings
 * @param {string[]} more names that the caller takes by itself
 */
export function read(settings, more = []) {
  if (settings === null || typeof settings !== "object") throw refusal("bad_setting", "the settings are not an object");
  for (const name of Object.keys(settings)) {
    if (![...CONFIG, ...OWN, ...more].includes(name)) throw refusal("bad_setting", `${name} is not a setting`);
  }
  const pick = (names) => Object.fromEntries(names.filter((n) => settings[n] !== undefined).map((n) => [n, settings[n]]));
  const config = pick(CONFIG);
  for (const [name, type] of [["allow_unpinned", "boolean"], ["offline", "boolean"], ["timeout", "number"]]) {
    if (config[name] !== undefined && typeof config[name] !== type) throw refusal("bad_setting", `${name} is not a ${type}`);
  }
  for (const name of TEXTS) {
    if (config[name] !== undefined && typeof config[name] !== "string") throw refusal("bad_setting", `${name} is not a string`);
  }
  if (config.fingerprint !== undefined) config.fingerprint = parts(config.fingerprint);
  const { shutdown_timeout = 5_000, ...own } = pick(OWN);
  if (!(shutdown_timeout >= 0)) throw refusal("bad_setting", "shutdown_timeout is not a number of milliseconds");
  return { config, shutdown_timeout, ...own };
}

/** The parts of a fingerprint, as abi.Part. */
function parts(given) {
  const found = given !== null && typeof given === "object" && !Array.isArray(given) ? Object.entries(given) : undefined;
  if (!found?.every(([, value]) => typeof value === "string")) throw refusal("bad_setting", "fingerprint is not an object of strings");
  return found.map(([name, value]) => ({ name, value }));
}

import { newLicenseError } from "./errors.js";

const STRING_SETTINGS = ["server_url", "product_id", "version_id", "license_id", "keyring", "program"];
const MODULE_SETTINGS = [...STRING_SETTINGS, "fingerprint", "allow_unpinned", "offline", "timeout"];
const HOST_SETTINGS = ["storage", "on_verdict", "shutdown_timeout", "module_url", "transport", "clock"];

/**
 * @typedef {object} Settings
 * @property {Record<string, any>} config the settings of the module, as abi.Config
 * @property {number} shutdown_timeout ms
 * @property {any} [storage]
 * @property {(verdict: import("./errors.js").Answer) => void} [on_verdict]
 * @property {string | URL} [module_url]
 * @property {typeof import("./transport.js").send} [transport]
 * @property {import("./clock.js").Clock} [clock]
 */

/**
 * Reads the settings of the program. The module validates its own settings. Unknown names are refused here, because a misspelled setting
 * would otherwise be silently ignored.
 *
 * @param {any} settings
 * @param {string[]} more names of settings that the caller reads itself
 * @returns {Settings}
 */
export function readSettings(settings, more = []) {
  if (settings === null || typeof settings !== "object") throw newLicenseError("bad_setting", "the settings are not an object");
  for (const name of Object.keys(settings)) {
    if (![...MODULE_SETTINGS, ...HOST_SETTINGS, ...more].includes(name)) throw newLicenseError("bad_setting", `${name} is not a setting`);
  }
  const pick = (names) => Object.fromEntries(names.filter((n) => settings[n] !== undefined).map((n) => [n, settings[n]]));
  const config = pick(MODULE_SETTINGS);
  for (const [name, type] of [
    ["allow_unpinned", "boolean"],
    ["offline", "boolean"],
    ["timeout", "number"],
  ]) {
    if (config[name] !== undefined && typeof config[name] !== type) throw newLicenseError("bad_setting", `${name} is not a ${type}`);
  }
  for (const name of STRING_SETTINGS) {
    if (config[name] !== undefined && typeof config[name] !== "string") throw newLicenseError("bad_setting", `${name} is not a string`);
  }
  if (config.fingerprint !== undefined) config.fingerprint = fingerprintParts(config.fingerprint);
  const { shutdown_timeout = 5_000, ...own } = pick(HOST_SETTINGS);
  if (!(shutdown_timeout >= 0)) throw newLicenseError("bad_setting", "shutdown_timeout is not a number of milliseconds");
  return { config, shutdown_timeout, ...own };
}

/** Converts the fingerprint to a list of abi.Part. */
function fingerprintParts(given) {
  const found = given !== null && typeof given === "object" && !Array.isArray(given) ? Object.entries(given) : undefined;
  if (!found?.every(([, value]) => typeof value === "string"))
    throw newLicenseError("bad_setting", "fingerprint is not an object of strings");
  return found.map(([name, value]) => ({ name, value }));
}

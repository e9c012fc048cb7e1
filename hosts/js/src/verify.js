import { toBase64 } from "./base64.js";
import { LicenseError, newLicenseError } from "./errors.js";

/** One instance of the module for each platform. It keeps no state between calls. */
const instances = new WeakMap();

async function callModule(platform, module_url, call) {
  const starting = instances.get(platform) ?? platform.loadModule(module_url).then((m) => platform.startEngine(m, platform.clock));
  instances.set(platform, starting);
  let reply;
  try {
    reply = (await starting).call(call);
  } catch (error) {
    instances.delete(platform);
    throw error;
  }
  if (reply.error?.code === "internal") instances.delete(platform);
  if (reply.error) throw new LicenseError(reply.error);
  return reply;
}

/**
 * Returns the functions that need neither a client nor a server.
 * @param {import("./host.js").Platform} platform
 */
export const createVerifier = (platform) => ({
  /**
   * Verifies a license file.
   * @param {Uint8Array | string} file the exact contents
   * @param {string} keyring the product's certificate, armored
   * @param {{list?: Uint8Array | string, now?: number, module_url?: string | URL}} [options] list: the product's revocation list, if
   *   available; now: the time of verification, in ms since 1970
   * @returns {Promise<import("./types.js").License>} the license; rejects with a LicenseError when the file is not genuine
   */
  async verify(file, keyring, { list, now = platform.clock.now(), module_url } = {}) {
    const text = list === undefined || typeof list === "string" ? list : new TextDecoder("utf-8", { ignoreBOM: true }).decode(list);
    if (text === "") throw newLicenseError("statement_malformed", "the list is empty"); // the module would take an empty list for none
    const call = { op: "verify", file: toBase64(toBytes(file)), keys: keyring, list: text, now: Math.floor(now) };
    return (await callModule(platform, module_url, call)).license;
  },

  /**
   * Verifies the text of a lease (the `receipt` of a status), also after it has expired.
   * @param {Uint8Array | string} text
   * @param {string} keyring the product's certificate, armored
   * @param {{module_url?: string | URL}} [options]
   * @returns {Promise<import("./types.js").Receipt>} its contents; rejects with a LicenseError when it is not genuine
   */
  async verifyReceipt(text, keyring, { module_url } = {}) {
    return (await callModule(platform, module_url, { op: "receipt", file: toBase64(toBytes(text)), keys: keyring })).receipt;
  },

  /**
   * Returns the fingerprint of a product's root key, which server_url pins after the #.
   * @param {string} keyring the product's certificate, armored
   * @param {{module_url?: string | URL}} [options]
   * @returns {Promise<string>}
   */
  async root(keyring, { module_url } = {}) {
    return (await callModule(platform, module_url, { op: "root", keys: keyring })).root;
  },
});

const toBytes = (data) => (typeof data === "string" ? new TextEncoder().encode(data) : data);

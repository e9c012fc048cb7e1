import { base64 } from "./base64.js";
import { LicenseError, refusal } from "./errors.js";

/** One instance of the module for each platform; it holds nothing between two questions. */
const engines = new WeakMap();

async function ask(platform, module_url, call) {
  const starting = engines.get(platform) ?? platform.loadModule(module_url).then((m) => platform.startEngine(m, platform.clock));
  engines.set(platform, starting);
  let reply;
  try {
    reply = (await starting).call(call);
  } catch (error) {
    engines.delete(platform);
    throw error;
  }
  if (reply.error?.code === "internal") engines.delete(platform);
  if (reply.error) throw new LicenseError(reply.error);
  return reply;
}

/**
 * What can be asked without a client and without a server.
 * @param {import("./host.js").Platform} platform
 */
export const verifier = (platform) => ({
  /**
   * Verifies a license file.
   * @param {Uint8Array | string} file the exact contents
   * @param {string} keyring the product's certificate, armored
   * @param {{list?: Uint8Array | string, now?: number, module_url?: string | URL}} [options] list: the product's list of revoked licenses, if one is
   *   at hand; now: the time to judge by, in ms since 1970
   * @returns {Promise<object>} the license; rejects with a LicenseError that says why it is not genuine
   */
  async verify(file, keyring, { list, now = platform.clock.now(), module_url } = {}) {
    const text = list === undefined || typeof list === "string" ? list : new TextDecoder("utf-8", { ignoreBOM: true }).decode(list);
    if (text === "") throw refusal("statement_malformed", "the list is empty"); // to the module it would be none
    const call = { op: "verify", file: base64(bytes(file)), keys: keyring, list: text, now: Math.floor(now) };
    return (await ask(platform, module_url, call)).license;
  },

  /**
   * Verifies the text of a lease, the `receipt` of a status, also long after it has run out.
   * @param {Uint8Array | string} text
   * @param {string} keyring the product's certificate, armored
   * @param {{module_url?: string | URL}} [options]
   * @returns {Promise<object>} what it proves; rejects with a LicenseError that says why it is not genuine
   */
  async verifyReceipt(text, keyring, { module_url } = {}) {
    return (await ask(platform, module_url, { op: "receipt", file: base64(bytes(text)), keys: keyring })).receipt;
  },

  /**
   * The fingerprint of a product's root key: what server_url pins after the #.
   * @param {string} keyring the product's certificate, armored
   * @param {{module_url?: string | URL}} [options]
   * @returns {Promise<string>}
   */
  async root(keyring, { module_url } = {}) {
    return (await ask(platform, module_url, { op: "root", keys: keyring })).root;
  },
});

const bytes = (data) => (typeof data === "string" ? new TextEncoder().encode(data) : data);

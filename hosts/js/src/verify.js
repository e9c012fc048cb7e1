import { base64 } from "./base64.js";
import { LicenseError } from "./errors.js";

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
   * @param {{now?: number, module_url?: string | URL}} [options] now: the time to judge by, in ms since 1970
   * @returns {Promise<object>} the license; rejects with a LicenseError that says why it is not genuine
   */
  async verify(file, keyring, { now = platform.clock.now(), module_url } = {}) {
    const data = typeof file === "string" ? new TextEncoder().encode(file) : file;
    return (await ask(platform, module_url, { op: "verify", file: base64(data), keys: keyring, now: Math.floor(now) })).license;
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

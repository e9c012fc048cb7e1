// Standard base64, which is how JSON carries bytes into the module.

const CHUNK = 0x6000; // bytes; a multiple of 3, and few enough to be arguments of one call

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  let out = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    out += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return out;
}

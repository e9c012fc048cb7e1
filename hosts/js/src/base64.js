// Standard base64, in which JSON carries bytes into the module.

const CHUNK = 0x6000; // bytes; a multiple of 3, so that chunks concatenate, and few enough for the arguments of one call

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  let out = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    out += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return out;
}

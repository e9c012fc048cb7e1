import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const FILE_NAMES = /\.(txt|list)$/i;
const MAX_FILE = 64 * 1024; // bytes of one license file
const MAX_LIST = 1024 * 1024 + 4096; // bytes of a revocation list
const MAX_FILES = 2 * 1024 * 1024; // bytes of all files together, since one call passes them to the module

/**
 * Reads all files *.txt and *.list of a directory, sorted by name. The contents decide which of them are licenses and which are revocation
 * lists. A missing directory has none.
 *
 * @param {string} directory
 * @returns {Promise<{name: string, data?: Uint8Array, error?: string}[]>}
 */
export async function readDirectory(directory) {
  let names;
  try {
    names = await readdir(directory);
  } catch (error) {
    if (error.code === "ENOENT") return [];
    return [{ name: directory, error: error.message }];
  }
  const files = [];
  let total = 0;
  for (const name of names.filter((n) => FILE_NAMES.test(n)).sort()) {
    try {
      const data = await readLicenseFile(join(directory, name));
      total += data.length;
      if (total > MAX_FILES) throw new Error(`the license files together are larger than ${MAX_FILES} bytes`);
      files.push({ name, data });
    } catch (error) {
      files.push({ name, error: error.message });
    }
  }
  return files;
}

/** Returns the bytes of a license file or a revocation list; of one that is too large, enough for the module to refuse it. */
async function readLicenseFile(path) {
  const found = await stat(path);
  if (!found.isFile()) throw new Error("it is not a file"); // reading a pipe would block
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(Math.min(found.size, MAX_LIST) + 1);
    let length = 0;
    for (let n; length < buffer.length && (n = (await file.read(buffer, length, buffer.length - length)).bytesRead) > 0;) length += n;
    const most = buffer[0] === 0x7b ? length : Math.min(length, MAX_FILE + 1); // a revocation list is JSON and begins with a brace
    return buffer.subarray(0, most);
  } finally {
    await file.close();
  }
}

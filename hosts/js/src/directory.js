import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const NAMES = /\.(txt|list)$/i;
const FILE = 64 * 1024; // bytes of one license file
const LIST = 1024 * 1024 + 4096; // bytes of a list of revoked licenses
const ALL = 2 * 1024 * 1024; // bytes of all of them, since they go into the module in one call

/**
 * Reads all files *.txt and *.list of a directory, by name. Which of them are licenses and which are lists of revoked ones does not depend
 * on the name. A directory that does not exist holds none.
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
  for (const name of names.filter((n) => NAMES.test(n)).sort()) {
    try {
      const data = await read(join(directory, name));
      total += data.length;
      if (total > ALL) throw new Error(`the license files together are larger than ${ALL} bytes`);
      files.push({ name, data });
    } catch (error) {
      files.push({ name, error: error.message });
    }
  }
  return files;
}

/** The bytes of a license file, or of a list; of one that is too large, enough for the module to see that. */
async function read(path) {
  const found = await stat(path);
  if (!found.isFile()) throw new Error("it is not a file"); // a pipe must not be waited for
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(Math.min(found.size, LIST) + 1);
    let length = 0;
    for (let n; length < buffer.length && (n = (await file.read(buffer, length, buffer.length - length)).bytesRead) > 0; ) length += n;
    const most = buffer[0] === 0x7b ? length : Math.min(length, FILE + 1); // a list is JSON and begins with a brace, a license file does not
    return buffer.subarray(0, most);
  } finally {
    await file.close();
  }
}

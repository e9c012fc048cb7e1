import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

const ENOUGH = 65_537; // bytes: one more than a license file may have, so that the module can say so

/**
 * Reads the TXT files of a directory, by name. A missing directory has none.
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
  return Promise.all(names.filter((name) => /\.txt$/i.test(name)).sort().map((name) => readOne(directory, name)));
}

async function readOne(directory, name) {
  let file;
  try {
    file = await open(join(directory, name));
    const buffer = Buffer.alloc(ENOUGH);
    let length = 0;
    for (let n; length < ENOUGH && (n = (await file.read(buffer, length, ENOUGH - length)).bytesRead) > 0; ) length += n;
    return { name, data: buffer.subarray(0, length) };
  } catch (error) {
    return { name, error: error.message };
  } finally {
    await file?.close();
  }
}

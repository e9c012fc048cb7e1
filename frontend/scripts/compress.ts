import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import type { Plugin } from "vite";

const SMALL = 1024; // bytes; below that, compression saves less than its header costs
const COMPRESSIBLE = /\.(js|css|html|svg|wasm|json)$/;

/** Writes compressed copies beside the built files. The server sends them unchanged. */
export function compress(): Plugin {
  let out = "";
  return {
    name: "compress",
    apply: "build",
    configResolved: (config) => {
      out = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      for (const name of await readdir(out, { recursive: true })) {
        const path = join(out, name);
        if (!COMPRESSIBLE.test(name) || (await stat(path)).size < SMALL) continue;
        const bytes = await readFile(path);
        await writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: 9 }));
        await writeFile(`${path}.br`, await promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

// The types that the verifier, the platform and the pages share. This file imports nothing of the app, so that none of them needs another.

import type { Answer, License } from "onelicense";

/** The result for one license file: the license, or the verdict that refused it. */
export type Verdict = { genuine: true; license: License } | { genuine: false; answer: Answer };

export interface Result {
  name: string;
  /** Bytes; unknown for a file that the desktop program read. */
  size?: number;
  verdict: Verdict;
}

/** A license file that only the desktop program can read and verify. */
export interface LocalFile {
  name: string;
  /** Verifies the file with a keyring; with an empty keyring, with the keys of the products on the server. */
  verify: (keyring: string) => Promise<Result>;
}

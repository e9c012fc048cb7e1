// What a page wants from the machine that it is shown on and the web does not offer in the same way everywhere. The desktop window puts its
// own in place of the browser's.

import type { Result } from "@/verifier/files";

import { browser } from "./browser";
import { desktop, native } from "./desktop";

export interface Platform {
  /** Where programs reach the server whose pages these are: an origin, such as https://licenses.example.com. */
  serverOrigin(): string;
  /** Saves a file where the person wants it. */
  saveFile(name: string, contents: Uint8Array<ArrayBuffer> | string, type: string): Promise<void>;
  copy(text: string): Promise<void>;
  /** Hears of license files that were opened with the program, until the returned function is called. A browser opens none. */
  onOpened?(show: (files: LocalFile[]) => void): () => void;
}

/** A license file that the page cannot read itself: the program judges it, without a keyring by the keys of the server's products. */
export interface LocalFile {
  name: string;
  judge: (keyring: string) => Promise<Result>;
}

export const platform: Platform = native ? desktop(native) : browser;

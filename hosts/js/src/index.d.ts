import type { Storage } from "./types.js";

export * from "./types.js";

/** Stores the state in IndexedDB, locked by a Web Lock. Needs a secure context. */
export class WebStorage implements Storage {
  /** @param name unique name of the state in its origin */
  constructor(name: string);
  open(): Promise<string>;
  save(state: string): Promise<void>;
  close(): Promise<void>;
}

import type { Storage } from "./types.js";

export * from "./types.js";

/** Keeps the state in IndexedDB, under a Web Lock. Needs a secure context. */
export class WebStorage implements Storage {
  /** @param name of the state among others of the same origin */
  constructor(name: string);
  open(): Promise<string>;
  save(state: string): Promise<void>;
  close(): Promise<void>;
}

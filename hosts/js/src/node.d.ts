import type { Storage } from "./types.js";

export * from "./types.js";

/** Keeps the state in a file of a private folder, which one client at a time can have. */
export class FileStorage implements Storage {
  /** @param folder made with mode 0700 if it is missing */
  constructor(folder: string);
  open(): Promise<string>;
  save(state: string): Promise<void>;
  saveNow(state: string): void;
  close(): Promise<void>;
  closeNow(): void;
}

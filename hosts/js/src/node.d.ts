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

/**
 * Parts for the setting `fingerprint` that every machine has: `host_name`, `platform`, and `machine_id` where it can be read. The values stay
 * in this process: the server gets hashes under the license's id. Nothing of this is used unless the program says so.
 */
export function machineParts(): Record<string, string>;

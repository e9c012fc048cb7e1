import type { Storage } from "./types.js";

export * from "./types.js";

/** Stores the state in a file of a private folder, which one client at a time can open. */
export class FileStorage implements Storage {
  /** @param folder created with mode 0700 if it is missing */
  constructor(folder: string);
  open(): Promise<string>;
  save(state: string): Promise<void>;
  saveNow(state: string): void;
  close(): Promise<void>;
  closeNow(): void;
}

/**
 * Returns fingerprint parts that every machine has, for the setting `fingerprint`: `host_name`, `platform`, and `machine_id` where it can
 * be read. The values stay in this process: the server gets hashes, keyed by the license id. They are used only if the program passes them.
 */
export function machineParts(): Record<string, string>;

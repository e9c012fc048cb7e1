// Reading of dropped and chosen license files.

import type { LocalFile, Result } from "./types";
import { refusedVerdict, verifyFile } from "./verifyFile";

/** Bytes read of a file: one more than a license file may have, enough for the module to refuse it as too large. */
const MAX_READ = 65_537;

/** A file to verify: one that the page reads, or one that the desktop program verifies itself. */
export interface Candidate {
  name: string;
  size?: number;
  read: () => Promise<Uint8Array>;
  /** Verifies in the desktop program; with an empty keyring, with the keys of the products on the server. */
  verifyLocally?: (keyring: string) => Promise<Result>;
}

/** Returns a candidate that reads at most MAX_READ bytes of a file. */
export const toCandidate = (file: File, name = file.webkitRelativePath || file.name): Candidate => ({
  name,
  size: file.size,
  read: async () => new Uint8Array(await file.slice(0, MAX_READ).arrayBuffer()),
});

/** Returns a candidate for a file that was opened with the desktop program. */
export const fromLocalFile = ({ name, verify: judge }: LocalFile): Candidate => ({
  name,
  verifyLocally: judge,
  read: () => Promise.reject(new Error("only the desktop program can read this file")),
});

/** Verifies a candidate. A file that cannot be read gets the verdict file_unreadable. */
export async function verifyCandidate({ name, size, read, verifyLocally: program }: Candidate, keyring: string): Promise<Result> {
  if (program) return program(keyring).catch((error) => ({ name, verdict: refusedVerdict(error) }));
  let bytes: Uint8Array;
  try {
    bytes = await read();
  } catch (error) {
    return { name, size, verdict: refusedVerdict(error, "file_unreadable") };
  }
  return { name, size, verdict: await verifyFile(bytes, keyring) };
}

const isLicenseFileName = (name: string) => /\.txt$/i.test(name);

/** Returns the license files of a chosen folder, by name. */
export const fromFolder = (files: Iterable<File>): Candidate[] =>
  [...files]
    .filter((file) => isLicenseFileName(file.name))
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((file) => toCandidate(file));

/**
 * Returns the dropped license files, and the names of dropped folders without any. All entries are taken before the first await, because
 * the browser drops them after the event.
 */
export async function readDrop(transfer: DataTransfer): Promise<{ candidates: Candidate[]; empty: string[] }> {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const taken = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const candidates: Candidate[] = [];
  const empty: string[] = [];
  for (const { entry, file } of taken) {
    if (entry?.isDirectory) {
      const found = await readFolder(entry as FileSystemDirectoryEntry);
      if (found.length === 0) empty.push(entry.name);
      candidates.push(...found);
    } else if (file) {
      candidates.push(toCandidate(file));
    }
  }
  return { candidates, empty };
}

/** Reads a folder without its subfolders, as the hosts do. */
async function readFolder(folder: FileSystemDirectoryEntry): Promise<Candidate[]> {
  const entries: FileSystemEntry[] = [];
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (some.length === 0) break; // a reader returns at most a hundred at a time
    entries.push(...some);
  }
  const files = entries.filter((entry) => entry.isFile && isLicenseFileName(entry.name)).toSorted((a, b) => a.name.localeCompare(b.name));
  return files.map((entry) => ({
    name: `${folder.name}/${entry.name}`,
    read: async () => {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      return toCandidate(file).read();
    },
  }));
}

// The files that a person drops or chooses, as far as they have to be read.

import type { LocalFile, Result } from "./types";
import { refusedVerdict, verifyFile } from "./verifyFile";

/** One more byte than a license file may have: so much is enough for the module to say that it is too large. */
const MAX_READ = 65_537;

/** Something to be judged: a file that the page reads, or one that the desktop program judges itself. */
export interface Candidate {
  name: string;
  size?: number;
  read: () => Promise<Uint8Array>;
  /** Without a keyring: by the keys of the server's products. */
  verifyLocally?: (keyring: string) => Promise<Result>;
}

/** A file is never read beyond what a license can be, however large it is. */
export const toCandidate = (file: File, name = file.webkitRelativePath || file.name): Candidate => ({
  name,
  size: file.size,
  read: async () => new Uint8Array(await file.slice(0, MAX_READ).arrayBuffer()),
});

/** A file that was opened with the desktop program. */
export const fromLocalFile = ({ name, verify: judge }: LocalFile): Candidate => ({
  name,
  verifyLocally: judge,
  read: () => Promise.reject(new Error("only the program reads it")),
});

/** Judges a file. One that has gone or may not be read gets its verdict too. */
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

/** The license files among what was chosen from a folder. */
export const fromFolder = (files: Iterable<File>): Candidate[] =>
  [...files]
    .filter((file) => isLicenseFileName(file.name))
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((file) => toCandidate(file));

/**
 * What was dropped. A folder gives its license files, and itself when it has none: then nothing can be read. The entries have to be taken before
 * anything is waited for: the browser forgets them after the event.
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

/** Hosts look into a folder and not below it; so does this. */
async function readFolder(folder: FileSystemDirectoryEntry): Promise<Candidate[]> {
  const entries: FileSystemEntry[] = [];
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (some.length === 0) break; // a reader gives a hundred at a time
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

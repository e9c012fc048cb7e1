import type { LocalFile } from "@/verifier/types";

/** Functions of the machine that the web does not offer in the same way everywhere. The desktop window has its own implementation. */
export interface Platform {
  /** Returns the origin at which programs reach the server, such as https://licenses.example.com. */
  serverOrigin(): string;
  /** Saves a file where the user chooses. */
  saveFile(name: string, contents: Uint8Array<ArrayBuffer> | string, type: string): Promise<void>;
  copy(text: string): Promise<void>;
  /** Calls show for license files that were opened with the program, until the returned function is called. Browsers do not have it. */
  onOpened?(show: (files: LocalFile[]) => void): () => void;
}

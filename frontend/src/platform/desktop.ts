// The platform of the desktop window. Its counterpart is desktop/app/native.go.

import type { LocalFile } from "@/verifier/types";

import type { Platform } from "./types";

/** The methods of desktop/app.Native. A test in that package compares the names. */
interface Native {
  Opened(): Promise<Chosen[]>;
  Choose(): Promise<Chosen[]>;
  VerifyFile(id: number, keyring: string): Promise<Awaited<ReturnType<LocalFile["verify"]>>>;
  ChooseKeyring(): Promise<string>;
  SaveFile(name: string, base64: string): Promise<boolean>;
  Copy(text: string): Promise<void>;
  ServerLocation(): Promise<{ server: string; address: string; secret?: string }>;
  UseServer(where: string): Promise<void>;
}

interface Chosen {
  id: number;
  name: string;
}

interface Window {
  go?: { app?: { Native?: Native } };
  runtime?: { EventsOn(name: string, hear: () => void): void };
}

const { go, runtime } = globalThis as Window;

/** The Go methods of the desktop program; undefined in a browser. */
export const native = go?.app?.Native;

const CHUNK_BYTES = 0x8000; // bytes passed as arguments of one call

function base64(contents: Uint8Array<ArrayBuffer> | string) {
  const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return btoa(text);
}

export function desktop(native: Native): Platform {
  let show: ((files: LocalFile[]) => void) | undefined;
  let waiting: LocalFile[] = [];
  const toLocalFile = ({ id, name }: Chosen): LocalFile => ({ name, verify: (keyring) => native.VerifyFile(id, keyring) });

  /** Opens the verify page, and passes the opened files to it once it is mounted. */
  async function showOpenedFiles() {
    const files = (await native.Opened()).map(toLocalFile);
    if (files.length === 0) return;
    location.hash = "#/verify";
    if (show) show(files);
    else waiting = files;
  }
  runtime?.EventsOn("opened", () => void showOpenedFiles());
  void showOpenedFiles();

  return {
    serverOrigin: () => document.querySelector<HTMLMetaElement>("meta[name=onelicense-server]")?.content || location.origin,
    async saveFile(name, contents) {
      await native.SaveFile(name, base64(contents));
    },
    copy: (text) => native.Copy(text),
    onOpened(hear) {
      show = hear;
      if (waiting.length > 0) hear(waiting);
      waiting = [];
      return () => {
        show = undefined;
      };
    },
  };
}

// The client core in this page: the module that licensed programs run, in the host that they run it with. The host compares it with its known
// hash before it runs, and nothing here judges anything.

import { type Answer, type Code, LicenseError, verdict, verify } from "onelicense";

import type { Verdict } from "./types";

/** Judges the contents of one license file by a product's certificate. */
export async function verifyFile(file: Uint8Array, keyring: string): Promise<Verdict> {
  try {
    return { genuine: true, license: await verify(file, keyring) };
  } catch (error) {
    return refusedVerdict(error);
  }
}

/** What went wrong, as a verdict with its advice; `code` for what is no verdict yet. */
export function refusedVerdict(error: unknown, code: Code = "internal"): Verdict {
  if (error instanceof LicenseError) return { genuine: false, answer: error.verdict };
  const { class: kind, allowContinue, message, do: advice } = verdict(code);
  const detail = error instanceof Error ? error.message : String(error);
  return { genuine: false, answer: { ok: false, code, class: kind, allow_continue: allowContinue, message, do: advice, detail } as Answer };
}

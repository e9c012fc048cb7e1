// Verification with the client core: the same module and host that licensed programs run. The host checks the hash of the module before it
// runs; no licensing rule is implemented here.

import { type Answer, type Code, LicenseError, verdict, verify } from "onelicense";

import type { Verdict } from "./types";

/** Verifies the contents of one license file with a product's certificate. */
export async function verifyFile(file: Uint8Array, keyring: string): Promise<Verdict> {
  try {
    return { genuine: true, license: await verify(file, keyring) };
  } catch (error) {
    return refusedVerdict(error);
  }
}

/** Converts an error to a verdict. `code` is used for errors that are not a LicenseError. */
export function refusedVerdict(error: unknown, code: Code = "internal"): Verdict {
  if (error instanceof LicenseError) return { genuine: false, answer: error.verdict };
  const { class: kind, allowContinue, message, do: advice } = verdict(code);
  const detail = error instanceof Error ? error.message : String(error);
  return { genuine: false, answer: { ok: false, code, class: kind, allow_continue: allowContinue, message, do: advice, detail } as Answer };
}

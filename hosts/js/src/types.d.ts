// What Node and browsers share. Members of data are spelled as in spec/abi.md and spec/verdicts.md, the same in every language.

import type { Code, VerdictClass } from "./verdicts.js";

/** An answer of the client core. */
export interface Answer {
  /** Whether what was asked is granted. */
  readonly ok: boolean;
  /** A row of spec/verdicts.md; a newer server may send one that this version does not list. */
  readonly code: Code | (string & {});
  readonly class: VerdictClass;
  /** Whether the program may go on, also when this was refused. */
  readonly allow_continue: boolean;
  /** What happened, for people. */
  readonly message: string;
  /** What to do about it, for people. */
  readonly do: string;
  /** What decided it. */
  readonly detail?: string;
  readonly license?: string;
  readonly context?: string;
  readonly entitlement?: string;
  /** When to come back, in ms since 1970. */
  readonly retry_at?: number;
  /** The license file that this is about. */
  readonly file?: string;
  /** The setting `offline` lets the program start, or go on, in spite of it. */
  readonly offline_tolerated?: boolean;
}

/** A refusal. `message` is the verdict's message and detail; `verdict` the whole of it. Tell refusals apart by `code`. */
export class LicenseError extends Error {
  constructor(answer: Answer);
  readonly name: "LicenseError";
  readonly verdict: Answer;
  readonly code: Answer["code"];
  readonly class: VerdictClass;
  readonly allow_continue: boolean;
  readonly do: string;
  readonly detail?: string;
  readonly license?: string;
  readonly context?: string;
  readonly entitlement?: string;
  readonly retry_at?: number;
  readonly file?: string;
  readonly offline_tolerated?: boolean;
}

/** How a client stands. Times are ms since 1970. */
export interface Status {
  /** Fingerprint of the product's root key. */
  readonly root?: string;
  readonly pinned: boolean;
  readonly licenses?: readonly LicenseStatus[];
  /** One verdict for each license file that was given. */
  readonly files?: readonly Answer[];
}

export interface LicenseStatus {
  readonly license: string;
  readonly activation: string;
  readonly state: string;
  readonly verdict: Answer;
  readonly generation?: number;
  readonly number?: number;
  readonly counters: Counters;
  /** Counted here and not confirmed by the server yet. */
  readonly pending: number;
  readonly expires?: number;
  readonly not_after?: number;
  readonly reservations?: readonly { readonly entitlement: string; readonly context: string; readonly until: number }[];
  /** Public key of the relay that answers in the server's name. */
  readonly relay?: string;
  /** The last lease as it was signed, for verifyReceipt. */
  readonly receipt?: string;
}

/** The server's account of calls. */
export interface Counters {
  /** Of the license, all activations together. */
  readonly used: number;
  readonly allowance: number;
  /** Of this activation, as accepted. */
  readonly counted: number;
  /** Of this activation, paid for ahead. */
  readonly granted?: number;
}

/** What a lease proves: that the server has taken these counts of this activation, in answer to this request. */
export interface Receipt {
  readonly product: string;
  readonly license: string;
  /** Hash of the installation's own key. */
  readonly activation: string;
  /** Of the chain of leases. */
  readonly generation: number;
  /** Of the lease in its chain. */
  readonly number: number;
  /** Hash of the request that the device had signed. */
  readonly request: string;
  /** The server's, in ms since 1970. */
  readonly time: number;
  readonly counters: Counters;
  /** Fingerprint of the product's root key. */
  readonly root: string;
  /** Fingerprint of the key that signed. */
  readonly key: string;
}

/** A verified license file. */
export interface License {
  readonly id: string;
  readonly contexts: readonly string[];
  /** `slots` is left out when the file states none. */
  readonly entitlements: readonly { readonly name: string; readonly slots?: number }[];
  /** Fingerprint of the product's root key. */
  readonly root: string;
  /** Fingerprint of the key that signed. */
  readonly key: string;
  /** When, in ms since 1970. */
  readonly signed: number;
}

/** Where the state is kept between runs. */
export interface Storage {
  /** Takes the storage for one client and gives the saved state, or "". Rejects with in_use or storage_failed. */
  open(): Promise<string>;
  /** Replaces the state; when it resolves, the new one survives a power cut. Called for one state after the other. */
  save(state: string): Promise<void>;
  /** Lets another client have the storage. */
  close(): Promise<void>;
  /** The same at once, for a process that is ending; optional. */
  saveNow?(state: string): void;
  closeNow?(): void;
}

/** Posts `body` as text to `url`, within `timeout` ms. Rejects when there is no answer; `retry_after` is in seconds. */
export type Transport = (request: { url: string; body: string; timeout: number; signal?: AbortSignal }) => Promise<{
  status: number;
  body: string;
  retry_after?: number;
}>;

/** Time, in ms; tests put a simulated one here. */
export interface Clock {
  now(): number;
  mono(): number;
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export interface CommonSettings {
  /** `https://host/api/v1#ROOT`; what follows # pins the product's root key and never leaves the program. */
  server_url: string;
  /** 24 hex digits. */
  product_id: string;
  version_id: string;
  /** Go on without a pinned root. On loopback that is always allowed, with a warning. */
  allow_unpinned?: boolean;
  /** Of one exchange with the server, in ms; default 10 000. */
  timeout?: number;
  /** How long shutdown waits for the server, in ms; default 5 000. */
  shutdown_timeout?: number;
  /**
   * What tells this machine from others, by name, at most 16 parts; such as `machineParts()` in Node, or a dongle's number. The values stay
   * here: the server gets hashes.
   */
  fingerprint?: Readonly<Record<string, string>>;
  /** The program's own version; told to the server if the policy asks for statistics. */
  program?: string;
  /**
   * For a machine that reaches no server; default false. The program starts, and is not stopped later, when all that is wrong is that nothing
   * was heard from it (unreachable, server_error) and the last lease, if there was one, has run out (lease_expired), so that the activation or
   * the renewal can be made by hand: exportRequest, then importAnswer. Until then calls are answered with their verdict. All else fails as
   * without it.
   */
  offline?: boolean;
  /**
   * Where the state is kept. Node: a folder, by default one of this license in the user's data folder. Browser: a name in IndexedDB. Or a
   * Storage of the program's own.
   */
  storage?: string | Storage;
  /**
   * Hears the verdicts that answer no call: the license was suspended, the grace has begun, a warning. Without a handler those with which the
   * program may go on are warned of on the console, and the others are thrown where nobody catches them: that ends a Node process, and
   * reaches `window.onerror` in a browser.
   */
  on_verdict?: (verdict: Answer) => void;
  /** Where client.wasm is, if it is not beside the package. */
  module_url?: string | URL;
  /** Replaces fetch. */
  transport?: Transport;
  /** Replaces the system's clock. */
  clock?: Clock;
}

export interface ClientSettings extends CommonSettings {
  license_id: string;
  /** The product's certificate, armored, instead of the fingerprint in server_url. */
  keyring?: string;
}

export interface ReserveOptions {
  /** Ms for which the server is asked to leave the slot here, also while it is not reached. */
  borrow?: number;
}

export interface LicensingSettings extends CommonSettings {
  /** The product's certificate, armored. */
  keyring: string;
  /** Node: the directory with the license files and lists of revoked licenses, *.txt and *.list; a missing one has none. */
  directory?: string;
  /** License files, and lists, by their contents: File objects of a browser, or bytes with a name. Instead of a directory. */
  files?: Iterable<{ name: string; data: string | Uint8Array | ArrayBuffer } | { name: string; arrayBuffer(): Promise<ArrayBuffer> }>;
  /** Called by check with what it refuses, instead of rejecting. */
  on_failure?: (error: LicenseError) => void | Promise<void>;
}

/**
 * A program's license, by four values. It activates as it is created, counts what is consumed, and keeps itself in sync with the server
 * in the background. Every method that is refused rejects with a LicenseError.
 */
export class OneLicenseClient {
  private constructor();
  /**
   * Activates the license, or goes on from the stored state; waits for the activation delay if there is one.
   * @throws LicenseError and leaves nothing open: wrong ids, server not reached and no grace left, expired, limits reached, in_use, …
   */
  static create(settings: ClientSettings): Promise<OneLicenseClient>;
  /**
   * Counts n calls, all or none. With the trigger `interval` no network is used; it waits only when the program counts faster than the disk
   * can write it down. With `every_call` the server's answer is the answer.
   * @param n a whole number from 1 to 1 000 000 000; default 1
   */
  consume(n?: number): Promise<void>;
  /** Takes one slot of an entitlement in a context. The server is asked for the first hold; more are counted here. */
  reserve(context: string, entitlement: string, options?: ReserveOptions): Promise<void>;
  /** Gives one hold back; the server hears of the last one. What is not held is refused with not_reserved. */
  release(context: string, entitlement: string): Promise<void>;
  /** Passes when the entitlement is reserved, in the context or, if that is null, in any, and its license is still good. Asks nobody. */
  check(context: string | null | undefined, entitlement: string): Promise<void>;
  /** Asks the server now, whatever the trigger. */
  sync(): Promise<Answer>;
  /**
   * Sets the program's own numbers, at most 16, in place of those before. They go with the next sync, if the policy asks for statistics.
   * @param numbers whole numbers by their names
   */
  statistics(numbers: Readonly<Record<string, number>>): Promise<void>;
  /**
   * The request that the server is to answer, to be carried to it by hand (POST it to server_url + `/sync`). It is on the disk, and stays the
   * same until it is answered.
   */
  exportRequest(): Promise<string>;
  /** Takes the server's answer that was carried back. Rejects with what it says, or why it is not to be believed; nothing has changed then. */
  importAnswer(text: string): Promise<void>;
  /** Gives the activation back, so that another machine can have it. The client must still be shut down. */
  deactivate(): Promise<void>;
  /** How the client stands. Asks nobody. @throws LicenseError not_running */
  status(): Status;
  /**
   * Reports what is left, releases what is held and closes. Never rejects: what could not be reported is stored and goes with the next run, and the
   * answer says why. A second call gives the first one's answer.
   */
  shutdown(): Promise<Answer>;
}

/** Entitlements by signed license files. `reserve` answers with an error object; `check` guards the code that needs it. */
export class Licensing {
  constructor(settings: LicensingSettings);
  /** Loads the files and starts. A file that is refused is named in status(). @throws LicenseError */
  initialize(): Promise<this>;
  /** Nothing when it is granted; else the error object. Never rejects. */
  reserve(context: string, entitlement: string, options?: ReserveOptions): Promise<LicenseError | undefined>;
  /** False, and nothing changed, when there was nothing to give back. */
  unreserve(context: string, entitlement: string): Promise<boolean>;
  /** Passes when reserved, in the context or, if that is null, in any; else calls on_failure or, without one, rejects. */
  check(context: string | null | undefined, entitlement: string): Promise<void>;
  /** As of OneLicenseClient. @throws LicenseError */
  statistics(numbers: Readonly<Record<string, number>>): Promise<void>;
  /** As of OneLicenseClient, for the first license. @throws LicenseError */
  exportRequest(): Promise<string>;
  /** As of OneLicenseClient. @throws LicenseError */
  importAnswer(text: string): Promise<void>;
  status(): Status;
  /** Releases everything and closes; later calls are refused with not_running. Never rejects. */
  shutdown(): Promise<Answer>;
}

/** `new Licensing(settings).initialize()` */
export function initialize(settings: LicensingSettings): Promise<Licensing>;

/**
 * Verifies a license file without any server.
 * @param file its exact contents
 * @param keyring the product's certificate, armored
 * @param options list: the product's list of revoked licenses, if one is at hand; now: the time to judge by, in ms since 1970
 * @throws LicenseError that says why it is not genuine
 */
export function verify(
  file: Uint8Array | string,
  keyring: string,
  options?: { list?: Uint8Array | string; now?: number; module_url?: string | URL },
): Promise<License>;

/**
 * Verifies the text of a lease, the `receipt` of a status, without any server: also long after it has run out.
 * @param keyring the product's certificate, armored
 * @throws LicenseError that says why it is not genuine
 */
export function verifyReceipt(text: Uint8Array | string, keyring: string, options?: { module_url?: string | URL }): Promise<Receipt>;

/**
 * The fingerprint of a product's root key: what server_url pins after the #.
 * @param keyring the product's certificate, armored
 * @throws LicenseError keyring_invalid
 */
export function root(keyring: string, options?: { module_url?: string | URL }): Promise<string>;

/** Keeps the state for as long as the process or page lives. */
export class MemoryStorage implements Storage {
  constructor(state?: string);
  state: string;
  open(): Promise<string>;
  save(state: string): Promise<void>;
  saveNow(state: string): void;
  close(): Promise<void>;
  closeNow(): void;
}

/** The version of this package. */
export const version: string;

/** SHA-256 of the one module that this package runs, in hex. */
export const moduleSha256: string;

export { codes, verdict, verdicts } from "./verdicts.js";
export type { Code, Verdict, VerdictClass } from "./verdicts.js";

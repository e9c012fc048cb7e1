// Declarations that Node and browsers share. Members of data are spelled as in spec/abi.md and spec/verdicts.md, the same in every
// language.

import type { Code, VerdictClass } from "./verdicts.js";

/** An answer of the client core. */
export interface Answer {
  /** Whether the request is granted. */
  readonly ok: boolean;
  /** A row of spec/verdicts.md; a newer server may send one that this version does not list. */
  readonly code: Code | (string & {});
  readonly class: VerdictClass;
  /** Whether the program may continue, also after a refusal. */
  readonly allow_continue: boolean;
  /** Human-readable message. */
  readonly message: string;
  /** Human-readable advice. */
  readonly do: string;
  /** The reason in this case. */
  readonly detail?: string;
  readonly license?: string;
  readonly context?: string;
  readonly entitlement?: string;
  /** Earliest time of the next attempt, in ms since 1970. */
  readonly retry_at?: number;
  /** Name of the license file. */
  readonly file?: string;
  /** Whether the setting `offline` lets the program start or continue despite this verdict. */
  readonly offline_tolerated?: boolean;
}

/** Error of a refused request. `message` is the message and detail of the `verdict`. Programs distinguish refusals by `code`. */
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

/** Status of a client. Times are ms since 1970. */
export interface Status {
  /** Fingerprint of the product's root key. */
  readonly root?: string;
  readonly pinned: boolean;
  readonly licenses?: readonly LicenseStatus[];
  /** One verdict for each license file. */
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
  /** Calls counted locally that the server has not confirmed yet. */
  readonly pending: number;
  readonly expires?: number;
  readonly not_after?: number;
  readonly reservations?: readonly { readonly entitlement: string; readonly context: string; readonly until: number }[];
  /** Public key of the relay that answers on behalf of the server. */
  readonly relay?: string;
  /** The last signed lease, for verifyReceipt. */
  readonly receipt?: string;
}

/** Calls as counted by the server. */
export interface Counters {
  /** Calls used by all activations of the license. */
  readonly used: number;
  readonly allowance: number;
  /** Calls of this activation that the server has accepted. */
  readonly counted: number;
  /** Calls of this activation that are charged, including prepaid ones. */
  readonly granted?: number;
}

/** Contents of a verified lease. They prove that the server has accepted these counts of this activation in answer to this request. */
export interface Receipt {
  readonly product: string;
  readonly license: string;
  /** Hash of the device key. */
  readonly activation: string;
  /** Number of the chain of leases. */
  readonly generation: number;
  /** Number of the lease in its chain. */
  readonly number: number;
  /** Hash of the signed request. */
  readonly request: string;
  /** Time of the server, in ms since 1970. */
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
  /** `slots` is undefined when the file states no number. */
  readonly entitlements: readonly { readonly name: string; readonly slots?: number }[];
  /** Fingerprint of the product's root key. */
  readonly root: string;
  /** Fingerprint of the key that signed. */
  readonly key: string;
  /** Time of the signature, in ms since 1970. */
  readonly signed: number;
}

/** Stores the state between runs. */
export interface Storage {
  /** Locks the storage for one client and resolves to the saved state, or "". Rejects with in_use or storage_failed. */
  open(): Promise<string>;
  /** Replaces the state, and resolves once the new one survives a power cut. Calls do not overlap. */
  save(state: string): Promise<void>;
  /** Unlocks the storage. */
  close(): Promise<void>;
  /** Saves synchronously, for a process that is exiting; optional. */
  saveNow?(state: string): void;
  closeNow?(): void;
}

/** Posts `body` as text to `url` within `timeout` ms. Rejects when there is no answer; `retry_after` is in seconds. */
export type Transport = (request: { url: string; body: string; timeout: number; signal?: AbortSignal }) => Promise<{
  status: number;
  body: string;
  retry_after?: number;
}>;

/** Clock and timers, in ms. Tests use a simulated one. */
export interface Clock {
  now(): number;
  mono(): number;
  set(run: () => void, ms: number): unknown;
  clear(timer: unknown): void;
}

export interface CommonSettings {
  /** `https://host/api/v1#ROOT`; the part after # pins the product's root key and is never sent. */
  server_url: string;
  /** 24 hex digits. */
  product_id: string;
  version_id: string;
  /** Allows a server_url without a pinned root. On loopback that is always allowed, with a warning. */
  allow_unpinned?: boolean;
  /** Timeout of one exchange with the server, in ms; default 10 000. */
  timeout?: number;
  /** Time that shutdown waits for the server, in ms; default 5 000. */
  shutdown_timeout?: number;
  /**
   * Properties that identify this machine, by name, at most 16; such as `machineParts()` in Node, or the serial number of a dongle. The
   * values stay in this process: the server gets hashes.
   */
  fingerprint?: Readonly<Record<string, string>>;
  /** Version of the program; sent to the server if the policy asks for statistics. */
  program?: string;
  /**
   * For a machine without a connection to the server; default false. The program starts and keeps running although the server is
   * unreachable (unreachable, server_error) and the last lease, if any, has expired (lease_expired), so that the activation or the renewal
   * can be made by hand with exportRequest and importAnswer. Until then calls are refused with their verdict. All other refusals apply as
   * usual.
   */
  offline?: boolean;
  /**
   * Location of the state. Node: a folder, by default one for this license in the user's data folder. Browser: a name in IndexedDB. Or a
   * custom Storage.
   */
  storage?: string | Storage;
  /**
   * Called with verdicts that answer no call: the license was suspended, the grace has begun, a warning. Without a handler, those with
   * which the program may continue are console warnings. The others are uncaught errors: they end a Node process and reach
   * `window.onerror` in a browser.
   */
  on_verdict?: (verdict: Answer) => void;
  /** URL of client.wasm, if it is not in the package. */
  module_url?: string | URL;
  /** Replaces fetch. */
  transport?: Transport;
  /** Replaces the system's clock. */
  clock?: Clock;
}

export interface ClientSettings extends CommonSettings {
  license_id: string;
  /** Armored certificate of the product, instead of the fingerprint in server_url. */
  keyring?: string;
}

export interface ReserveOptions {
  /** Milliseconds for which the slot stays reserved without contact to the server. */
  borrow?: number;
}

export interface LicensingSettings extends CommonSettings {
  /** Armored certificate of the product. */
  keyring: string;
  /** Node: the directory of license files and revocation lists, *.txt and *.list; a missing directory has none. */
  directory?: string;
  /** Contents of license files and revocation lists, instead of a directory: File objects of a browser, or bytes with a name. */
  files?: Iterable<{ name: string; data: string | Uint8Array | ArrayBuffer } | { name: string; arrayBuffer(): Promise<ArrayBuffer> }>;
  /** Called by check with its refusals, instead of rejecting. */
  on_failure?: (error: LicenseError) => void | Promise<void>;
}

/**
 * The client of a program with one license. It activates when it is created, counts calls, and syncs with the server in the background.
 * Methods reject with a LicenseError when the request is refused.
 */
export class OneLicenseClient {
  private constructor();
  /**
   * Activates the license, or continues from the stored state. Waits for the activation delay if the policy has one.
   * @throws LicenseError and leaves nothing open: wrong ids, server unreachable and no grace left, expired, limits reached, in_use, …
   */
  static create(settings: ClientSettings): Promise<OneLicenseClient>;
  /**
   * Counts n calls, all or none. With the trigger `interval` no network is used; it waits only when the program counts faster than the disk
   * can write. With `every_call` the server decides.
   * @param n a whole number from 1 to 1 000 000 000; default 1
   */
  consume(n?: number): Promise<void>;
  /** Reserves one slot of an entitlement in a context. The first use reserves on the server, further ones are counted locally. */
  reserve(context: string, entitlement: string, options?: ReserveOptions): Promise<void>;
  /** Releases one use; the last one releases the slot on the server. Rejects with not_reserved when nothing is reserved. */
  release(context: string, entitlement: string): Promise<void>;
  /** Resolves when the entitlement is reserved in the context, or in any when that is null, and its license is valid. Sends no request. */
  check(context: string | null | undefined, entitlement: string): Promise<void>;
  /** Syncs with the server now, with any trigger. */
  sync(): Promise<Answer>;
  /**
   * Replaces the program's own statistics, at most 16 numbers. The next sync sends them if the policy asks for statistics.
   * @param numbers whole numbers by name
   */
  statistics(numbers: Readonly<Record<string, number>>): Promise<void>;
  /**
   * Returns a request for the server, to be transferred by hand (POST it to server_url + `/sync`). It is stored, and stays the same until
   * it is answered.
   */
  exportRequest(): Promise<string>;
  /** Imports the server's answer to an exported request. Rejects, without a change of state, when it refuses or cannot be trusted. */
  importAnswer(text: string): Promise<void>;
  /** Deactivates this installation, so that another machine can be activated. The client must still be shut down. */
  deactivate(): Promise<void>;
  /** Returns the status. Sends no request. @throws LicenseError not_running */
  status(): Status;
  /**
   * Reports pending calls, releases reservations and closes. Never rejects: calls that could not be reported are stored for the next run,
   * and the answer says why. A second call returns the answer of the first.
   */
  shutdown(): Promise<Answer>;
}

/** Entitlements of signed license files. `reserve` returns an error object; `check` protects the code that needs the entitlement. */
export class Licensing {
  constructor(settings: LicensingSettings);
  /** Loads the files and starts. Refused files are listed in status(). @throws LicenseError */
  initialize(): Promise<this>;
  /** Resolves to undefined when granted, otherwise to the error object. Never rejects. */
  reserve(context: string, entitlement: string, options?: ReserveOptions): Promise<LicenseError | undefined>;
  /** Resolves to false when nothing was reserved. */
  unreserve(context: string, entitlement: string): Promise<boolean>;
  /** Resolves when reserved in the context, or in any when that is null; otherwise calls on_failure or, without one, rejects. */
  check(context: string | null | undefined, entitlement: string): Promise<void>;
  /** As in OneLicenseClient. @throws LicenseError */
  statistics(numbers: Readonly<Record<string, number>>): Promise<void>;
  /** As in OneLicenseClient, for the first license. @throws LicenseError */
  exportRequest(): Promise<string>;
  /** As in OneLicenseClient. @throws LicenseError */
  importAnswer(text: string): Promise<void>;
  status(): Status;
  /** Releases all reservations and closes; later calls are refused with not_running. Never rejects. */
  shutdown(): Promise<Answer>;
}

/** `new Licensing(settings).initialize()` */
export function initialize(settings: LicensingSettings): Promise<Licensing>;

/**
 * Verifies a license file without a server.
 * @param file its exact contents
 * @param keyring armored certificate of the product
 * @param options list: the product's revocation list, if available; now: the time of verification, in ms since 1970
 * @throws LicenseError when the file is not genuine
 */
export function verify(
  file: Uint8Array | string,
  keyring: string,
  options?: { list?: Uint8Array | string; now?: number; module_url?: string | URL },
): Promise<License>;

/**
 * Verifies the text of a lease (the `receipt` of a status) without a server, also after it has expired.
 * @param keyring armored certificate of the product
 * @throws LicenseError when it is not genuine
 */
export function verifyReceipt(text: Uint8Array | string, keyring: string, options?: { module_url?: string | URL }): Promise<Receipt>;

/**
 * Returns the fingerprint of a product's root key, which server_url pins after the #.
 * @param keyring armored certificate of the product
 * @throws LicenseError keyring_invalid
 */
export function root(keyring: string, options?: { module_url?: string | URL }): Promise<string>;

/** Keeps the state in memory. */
export class MemoryStorage implements Storage {
  constructor(state?: string);
  state: string;
  open(): Promise<string>;
  save(state: string): Promise<void>;
  saveNow(state: string): void;
  close(): Promise<void>;
  closeNow(): void;
}

/** Version of this package. */
export const version: string;

/** SHA-256 of the only module that this package runs, in hex. */
export const moduleSha256: string;

export { codes, verdict, verdicts } from "./verdicts.js";
export type { Code, Verdict, VerdictClass } from "./verdicts.js";

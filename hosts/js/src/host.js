// The host's whole job: it feeds events to the module and carries out the effects that come back, in their order. What a verdict
// means is the module's affair.

import { base64 } from "./base64.js";
import { describe, LicenseError, reason, refusal } from "./errors.js";
import { Journal } from "./storage/journal.js";
import { version } from "./version.js";

const POLL = 1; // what consume answers when it has counted and effects wait
const COUNTED = 0;
const UNKNOWN = -1;

/**
 * What differs between Node and browsers, and what tests replace.
 *
 * @typedef {object} Platform
 * @property {string} name what the statistics call it, like linux/x86_64
 * @property {(url?: string | URL) => Promise<WebAssembly.Module>} loadModule
 * @property {(module: WebAssembly.Module, clock: import("./clock.js").Clock) => Promise<import("./engine.js").Engine>} startEngine
 * @property {(named: string | undefined, name: string) => object} storage
 * @property {import("./clock.js").Clock} clock
 * @property {typeof import("./transport.js").send} send
 * @property {() => Promise<void>} turn lets the event loop take one turn
 * @property {(end: {gently: () => Promise<void>, now: () => void}) => () => void} atExit
 */

export class Host {
  #platform;
  #settings;
  #clock;
  #module;
  #engine;
  #handle = 0;
  #storage;
  #journal;
  #timer;
  #calls = 0;
  /** Calls of the program that wait for their answer. */
  #waiting = new Map();
  #sends = new Set();
  #files;
  #starting = true;
  #mending;
  #closing;
  #closed = false;
  #leave = () => {};

  /**
   * Opens the storage and starts the client.
   * @param {Platform} platform
   * @param {ReturnType<typeof import("./settings.js").read>} settings
   * @param {object[]} [files] license files, as abi.File
   * @returns {Promise<Host>} rejects with the LicenseError that decided it; everything is closed then
   */
  static async open(platform, settings, files) {
    const host = new Host();
    host.#platform = platform;
    host.#settings = settings;
    host.#clock = settings.clock ?? platform.clock;
    host.#files = files;
    try {
      await host.#open();
    } catch (error) {
      await host.#close();
      throw error instanceof LicenseError ? error : refusal("internal", reason(error));
    }
    host.#starting = false;
    host.#leave = platform.atExit({ gently: () => host.shutdown().then(() => {}), now: () => host.#endNow() });
    return host;
  }

  async #open() {
    this.#module = await this.#platform.loadModule(this.#settings.module_url);
    const engine = await this.#platform.startEngine(this.#module, this.#clock);
    engine.call({ op: "close", handle: this.#new(engine, "") }); // the settings are judged before anything is touched
    const { product_id, license_id } = this.#settings.config;
    const named = this.#settings.storage;
    const storage = typeof named === "object" ? named : this.#platform.storage(named, `${product_id}-${license_id || "files"}`);
    const state = await storage.open();
    this.#storage = storage;
    this.#journal = new Journal(storage, state);
    this.#handle = this.#new(engine, state);
    this.#engine = engine;
    const verdict = await this.#start();
    if (!verdict.ok && !verdict.offline_tolerated) throw new LicenseError(verdict);
  }

  /**
   * Puts a call of the program to the module.
   * @param {object} event without its number
   * @returns {Promise<import("./errors.js").Answer>} the verdict, also when it is a refusal; with the `body` that came with it, if one did
   */
  async ask(event) {
    await this.#mending;
    return this.#closing && event.type !== "shutdown" ? describe("not_running") : this.#put(event);
  }

  /**
   * Counts calls; see OneLicenseClient.consume.
   * @param {number} n
   * @returns {Promise<import("./errors.js").Answer | undefined>} a verdict when the module has one to give
   */
  async consume(n) {
    if (this.#engine && !this.#closing && Number.isInteger(n) && n > 0 && n < 2 ** 31) {
      switch (this.#guard(() => this.#engine.consume(this.#handle, n, this.#clock.now()))) {
        case COUNTED:
          return undefined;
        case POLL:
          this.#step({ type: "poll" });
          await this.#platform.turn(); // else a program that only counts would keep timers, disk and network waiting,
          await this.#journal.keepUp(); // and what a crash loses would have no bound
          return undefined;
        case UNKNOWN:
          this.#fail(new Error("the module does not know its client"));
      }
    }
    return this.ask({ type: "consume", n: typeof n === "bigint" ? Number(n) : n });
  }

  /** How the client stands, by abi.Status. */
  status() {
    if (!this.#engine) throw refusal(this.#closed ? "not_running" : "internal");
    const reply = this.#guard(() => this.#engine.call({ op: "status", handle: this.#handle }));
    if (!reply || reply.error) throw new LicenseError(reply?.error ?? describe("internal"));
    return reply.status;
  }

  /**
   * Reports what is left, releases what is held, and closes. Waits for the server at most the setting shutdown_timeout; what could not be
   * reported is stored and goes with the next run. A second call waits for the first.
   * @returns {Promise<import("./errors.js").Answer>}
   */
  shutdown() {
    return (this.#closing ??= this.#shutdown());
  }

  async #shutdown() {
    await this.#mending;
    let timer;
    const late = new Promise((resolve) => {
      timer = this.#clock.set(() => resolve(describe("unreachable", "the server did not answer in time")), this.#settings.shutdown_timeout);
    });
    const verdict = await Promise.race([this.#put({ type: "shutdown" }), late]);
    this.#clock.clear(timer);
    await this.#close();
    return verdict;
  }

  async #close() {
    this.#closed = true;
    this.#leave();
    this.#clock.clear(this.#timer);
    this.#abandon(describe("not_running"));
    if (this.#engine) this.#guard(() => this.#engine.call({ op: "close", handle: this.#handle }));
    this.#engine = undefined;
    await this.#journal?.idle();
    await this.#storage?.close();
  }

  /** The process ends here and now: what was counted gets to the disk, if the storage can do that at once. */
  #endNow() {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#engine && this.#storage.saveNow) {
      const reply = this.#guard(() => this.#engine.call({ op: "step", handle: this.#handle, event: this.#stamp({ type: "shutdown" }) }));
      const state = reply?.effects?.findLast((e) => e.type === "save")?.state;
      if (state !== undefined) this.#storage.saveNow(state);
    }
    this.#storage.closeNow?.();
  }

  /** Makes the client in an instance. @returns {number} its handle */
  #new(engine, state) {
    const random = base64(crypto.getRandomValues(new Uint8Array(32)));
    const config = { ...this.#settings.config, platform: this.#platform.name, host: `js/${version}` };
    const reply = engine.call({ op: "new", config, state, random });
    if (reply.error) throw new LicenseError(reply.error);
    return reply.handle;
  }

  async #start() {
    const verdict = await this.#put({ type: "start" });
    return verdict.ok && this.#files ? this.#put({ type: "files", files: this.#files }) : verdict;
  }

  #put(event) {
    return new Promise((resolve) => {
      if (!this.#engine) {
        resolve(describe(this.#closed ? "not_running" : "internal"));
        return;
      }
      const call = ++this.#calls;
      this.#waiting.set(call, resolve);
      this.#hold();
      this.#step({ ...event, call });
    });
  }

  // Every event goes through here, and none while another is at work: nothing below calls the program or waits.
  #step(event) {
    if (!this.#engine) return;
    const reply = this.#guard(() => this.#engine.call({ op: "step", handle: this.#handle, event: this.#stamp(event) }));
    if (!reply) return;
    if (reply.error && event.call) this.#answer(event.call, reply.error);
    else if (reply.error && event.type === "reply") this.#step({ type: "failed", id: event.id, detail: reply.error.detail });
    else if (reply.error) this.#tell(reply.error);
    for (const effect of reply.effects ?? []) this.#carryOut(effect);
  }

  #stamp(event) {
    return {
      ...event,
      now: Math.floor(this.#clock.now()),
      mono: Math.floor(this.#clock.mono()),
      random: base64(crypto.getRandomValues(new Uint8Array(16))),
    };
  }

  #carryOut(effect) {
    switch (effect.type) {
      case "send":
        this.#send(effect);
        break;
      case "save":
        this.#save(effect);
        break;
      case "wake":
        this.#wake(effect.in ?? 0);
        break;
      case "notify":
        if (effect.call) this.#answer(effect.call, effect.body === undefined ? effect.verdict : { ...effect.verdict, body: effect.body });
        else this.#tell(effect.verdict);
        break;
      default:
        this.#fail(new Error(`the module asks for ${effect.type}, which this package does not know`));
    }
  }

  async #send({ id, url, body, timeout }) {
    const engine = this.#engine;
    const stop = new AbortController();
    this.#sends.add(stop);
    let event;
    try {
      event = { type: "reply", ...(await (this.#settings.transport ?? this.#platform.send)({ url, body, timeout, signal: stop.signal })) };
    } catch (error) {
      event = { type: "failed", detail: reason(error) };
    }
    this.#sends.delete(stop);
    if (this.#engine === engine) this.#step({ ...event, id });
  }

  async #save({ id, state }) {
    const engine = this.#engine;
    let event;
    try {
      await this.#journal.save(state);
      event = { type: "saved" };
    } catch (error) {
      event = { type: "save_failed", detail: reason(error) };
    }
    if (this.#engine === engine) this.#step({ ...event, id });
  }

  #wake(ms) {
    this.#clock.clear(this.#timer);
    this.#timer = undefined;
    if (ms < 0) return;
    this.#timer = this.#clock.set(() => this.#step({ type: "timer" }), ms);
    this.#hold();
  }

  // In Node a timer keeps the process alive. It may do so only while somebody waits for an answer.
  #hold() {
    if (this.#waiting.size > 0) this.#timer?.ref?.();
    else this.#timer?.unref?.();
  }

  #answer(call, verdict) {
    const resolve = this.#waiting.get(call);
    this.#waiting.delete(call);
    this.#hold();
    resolve?.(verdict);
  }

  // The program is told after the event is through, so that what it calls then is an event of its own.
  #tell(verdict) {
    const goOn = verdict.allow_continue || this.#starting || verdict.offline_tolerated;
    queueMicrotask(() => {
      if (this.#settings.on_verdict) this.#settings.on_verdict(verdict);
      else standardHandler(verdict, goOn);
    });
  }

  /** Runs the module; when it fails, the instance is given up and undefined comes back. */
  #guard(run) {
    try {
      const result = run();
      if (result?.error?.code !== "internal") return result;
      this.#fail(new Error(result.error.detail));
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  // Nothing in this instance can be relied on any more.
  #fail(error) {
    const verdict = describe("internal", [reason(error), this.#engine?.stderr.split("\n")[0]].filter(Boolean).join(": "));
    this.#engine = undefined;
    this.#clock.clear(this.#timer);
    this.#abandon(verdict);
    if (this.#closed || this.#starting) return;
    if (this.#mending) this.#tell(verdict); // it failed again while being started: it will not get better
    else this.#mending = this.#mend().finally(() => (this.#mending = undefined));
  }

  /** Another instance, from the last stored state. */
  async #mend() {
    await this.#journal.idle();
    try {
      const engine = await this.#platform.startEngine(this.#module, this.#clock);
      this.#handle = this.#new(engine, this.#journal.last);
      this.#engine = engine;
      const verdict = await this.#start();
      if (!verdict.ok && !verdict.offline_tolerated) this.#tell(verdict);
    } catch (error) {
      this.#tell(error instanceof LicenseError ? error.verdict : describe("internal", reason(error)));
    }
  }

  #abandon(verdict) {
    for (const stop of this.#sends) stop.abort(new Error("the client was closed"));
    this.#sends.clear();
    const calls = [...this.#waiting.keys()];
    for (const call of calls) this.#answer(call, verdict);
  }
}

/**
 * What happens to a verdict that nobody asked for when the program has no on_verdict: a warning while the program may go on; else an error
 * that nobody catches, which ends a Node process and reaches window.onerror in a browser.
 */
function standardHandler(verdict, goOn) {
  if (goOn) {
    if (verdict.code !== "ok") console.warn(`One License: ${verdict.code}: ${new LicenseError(verdict).message}; ${verdict.do}`);
    return;
  }
  const error = new LicenseError(verdict);
  if (typeof reportError === "function") reportError(error);
  else throw error; // out of a microtask
}

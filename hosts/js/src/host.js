// The host passes events to the module and executes the returned effects in their order. The module alone decides what a verdict means.

import { toBase64 } from "./base64.js";
import { answerOf, LicenseError, errorText, newLicenseError } from "./errors.js";
import { SaveQueue } from "./storage/save_queue.js";
import { version } from "./version.js";

const POLL_NEEDED = 1; // result of consume: counted, and a poll event is needed
const COUNTED = 0;
const UNKNOWN_HANDLE = -1;

/**
 * @typedef {object} ExitHooks
 * @property {() => Promise<unknown>} shutdown shuts the client down, at the natural end of the program
 * @property {() => void} closeNow closes synchronously, while the process exits
 */

/**
 * Functions that differ between Node and browsers. Tests replace them.
 *
 * @typedef {object} Platform
 * @property {(directory: string) => Promise<{ name: string, data?: Uint8Array, error?: string }[]>} [readDirectory] Node only
 * @property {string} name platform name in statistics, such as linux/x86_64
 * @property {(url?: string | URL) => Promise<WebAssembly.Module>} loadModule
 * @property {(module: WebAssembly.Module, clock: import("./clock.js").Clock) => Promise<import("./engine.js").Engine>} startEngine
 * @property {(named: string | undefined, name: string) => object} storage
 * @property {import("./clock.js").Clock} clock
 * @property {typeof import("./transport.js").send} send
 * @property {() => Promise<void>} nextTick resolves after one turn of the event loop
 * @property {(hooks: ExitHooks) => () => void} atExit registers hooks for the end of the process; returns a function that removes them
 */

export class Host {
  /** @type {Platform} */
  #platform;
  /** @type {import("./settings.js").Settings} */
  #settings;
  /** @type {import("./clock.js").Clock} */
  #clock;
  /** @type {WebAssembly.Module} */
  #module;
  /** @type {import("./engine.js").Engine | undefined} undefined before the start, after a failure and after the end */
  #engine;
  #handle = 0;
  /** @type {import("./types.js").Storage} */
  #storage;
  /** @type {SaveQueue} */
  #saves;
  #timer;
  #lastCall = 0;
  /** Resolve functions of the calls that wait for their answer, by number. */
  #pendingCalls = new Map();
  /** @type {Set<AbortController>} */
  #pendingSends = new Set();
  #files;
  #starting = true;
  #restarting;
  #closing;
  #closed = false;
  #removeExitHook = () => {};

  /**
   * Opens the storage and starts the client.
   * @param {Platform} platform
   * @param {ReturnType<typeof import("./settings.js").readSettings>} settings
   * @param {object[]} [files] license files, as abi.File
   * @returns {Promise<Host>} rejects with a LicenseError; everything is closed then
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
      throw error instanceof LicenseError ? error : newLicenseError("internal", errorText(error));
    }
    host.#starting = false;
    host.#removeExitHook = platform.atExit({ shutdown: () => host.shutdown(), closeNow: () => host.#closeNow() });
    return host;
  }

  async #open() {
    this.#module = await this.#platform.loadModule(this.#settings.module_url);
    const engine = await this.#platform.startEngine(this.#module, this.#clock);
    engine.call({ op: "close", handle: this.#newClient(engine, "") }); // validates the settings before the storage is touched
    const { product_id, license_id } = this.#settings.config;
    const named = this.#settings.storage;
    const storage = typeof named === "object" ? named : this.#platform.storage(named, `${product_id}-${license_id || "files"}`);
    const state = await storage.open();
    this.#storage = storage;
    this.#saves = new SaveQueue(storage, state);
    this.#handle = this.#newClient(engine, state);
    this.#engine = engine;
    const verdict = await this.#start();
    if (!verdict.ok && !verdict.offline_tolerated) throw new LicenseError(verdict);
  }

  /**
   * Passes a call of the program to the module.
   * @param {object} event without the call number
   * @returns {Promise<import("./errors.js").Answer>} the verdict, also when it is a refusal, with the `body` of the answer if there is one
   */
  async ask(event) {
    await this.#restarting;
    return this.#closing && event.type !== "shutdown" ? answerOf("not_running") : this.#callAndWait(event);
  }

  /**
   * Counts calls; see OneLicenseClient.consume.
   * @param {number} n
   * @returns {Promise<import("./errors.js").Answer | undefined>} undefined when the calls were counted without an event
   */
  async consume(n) {
    if (this.#engine && !this.#closing && Number.isInteger(n) && n > 0 && n < 2 ** 31) {
      switch (this.#runEngine(() => this.#engine.consume(this.#handle, n, this.#clock.now()))) {
        case COUNTED:
          return undefined;
        case POLL_NEEDED:
          this.#step({ type: "poll" });
          await this.#platform.nextTick(); // otherwise a program that only counts would starve timers, disk and network,
          await this.#saves.waitForQueued(); // and a crash could lose any number of calls
          return undefined;
        case UNKNOWN_HANDLE:
          this.#engineFailed(new Error("the module does not know its client"));
      }
    }
    return this.ask({ type: "consume", n: typeof n === "bigint" ? Number(n) : n });
  }

  /** Returns the status as abi.Status. */
  status() {
    if (!this.#engine) throw newLicenseError(this.#closed ? "not_running" : "internal");
    const reply = this.#runEngine(() => this.#engine.call({ op: "status", handle: this.#handle }));
    if (!reply || reply.error) throw new LicenseError(reply?.error ?? answerOf("internal"));
    return reply.status;
  }

  /**
   * Reports pending calls, releases reservations and closes. It waits for the server at most `shutdown_timeout`; calls that could not be
   * reported are stored for the next run. A second call returns the result of the first.
   * @returns {Promise<import("./errors.js").Answer>}
   */
  shutdown() {
    return (this.#closing ??= this.#shutdown());
  }

  async #shutdown() {
    await this.#restarting;
    let timer;
    const late = new Promise((resolve) => {
      timer = this.#clock.set(() => resolve(answerOf("unreachable", "the server did not answer in time")), this.#settings.shutdown_timeout);
    });
    const verdict = await Promise.race([this.#callAndWait({ type: "shutdown" }), late]);
    this.#clock.clear(timer);
    await this.#close();
    return verdict;
  }

  async #close() {
    this.#closed = true;
    this.#removeExitHook();
    this.#clock.clear(this.#timer);
    this.#cancelPending(answerOf("not_running"));
    if (this.#engine) this.#runEngine(() => this.#engine.call({ op: "close", handle: this.#handle }));
    this.#engine = undefined;
    await this.#saves?.idle();
    await this.#storage?.close();
  }

  /** Closes synchronously, because the process is exiting: saves the counted calls if the storage can save synchronously. */
  #closeNow() {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#engine && this.#storage.saveNow) {
      const reply = this.#runEngine(() =>
        this.#engine.call({ op: "step", handle: this.#handle, event: this.#withTimeAndRandom({ type: "shutdown" }) }),
      );
      const state = reply?.effects?.findLast((e) => e.type === "save")?.state;
      if (state !== undefined) this.#storage.saveNow(state);
    }
    this.#storage.closeNow?.();
  }

  /** Creates the client in an instance. @returns {number} its handle */
  #newClient(engine, state) {
    const random = toBase64(crypto.getRandomValues(new Uint8Array(32)));
    const config = { ...this.#settings.config, platform: this.#platform.name, host: `js/${version}` };
    const reply = engine.call({ op: "new", config, state, random });
    if (reply.error) throw new LicenseError(reply.error);
    return reply.handle;
  }

  async #start() {
    const verdict = await this.#callAndWait({ type: "start" });
    return verdict.ok && this.#files ? this.#callAndWait({ type: "files", files: this.#files }) : verdict;
  }

  #callAndWait(event) {
    return new Promise((resolve) => {
      if (!this.#engine) {
        resolve(answerOf(this.#closed ? "not_running" : "internal"));
        return;
      }
      const call = ++this.#lastCall;
      this.#pendingCalls.set(call, resolve);
      this.#keepAliveWhilePending();
      this.#step({ ...event, call });
    });
  }

  // Every event passes through here, one at a time: nothing below calls the program or waits.
  #step(event) {
    if (!this.#engine) return;
    const reply = this.#runEngine(() => this.#engine.call({ op: "step", handle: this.#handle, event: this.#withTimeAndRandom(event) }));
    if (!reply) return;
    if (reply.error && event.call) this.#answer(event.call, reply.error);
    else if (reply.error && event.type === "reply") this.#step({ type: "failed", id: event.id, detail: reply.error.detail });
    else if (reply.error) this.#notifyProgram(reply.error);
    for (const effect of reply.effects ?? []) this.#execute(effect);
  }

  #withTimeAndRandom(event) {
    return {
      ...event,
      now: Math.floor(this.#clock.now()),
      mono: Math.floor(this.#clock.mono()),
      random: toBase64(crypto.getRandomValues(new Uint8Array(16))),
    };
  }

  #execute(effect) {
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
        else this.#notifyProgram(effect.verdict);
        break;
      default:
        this.#engineFailed(new Error(`the module asks for ${effect.type}, which this package does not know`));
    }
  }

  async #send({ id, url, body, timeout }) {
    const engine = this.#engine;
    const stop = new AbortController();
    this.#pendingSends.add(stop);
    let event;
    try {
      event = { type: "reply", ...(await (this.#settings.transport ?? this.#platform.send)({ url, body, timeout, signal: stop.signal })) };
    } catch (error) {
      event = { type: "failed", detail: errorText(error) };
    }
    this.#pendingSends.delete(stop);
    if (this.#engine === engine) this.#step({ ...event, id });
  }

  async #save({ id, state }) {
    const engine = this.#engine;
    let event;
    try {
      await this.#saves.save(state);
      event = { type: "saved" };
    } catch (error) {
      event = { type: "save_failed", detail: errorText(error) };
    }
    if (this.#engine === engine) this.#step({ ...event, id });
  }

  #wake(ms) {
    this.#clock.clear(this.#timer);
    this.#timer = undefined;
    if (ms < 0) return;
    this.#timer = this.#clock.set(() => this.#step({ type: "timer" }), ms);
    this.#keepAliveWhilePending();
  }

  // In Node a timer keeps the process alive. It may do so only while a call waits for its answer.
  #keepAliveWhilePending() {
    if (this.#pendingCalls.size > 0) this.#timer?.ref?.();
    else this.#timer?.unref?.();
  }

  #answer(call, verdict) {
    const resolve = this.#pendingCalls.get(call);
    this.#pendingCalls.delete(call);
    this.#keepAliveWhilePending();
    resolve?.(verdict);
  }

  // The handler runs after the event is finished, so that its calls are events of their own.
  #notifyProgram(verdict) {
    const goOn = verdict.allow_continue || this.#starting || verdict.offline_tolerated;
    queueMicrotask(() => {
      if (this.#settings.on_verdict) this.#settings.on_verdict(verdict);
      else defaultVerdictHandler(verdict, goOn);
    });
  }

  /** Runs a function of the module. When it fails, the instance is dropped and undefined is returned. */
  #runEngine(run) {
    try {
      const result = run();
      if (result?.error?.code !== "internal") return result;
      this.#engineFailed(new Error(result.error.detail));
    } catch (error) {
      this.#engineFailed(error);
    }
    return undefined;
  }

  // The memory of the instance cannot be trusted any more: drop it, and start another one.
  #engineFailed(error) {
    const verdict = answerOf("internal", [errorText(error), this.#engine?.stderr.split("\n")[0]].filter(Boolean).join(": "));
    this.#engine = undefined;
    this.#clock.clear(this.#timer);
    this.#cancelPending(verdict);
    if (this.#closed || this.#starting) return;
    if (this.#restarting)
      this.#notifyProgram(verdict); // it failed again while restarting: another restart would not help
    else this.#restarting = this.#restartEngine().finally(() => (this.#restarting = undefined));
  }

  /** Starts another instance from the last saved state. */
  async #restartEngine() {
    await this.#saves.idle();
    try {
      const engine = await this.#platform.startEngine(this.#module, this.#clock);
      this.#handle = this.#newClient(engine, this.#saves.lastSaved);
      this.#engine = engine;
      const verdict = await this.#start();
      if (!verdict.ok && !verdict.offline_tolerated) this.#notifyProgram(verdict);
    } catch (error) {
      this.#notifyProgram(error instanceof LicenseError ? error.verdict : answerOf("internal", errorText(error)));
    }
  }

  #cancelPending(verdict) {
    for (const stop of this.#pendingSends) stop.abort(new Error("the client was closed"));
    this.#pendingSends.clear();
    const calls = [...this.#pendingCalls.keys()];
    for (const call of calls) this.#answer(call, verdict);
  }
}

/**
 * Handles an unsolicited verdict when the program has no on_verdict: a console warning while the program may continue, otherwise an
 * uncaught error, which ends a Node process and reaches window.onerror in a browser.
 */
function defaultVerdictHandler(verdict, goOn) {
  if (goOn) {
    if (verdict.code !== "ok") console.warn(`One License: ${verdict.code}: ${new LicenseError(verdict).message}; ${verdict.do}`);
    return;
  }
  const error = new LicenseError(verdict);
  if (typeof reportError === "function") reportError(error);
  else throw error; // uncaught, because it is thrown in a microtask
}

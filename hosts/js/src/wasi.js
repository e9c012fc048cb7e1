// The 16 functions of wasi_snapshot_preview1 that the module imports. The module gets randomness and clocks, and nothing else: no files,
// arguments, environment or sockets.

const SUCCESS = 0;
const BADF = 8;
const NOSYS = 52;

const STDERR_LIMIT = 16 * 1024; // bytes; enough for the trace of a crash
const RANDOM_LIMIT = 65536; // bytes that one getRandomValues call returns

/** Error thrown when the module exits. */
export class ModuleExit extends Error {
  /** @param {number} code */
  constructor(code) {
    super(`the module ended itself with status ${code}`);
  }
}

export class Wasi {
  /** @type {WebAssembly.Memory} */
  #memory;
  #clock;
  #stderr = [];
  #stderrLength = 0;

  /** @param {{now: () => number, mono: () => number}} clock both in ms */
  constructor(clock) {
    this.#clock = clock;
  }

  /** Sets the memory, which exists only after instantiation. @param {WebAssembly.Memory} memory */
  setMemory(memory) {
    this.#memory = memory;
  }

  /** What the module has written to stdout and stderr, at most 16 KiB. */
  get stderr() {
    const text = new TextDecoder();
    return this.#stderr.map((bytes) => text.decode(bytes, { stream: true })).join("");
  }

  // A fresh view each time: growing the memory detaches the old one.
  get #view() {
    return new DataView(this.#memory.buffer);
  }

  get imports() {
    const u32 = (at, value) => this.#view.setUint32(at, value, true);
    const writeEmptyList = (count, size) => {
      u32(count, 0);
      u32(size, 0);
      return SUCCESS;
    };
    return {
      args_get: () => SUCCESS,
      args_sizes_get: writeEmptyList,
      environ_get: () => SUCCESS,
      environ_sizes_get: writeEmptyList,
      clock_time_get: (id, _precision, at) => {
        const ms = id === 0 ? this.#clock.now() : this.#clock.mono();
        const whole = Math.floor(ms); // nanoseconds since 1970 are more than a number holds
        this.#view.setBigUint64(at, BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6)), true);
        return SUCCESS;
      },
      random_get: (at, length) => {
        for (let done = 0; done < length; done += RANDOM_LIMIT) {
          crypto.getRandomValues(new Uint8Array(this.#memory.buffer, at + done, Math.min(RANDOM_LIMIT, length - done)));
        }
        return SUCCESS;
      },
      fd_write: (fd, vectors, count, written) => {
        if (fd !== 1 && fd !== 2) return BADF;
        const view = this.#view;
        let total = 0;
        for (let i = 0; i < count; i++) {
          const at = view.getUint32(vectors + 8 * i, true);
          const length = view.getUint32(vectors + 8 * i + 4, true);
          this.#appendStderr(new Uint8Array(this.#memory.buffer, at, length));
          total += length;
        }
        u32(written, total);
        return SUCCESS;
      },
      fd_close: () => BADF,
      fd_read: () => BADF,
      fd_fdstat_get: () => BADF,
      fd_fdstat_set_flags: () => BADF,
      fd_prestat_get: () => BADF,
      fd_prestat_dir_name: () => BADF,
      poll_oneoff: () => NOSYS,
      sched_yield: () => SUCCESS,
      proc_exit: (code) => {
        throw new ModuleExit(code);
      },
    };
  }

  #appendStderr(bytes) {
    const room = STDERR_LIMIT - this.#stderrLength;
    if (room <= 0) return;
    const kept = bytes.slice(0, room);
    this.#stderr.push(kept);
    this.#stderrLength += kept.length;
  }
}

/**
 * Writes states in their order, one at a time. While one is being written only the newest of those that wait is kept: each is
 * the whole state.
 */
export class Journal {
  #storage;
  #running = Promise.resolve();
  #next;

  /** @param {{save: (state: string) => Promise<void>}} storage @param {string} last what it holds now */
  constructor(storage, last) {
    this.#storage = storage;
    /** The last state that was stored. */
    this.last = last;
  }

  /** Resolves when this state, or a newer one, is stored. @param {string} state */
  save(state) {
    if (this.#next) {
      this.#next.state = state;
      return this.#next.stored;
    }
    const next = { state };
    next.stored = this.#running
      .catch(() => {}) // its own waiters hear of it
      .then(async () => {
        this.#next = undefined;
        await this.#storage.save(next.state);
        this.last = next.state;
      });
    this.#next = next;
    this.#running = next.stored;
    return next.stored;
  }

  /** Resolves when no state waits for another to be written. Whoever makes states faster than the storage takes them waits here. */
  async keepUp() {
    while (this.#next) await this.#running.catch(() => {});
  }

  /** Resolves when nothing is being written. */
  async idle() {
    await this.#running.catch(() => {});
  }
}

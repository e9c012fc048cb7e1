/**
 * Saves states in order, one at a time. While one is being written, only the newest queued state is kept, because each is the complete
 * state.
 */
export class SaveQueue {
  #storage;
  #running = Promise.resolve();
  #next;

  /** @param {{save: (state: string) => Promise<void>}} storage @param {string} lastSaved what it holds now */
  constructor(storage, lastSaved) {
    this.#storage = storage;
    /** The last state that was saved. */
    this.lastSaved = lastSaved;
  }

  /** Resolves when this state, or a newer one, is saved. @param {string} state */
  save(state) {
    if (this.#next) {
      this.#next.state = state;
      return this.#next.stored;
    }
    const next = { state };
    next.stored = this.#running
      .catch(() => {}) // its own callers get the error
      .then(async () => {
        this.#next = undefined;
        await this.#storage.save(next.state);
        this.lastSaved = next.state;
      });
    this.#next = next;
    this.#running = next.stored;
    return next.stored;
  }

  /** Resolves when no state is queued. A caller that produces states faster than the storage writes them waits here. */
  async waitForQueued() {
    while (this.#next) await this.#running.catch(() => {});
  }

  /** Resolves when nothing is being written. */
  async idle() {
    await this.#running.catch(() => {});
  }
}

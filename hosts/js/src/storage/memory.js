import { newLicenseError } from "../errors.js";

/**
 * Keeps the state in memory. The program may store `state` elsewhere; a program that starts without one activates a new installation each
 * time.
 */
export class MemoryStorage {
  #open = false;

  /** @param {string} [state] a state that was saved before */
  constructor(state = "") {
    /** The last saved state. */
    this.state = state;
  }

  async open() {
    if (this.#open) throw newLicenseError("in_use", "this storage belongs to another client");
    this.#open = true;
    return this.state;
  }

  async save(state) {
    this.state = state;
  }

  saveNow(state) {
    this.state = state;
  }

  async close() {
    this.#open = false;
  }

  closeNow() {
    this.#open = false;
  }
}

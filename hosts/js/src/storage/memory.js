import { refusal } from "../errors.js";

/**
 * Keeps the state for as long as the process or page lives, or for as long as the program carries `state` elsewhere. A program that starts with an empty one
 * activates a new installation each time.
 */
export class MemoryStorage {
  #open = false;

  /** @param {string} [state] a state saved before */
  constructor(state = "") {
    /** The last saved state. */
    this.state = state;
  }

  async open() {
    if (this.#open) throw refusal("in_use", "this storage belongs to another client");
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

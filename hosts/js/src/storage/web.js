import { errorText, newLicenseError } from "../errors.js";

const STORE = "states";

/**
 * Stores the state in IndexedDB and holds a Web Lock while it is open: a second tab or worker of the same origin is refused with in_use.
 * Both need a secure context.
 */
export class WebStorage {
  #name;
  #database;
  #unlock;

  /** @param {string} name unique name of the state in its origin */
  constructor(name) {
    this.#name = name;
  }

  async open() {
    if (!globalThis.indexedDB || !globalThis.navigator?.locks) {
      throw newLicenseError("storage_failed", "IndexedDB and Web Locks need a browser and a secure context (https or localhost)");
    }
    await this.#lock();
    try {
      const opening = indexedDB.open("onelicense", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
      this.#database = await toPromise(opening);
      return (await toPromise(this.#database.transaction(STORE).objectStore(STORE).get(this.#name))) ?? "";
    } catch (error) {
      await this.close();
      throw newLicenseError("storage_failed", errorText(error));
    }
  }

  async save(state) {
    const transaction = this.#database.transaction(STORE, "readwrite", { durability: "strict" });
    transaction.objectStore(STORE).put(state, this.#name);
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  async close() {
    this.#database?.close();
    this.#unlock?.();
  }

  // The browser holds the lock until the promise returned by the callback settles, or the page is closed.
  #lock() {
    return new Promise((resolve, reject) => {
      navigator.locks
        .request(`onelicense/${this.#name}`, { ifAvailable: true }, (lock) => {
          if (!lock) {
            reject(newLicenseError("in_use", `another tab or worker has ${this.#name}`));
            return undefined;
          }
          resolve();
          return new Promise((unlock) => (this.#unlock = unlock));
        })
        .catch(reject);
    });
  }
}

const toPromise = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("the database is blocked"));
  });

// A store in a page: IndexedDB.
//
// `increment` may not wait, and IndexedDB answers later. So all counters are in memory, and their new values are written in
// the order in which they were made. One page at a time has the store: a lock of the browser sees to that.

import { add, toBytes } from './number.mjs';

const SCOPE = ['values', 'counters'];

/** Opens a store, and makes it if it is not there. */
export async function openIndexedDB(name = 'burrow') {
  const release = await hold(`${name}-store`);
  if (!release) throw new Error('Another page has the store open.');
  try {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => SCOPE.forEach((store) => opening.result.createObjectStore(store));
    const store = new IndexedDBStore(await done(opening));
    await store.begin();
    return store;
  } catch (error) {
    release();
    throw error;
  }
}

/** Holds a lock until the page ends. Returns what releases it earlier; `undefined` if another page has it. */
function hold(name) {
  return new Promise((held, refused) => {
    const wait = (lock) => lock && new Promise((release) => held(release));
    const asked = navigator.locks.request(name, { ifAvailable: true }, (lock) => wait(lock) ?? held(undefined));
    asked.catch(refused);
  });
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failed(request.error));
  });
}

const failed = (error) => new Error(`IndexedDB: ${error?.message}`);

class IndexedDBStore {
  #database;
  #counters = new Map();
  /** Why a counter is not on disk as it is in memory. */
  #broken;

  constructor(database) {
    this.#database = database;
  }

  /** Reads the counters, and takes a number that no earlier page had: the workers of earlier pages are gone. */
  async begin() {
    const stored = this.#database.transaction('counters').objectStore('counters');
    const [keys, values] = await Promise.all([done(stored.getAllKeys()), done(stored.getAll())]);
    keys.forEach((key, n) => this.#counters.set(key, values[n]));
    this.generation = this.increment('b1:s:generation', 1n);
  }

  async get(key) {
    if (this.#counters.has(key)) return toBytes(this.#counters.get(key));
    return done(this.#database.transaction('values').objectStore('values').get(key));
  }

  async set(key, value) {
    await this.#write((values) => values.put(value, key));
  }

  async delete(key) {
    this.#counters.delete(key);
    await this.#write((values, counters) => {
      values.delete(key);
      counters.delete(key);
    });
  }

  increment(key, delta) {
    const sum = add(this.#counters.get(key) ?? 0n, delta);
    if (delta !== 0n) {
      this.#counters.set(key, sum);
      // A later write that somebody waits for is on disk only after this one. If this one fails, so do all later ones.
      this.#write((_, counters) => counters.put(sum, key)).catch((error) => (this.#broken ??= error));
    }
    return sum;
  }

  /** Writes in a transaction, and waits until it is on disk. Transactions of one scope run in the order of their calls. */
  #write(act) {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(SCOPE, 'readwrite', { durability: 'strict' });
      transaction.oncomplete = () => (this.#broken ? reject(this.#broken) : resolve());
      transaction.onabort = () => reject(failed(transaction.error));
      act(transaction.objectStore('values'), transaction.objectStore('counters'));
    });
  }
}

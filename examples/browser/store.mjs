// Burrow's key-value store in a page: IndexedDB. It exports what burrow.wasm imports from Spin and wasi:keyvalue.
//
// `increment` may not wait, and IndexedDB answers later. So all counters are in memory, and their new values are written in
// the order in which they were made. One page at a time has the store: a lock of the browser sees to that.

const SCOPE = ['values', 'counters'];

let database;
let generation;
const counters = new Map();

/** Opens the store. `false` if another page has it open. */
export async function openStore(name = 'burrow') {
  if (!(await hold(`${name}-store`))) return false;
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => SCOPE.forEach((store) => opening.result.createObjectStore(store));
  database = await done(opening);
  const stored = database.transaction('counters').objectStore('counters');
  const [keys, values] = await Promise.all([done(stored.getAllKeys()), done(stored.getAll())]);
  keys.forEach((key, n) => counters.set(key, values[n]));
  // No earlier page had this number, so Burrow knows that the workers of earlier pages are gone.
  generation = increment(undefined, 'b1:s:generation', 1n);
  return true;
}

/** Holds a lock until the page ends. */
function hold(name) {
  return new Promise((held) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      held(lock !== null);
      return lock && new Promise(() => {});
    });
  });
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject({ tag: 'other', val: `IndexedDB: ${request.error?.message}` });
  });
}

/** Writes in a transaction, and waits until it is on disk. Transactions of one scope run in the order of their calls. */
function write(act) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(SCOPE, 'readwrite', { durability: 'strict' });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject({ tag: 'other', val: `IndexedDB: ${transaction.error?.message}` });
    act(transaction.objectStore('values'), transaction.objectStore('counters'));
  });
}

// spin:key-value/key-value

export class Store {
  static async open(label) {
    if (label !== 'default') throw { tag: 'no-such-store' };
    return new Store();
  }

  async get(key) {
    if (counters.has(key)) return new Uint8Array(new BigInt64Array([counters.get(key)]).buffer);
    return done(database.transaction('values').objectStore('values').get(key));
  }

  async set(key, value) {
    await write((values) => values.put(new Uint8Array(value), key));
  }

  async delete(key) {
    counters.delete(key);
    await write((values, numbers) => {
      values.delete(key);
      numbers.delete(key);
    });
  }

  async getKeys() {
    const keys = [...counters.keys(), ...(await done(database.transaction('values').objectStore('values').getAllKeys()))];
    return [keys, Promise.resolve({ tag: 'ok' })];
  }
}

// wasi:keyvalue/store and atomics

export class Bucket {}

export function open(label) {
  if (label !== 'default') throw { tag: 'no-such-store' };
  return new Bucket();
}

export function increment(_bucket, key, delta) {
  const sum = BigInt.asIntN(64, (counters.get(key) ?? 0n) + delta);
  if (delta !== 0n) {
    counters.set(key, sum);
    // A later write that somebody waits for is on disk only after this one. If this one fails, so does that one.
    write((_, numbers) => numbers.put(sum, key)).catch((error) => console.error(error.val));
  }
  return sum;
}

// spin:variables

const settings = { compression: 'small' };

export async function get(name) {
  if (name === 'generation') return String(generation);
  if (name in settings) return settings[name];
  throw { tag: 'undefined', val: name };
}

// A store that is gone with its page or process.

import { add, toBytes } from './number.mjs';

/** Makes an empty store. */
export function openMemory() {
  const values = new Map();
  const counters = new Map();
  return {
    generation: 1n,

    async get(key) {
      return counters.has(key) ? toBytes(counters.get(key)) : values.get(key);
    },

    async set(key, value) {
      values.set(key, value);
    },

    async delete(key) {
      values.delete(key);
      counters.delete(key);
    },

    increment(key, delta) {
      const sum = add(counters.get(key) ?? 0n, delta);
      if (delta !== 0n) counters.set(key, sum);
      return sum;
    },
  };
}

import type { Store } from './burrow.js';

/** Makes an empty store, which is gone with its page or process. */
export function openMemory(): Store;

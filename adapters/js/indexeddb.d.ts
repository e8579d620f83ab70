import type { Store } from './burrow.js';

/**
 * Opens the store in the browser's database of this name (`burrow` unless given), and makes it if it is not there. One
 * page at a time has it: rejects if another page does.
 */
export function openIndexedDB(name?: string): Promise<Store>;

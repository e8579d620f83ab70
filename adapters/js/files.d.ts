import type { Store } from './burrow.js';

/**
 * Opens the store in a directory, which must be there. Other processes may have it open, too: `burrow --store files:PATH`
 * reads and writes the same files. Throws if the directory is not there.
 */
export function openFiles(path: string): Store;

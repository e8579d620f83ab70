// A store in a directory, for Node.js: each value is a file, each counter a directory, as ../filesystem has them.
//
//   keys/SHARD/NAME      a value; or, if it is a directory, a counter
//   tmp/                 files that are being written
//
// Any number of processes may use it at once. A value is written to a temporary file, synced, and renamed into its place,
// whose directory is then synced: a reader sees the old value or the new one, whole, and what was acknowledged survives a
// failure of the power.
//
// Every call holds up its thread until the disk has answered: `increment` may not wait, and goes through the same files.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join } from 'node:path';

import * as counter from './counter.mjs';
import { make, sync } from './directory.mjs';
import { fileName, shard } from './name.mjs';
import { toBytes } from './number.mjs';

/** After this many milliseconds a temporary file is what a process left that died. */
const ABANDONED = 3_600_000;

/** Opens the store in a directory, which must be there. */
export function openFiles(root) {
  const store = new FilesStore(root);
  try {
    store.prepare();
  } catch (error) {
    throw new Error(`the directory ${root} cannot be used: ${error.message}`, { cause: error });
  }
  return store;
}

class FilesStore {
  #keys;
  #temporary;

  constructor(root) {
    this.#keys = join(root, 'keys');
    this.#temporary = join(root, 'tmp');
  }

  prepare() {
    make(this.#keys);
    make(this.#temporary);
    for (const name of fs.readdirSync(this.#temporary)) {
      const path = join(this.#temporary, name);
      // Another process may be faster to remove it.
      const written = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs;
      if (Date.now() - written > ABANDONED) fs.rmSync(path, { force: true });
    }
  }

  async get(key) {
    return this.#act('read', key, (path) => {
      try {
        return new Uint8Array(fs.readFileSync(path));
      } catch (error) {
        if (error.code === 'ENOENT') return undefined;
        if (error.code !== 'EISDIR') throw error;
      }
      const value = counter.read(path);
      return value === undefined ? undefined : toBytes(value);
    });
  }

  async set(key, value) {
    this.#act('write', key, (path) => {
      const written = this.#write(value);
      try {
        try {
          fs.renameSync(written, path);
        } catch (error) {
          if (error.code !== 'ENOENT') throw error;
          make(dirname(path));
          fs.renameSync(written, path);
        }
      } catch (error) {
        fs.unlinkSync(written);
        throw error;
      }
      sync(dirname(path));
    });
  }

  async delete(key) {
    this.#act('delete', key, (path) => {
      const found = fs.statSync(path, { throwIfNoEntry: false });
      if (found === undefined) return;
      if (found.isDirectory()) counter.remove(path);
      else fs.rmSync(path, { force: true });
      sync(dirname(path));
    });
  }

  increment(key, delta) {
    return this.#act('raise', key, (path) => {
      if (delta === 0n) return counter.read(path) ?? 0n;
      // Making the counter also fails without its shard, so the shard comes first.
      if (!fs.existsSync(path)) make(dirname(path));
      return counter.raise(path, delta, (value) => this.#write(value));
    });
  }

  #act(what, key, act) {
    const path = join(this.#keys, shard(key), fileName(key));
    try {
      return act(path);
    } catch (error) {
      const reason = { EISDIR: 'it is a counter', ENOTDIR: 'it is no counter' }[error.code] ?? error.message;
      throw new Error(`cannot ${what} ${key}: ${reason}`, { cause: error });
    }
  }

  /** Writes a temporary file, durably, and returns its path. */
  #write(bytes) {
    const path = join(this.#temporary, randomBytes(8).toString('hex'));
    const file = fs.openSync(path, 'wx');
    try {
      fs.writeFileSync(file, bytes);
      fs.fdatasyncSync(file);
    } catch (error) {
      fs.unlinkSync(path);
      throw error;
    } finally {
      fs.closeSync(file);
    }
    return path;
  }
}

// Counters that several processes may raise at once, without locks, though any of them may die at any time: the same as
// in ../filesystem/src/counter.rs, which says why it works.
//
// A counter is a directory with a file for each of its last values, named by how often the counter was raised. To raise
// it, one writes the next value to a temporary file and links that to the next number. The file system lets exactly one
// link to a name succeed. Whoever comes too late begins again.

import fs from 'node:fs';
import { join } from 'node:path';

import { make, sync } from './directory.mjs';
import { add } from './number.mjs';

/**
 * How many of the last values stay. A caller that is overtaken so often between two of its steps gives up. It must be the
 * same in counter.rs: the one must not remove what the other still counts from.
 */
const KEPT = 64;

/** How often a caller that comes too late begins again. */
const ATTEMPTS = 1000;

/** The value of the counter in a directory; `undefined` if it was never raised. */
export function read(directory) {
  return latest(directory)?.value;
}

/**
 * Adds to the counter in a directory, which is made if it is not there, and returns the sum. `write` writes a temporary
 * file, durably, and returns its path.
 */
export function raise(directory, delta, write) {
  return attempt(() => {
    let last = latest(directory);
    if (last === undefined) {
      make(directory);
      last = { times: 0, value: 0n };
    }
    const value = add(last.value, delta);
    const times = last.times + 1;
    const written = write(String(value));
    try {
      fs.linkSync(written, join(directory, String(times)));
    } catch (error) {
      // Another was faster to raise it, or has removed it.
      if (error.code === 'EEXIST' || error.code === 'ENOENT') return undefined;
      throw error;
    } finally {
      fs.unlinkSync(written);
    }
    sync(directory);
    confirm(directory, times);
    return { result: value };
  });
}

/** Fails if a link came too late to count. Else removes old values: in batches, the oldest first. */
function confirm(directory, linked) {
  const all = numbers(directory);
  const newest = all.at(-1) ?? 0;
  if (newest >= linked + KEPT) {
    // Its number may have been taken and removed before, so this value may count for nothing.
    throw new Error('others raised it while this caller was stopped');
  }
  if (all.length > 2 * KEPT) {
    // Never the value from which somebody may be counting on.
    const old = all.filter((times) => times + KEPT <= newest);
    for (const times of old) fs.rmSync(join(directory, String(times)), { force: true });
  }
}

/** Removes a counter. Who raises it at the same time makes it anew. */
export function remove(directory) {
  attempt(() => {
    for (const times of numbers(directory)) fs.rmSync(join(directory, String(times)), { force: true });
    try {
      fs.rmdirSync(directory);
    } catch (error) {
      if (error.code === 'ENOTEMPTY') return undefined;
      if (error.code !== 'ENOENT') throw error;
    }
    return {};
  });
}

function latest(directory) {
  return attempt(() => {
    const times = numbers(directory).at(-1);
    if (times === undefined) return {};
    let text;
    try {
      text = fs.readFileSync(join(directory, String(times)), 'utf8');
    } catch (error) {
      // Removed meanwhile, with the counter or because there are newer ones.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }
    if (!/^-?\d+$/.test(text)) throw new Error('it is damaged');
    return { result: { times, value: BigInt(text) } };
  });
}

/** Tries until there is an outcome. */
function attempt(act) {
  for (let n = 0; n < ATTEMPTS; n++) {
    const outcome = act();
    if (outcome !== undefined) return outcome.result;
  }
  throw new Error('others raise it all the time');
}

/** The numbers in the directory, the lowest first; none if it is not there. */
function numbers(directory) {
  try {
    const names = fs.readdirSync(directory).filter((name) => /^\d+$/.test(name));
    return names.map(Number).sort((one, other) => one - other);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

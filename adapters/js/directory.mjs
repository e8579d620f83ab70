// Directories whose names survive a failure of the power.

import fs from 'node:fs';
import { dirname } from 'node:path';

/** Makes a directory, durably, unless it is there. */
export function make(directory) {
  try {
    fs.mkdirSync(directory);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    // A file in its place is no directory.
    if (fs.statSync(directory).isDirectory()) return;
    throw Object.assign(new Error(`${directory} is no directory`), { code: 'ENOTDIR' });
  }
  sync(dirname(directory));
}

/** Makes the names in a directory durable. */
export function sync(directory) {
  const handle = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

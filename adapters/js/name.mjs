// File names of keys, as in ../filesystem/src/name.rs: every key has one, and no two keys have the same, whether or not
// the file system knows case.

import { Buffer } from 'node:buffer';

/** The longest file name, in bytes, that common file systems take. */
const LONGEST = 255;

/**
 * The file name of a key: what is no lower-case letter, digit, `_` or `-`, and no dot behind the first byte, stands as `%`
 * and two hexadecimal digits.
 */
export function fileName(key) {
  let name = '';
  for (const byte of Buffer.from(key)) {
    const character = String.fromCharCode(byte);
    const stays = /[a-z0-9_-]/.test(character) || (character === '.' && name !== '');
    name += stays ? character : `%${byte.toString(16).padStart(2, '0')}`;
  }
  if (name === '' || name.length > LONGEST) {
    throw new Error(`no file can be named after the key ${JSON.stringify(key)}`);
  }
  return name;
}

/** The shard of a key, 00 to ff: the low byte of its FNV-1a hash. It keeps directories small. */
export function shard(key) {
  const hash = Buffer.from(key).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
  return (hash & 0xff).toString(16).padStart(2, '0');
}

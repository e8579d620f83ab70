// Pictures for tests.

import { readFile } from 'node:fs/promises';

/** A picture that stays as it is when it is repacked. */
export const gallery = await readFile(new URL('../../../docs/screenshots/gallery.webp', import.meta.url));

/** A bitmap of 24 bits, which repacking makes smaller. */
export function stripes(width, height) {
  const row = Math.ceil((width * 3) / 4) * 4;
  const bytes = Buffer.alloc(54 + row * height);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let at = 54; at < bytes.length; at++) bytes[at] = (at * at) >> 7;
  return bytes;
}

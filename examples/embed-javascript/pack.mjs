// Makes pictures smaller without loss, and restores them, by Burrow's codecs inside this process.
//
//     node pack.mjs pack photo.jpg photo.jpg.brw
//     node pack.mjs unpack photo.jpg.brw photo.jpg
//
// `npm run transpile` makes codec/ of target/burrow-codec.wasm.

import { readFile, writeFile } from 'node:fs/promises';

import { imageCodec } from './codec/codec.js';

const MEMORY = 256n << 20n; // The most that packing may take, in bytes.
const LARGEST = 256n << 20n; // The largest picture that is restored, in bytes.

const [verb, source, target] = process.argv.slice(2);
const before = await readFile(source);
if (verb === 'pack') {
  const { bytes, codec } = imageCodec.pack(before, 'fast', MEMORY);
  await writeFile(target, bytes);
  console.log(`${source}: ${before.length} bytes, packed by ${codec} into ${bytes.length}`);
} else {
  // Throws if a byte is damaged: `error.payload` is one of the errors of the interface.
  const after = imageCodec.unpack(before, LARGEST);
  await writeFile(target, after);
  console.log(`${target}: ${after.length} bytes, as they were`);
}

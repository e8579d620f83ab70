// Tests the codecs in Node.js: `npm test`, or `cargo xtask examples`.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { imageCodec } from './codec/codec.js';

const fixture = (path) => fileURLToPath(new URL(`../../tests/fixtures/${path}`, import.meta.url));
const ROOM = 1n << 28n;

test('pictures become smaller and come back', async () => {
  for (const [path, effort, expected] of [
    ['lepton-1/baseline.jpg', 'fast', 'lepton'],
    ['images/interlaced.png', 'fast', 'pixels-fast'],
    ['images/interlaced.png', 'small', 'pixels'],
  ]) {
    const picture = await readFile(fixture(path));
    const { bytes, codec } = imageCodec.pack(picture, effort, ROOM);
    assert.equal(codec, expected);
    assert.ok(bytes.length < picture.length);
    assert.deepEqual(Buffer.from(imageCodec.unpack(bytes, ROOM)), picture);
  }
});

test('damage and pictures that are too large are errors', async () => {
  const picture = await readFile(fixture('lepton-1/baseline.jpg'));
  const { bytes } = imageCodec.pack(picture, 'fast', ROOM);
  const failed = (tag) => (error) => error.payload.tag === tag;
  assert.throws(() => imageCodec.unpack(bytes.slice(0, -1), ROOM), failed('corrupt'));
  assert.throws(() => imageCodec.unpack(bytes, 100n), failed('too-large'));
});

test('the program packs and unpacks files', async () => {
  const [run, directory] = [promisify(execFile), await mkdtemp(join(tmpdir(), 'burrow-codec-'))];
  const program = fileURLToPath(new URL('pack.mjs', import.meta.url));
  const [original, packed, restored] = [fixture('lepton-1/baseline.jpg'), join(directory, 'p'), join(directory, 'r')];
  const { stdout } = await run(process.execPath, [program, 'pack', original, packed]);
  assert.match(stdout, /packed by lepton/);
  await run(process.execPath, [program, 'unpack', packed, restored]);
  assert.deepEqual(await readFile(restored), await readFile(original));
});

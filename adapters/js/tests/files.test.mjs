// Tests the store in a directory: alone, under the vault, and with the program `burrow` over the same files.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { open } from 'burrow-vault';
import { openFiles } from 'burrow-vault/files';

import { raise, read } from '../counter.mjs';
import { fileName, shard } from '../name.mjs';
import { gallery, stripes } from './pictures.mjs';

const program = fileURLToPath(new URL('../../../target/release/burrow', import.meta.url));
const reader = fileURLToPath(new URL('read.mjs', import.meta.url));

function directory(t) {
  const path = mkdtempSync(join(tmpdir(), 'burrow-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('names and shards are those of the adapter', () => {
  assert.equal(fileName('b1:s:settled'), 'b1%3as%3asettled');
  assert.equal(fileName('..'), '%2e.');
  assert.equal(fileName('Ä_-0.b'), '%c3%84_-0.b');
  assert.throws(() => fileName(''), /no file can be named/);
  assert.throws(() => fileName(':'.repeat(86)), /no file can be named/);
  // Digests of FNV-1a, 32 bits: 811c9dc5, e40c292c, bf9cf968.
  assert.deepEqual(['', 'a', 'foobar'].map(shard), ['c5', '2c', '68']);
});

test('values are no counters', async (t) => {
  const root = directory(t);
  const store = openFiles(root);
  await store.set('value', new Uint8Array([49, 50]));
  assert.throws(() => store.increment('value', 1n), /^Error: cannot raise value: it is no counter$/);
  assert.equal(store.increment('counter', 258n), 258n);
  assert.deepEqual(await store.get('counter'), new Uint8Array([2, 1, 0, 0, 0, 0, 0, 0]));
  await assert.rejects(store.set('counter', new Uint8Array(1)), /cannot write counter: it is a counter/);
  assert.deepEqual(await openFiles(root).get('value'), new Uint8Array([49, 50]));
  for (const key of ['counter', 'value', 'value']) await store.delete(key);
  assert.deepEqual([await store.get('value'), store.increment('counter', 0n)], [undefined, 0n]);
  assert.deepEqual(readdirSync(join(root, 'tmp')), []);
});

test('counters keep their last values, and whoever comes too late begins again or gives up', (t) => {
  const root = directory(t);
  const counter = join(root, 'counter');
  let files = 0;
  const write = (value) => {
    const path = join(root, `tmp-${files++}`);
    writeFileSync(path, value);
    return path;
  };
  for (let n = 1n; n <= 200n; n++) assert.equal(raise(counter, 2n, write), 2n * n);
  assert.ok(readdirSync(counter).length <= 2 * 64);
  const overtaken = (times) => (value) => {
    for (; times > 0; times--) raise(counter, 10n, write);
    return write(value);
  };
  assert.equal(raise(counter, 1n, overtaken(1)), 411n);
  assert.throws(() => raise(counter, 1n, overtaken(129)), /while this caller was stopped/);
  assert.throws(() => raise(counter, 2n ** 63n - 1n, write), /out of range/);
  assert.equal(read(counter), 1701n);
  assert.deepEqual(readdirSync(root), ['counter'], 'temporary files are left');
});

test('only what was abandoned is swept, and a directory that is not there is told', (t) => {
  const root = directory(t);
  mkdirSync(join(root, 'tmp'));
  for (const name of ['old', 'new']) writeFileSync(join(root, 'tmp', name), '');
  utimesSync(join(root, 'tmp/old'), 0, Date.now() / 1000 - 7200);
  openFiles(root);
  assert.deepEqual(readdirSync(join(root, 'tmp')), ['new']);
  assert.throws(() => openFiles(join(root, 'none')), /none cannot be used/);
});

test('another process, and the program burrow, read what was stored', async (t) => {
  const root = directory(t);
  const vault = await open(openFiles(root), { compression: 'small' });
  const bitmap = await vault.put(stripes(200, 150), { name: 'stripes.bmp', tags: ['river'] });
  const webp = await vault.put(gallery, { name: 'gallery.webp' });
  assert.equal((await vault.repack(bitmap.id)).outcome, 'smaller');
  const originals = { [bitmap.id]: stripes(200, 150), [webp.id]: gallery };
  for (const [id, original] of Object.entries(originals)) {
    const read = execFileSync(process.execPath, ['--experimental-wasm-jspi', reader, root, id]);
    assert.deepEqual(read, original);
  }

  if (!existsSync(program)) return t.diagnostic('target/release/burrow is not built, so it was not tried');
  const burrow = (...verb) => execFileSync(program, ['--store', `files:${root}`, ...verb], { encoding: 'utf8' });
  assert.match(burrow('ls', '--tag', 'river'), /stripes\.bmp/);
  for (const { id, name } of [bitmap, webp]) {
    const copy = join(root, name);
    burrow('get', name, '-o', copy);
    assert.deepEqual(readFileSync(copy), originals[id]);
  }
  burrow('rm', webp.id);
  await assert.rejects(vault.get(webp.id), { code: 'not-found' });
  burrow('verify');
});

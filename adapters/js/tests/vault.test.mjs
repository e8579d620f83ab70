// Tests the vault over a store in memory.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BurrowError, open } from 'burrow-vault';
import { openMemory } from 'burrow-vault/memory';

import { gallery, stripes } from './pictures.mjs';

const bitmap = stripes(200, 150);

const bytes = async (stream) => Buffer.from(await new Response(stream).arrayBuffer());

/** Expects a call to be refused with this code, and a sentence like this. */
async function refused(call, code, sentence) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof BurrowError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, sentence);
    return true;
  });
}

test('what is put comes back exactly, before and after it is made smaller', async () => {
  const vault = await open(openMemory(), { compression: 'small' });
  const put = await vault.put(new Blob([bitmap]).stream(), { name: 'stripes.bmp', tags: ['river'] });
  assert.equal(put.status, 'ready');
  assert.equal(put.content.size, bitmap.length);
  assert.ok(Math.abs(put.created - Date.now()) < 60_000);
  assert.deepEqual(await bytes(await vault.read(put.id)), bitmap);

  const repacked = await vault.repack(put.id);
  assert.equal(repacked.outcome, 'smaller');
  assert.ok(repacked.after < repacked.before);
  assert.equal((await vault.get(put.id)).content.storedSize, repacked.after);
  assert.deepEqual(await bytes(await vault.read(put.id)), bitmap);
  assert.deepEqual(await bytes(await vault.read(put.id, { first: 60, last: 70_000 })), bitmap.subarray(60, 70_001));
  assert.deepEqual(await bytes(await vault.read(put.id, { first: bitmap.length - 5 })), bitmap.subarray(-5));

  const webp = await vault.put(new Uint8Array(gallery));
  assert.deepEqual(await bytes(await vault.read(webp.id)), gallery);
  assert.equal((await vault.repack(webp.id)).outcome, 'kept');
  const { images, originalBytes } = await vault.stats();
  assert.deepEqual([images, originalBytes], [2, bitmap.length + gallery.length]);
});

test('lists have pages and conditions', async () => {
  const vault = await open(openMemory());
  for (const name of ['a', 'b', 'c']) await vault.put(new Blob([gallery]), { name, tags: name === 'b' ? ['river'] : [] });
  const first = await vault.list({}, undefined, 2);
  assert.deepEqual(first.images.map((image) => image.name), ['c', 'b']);
  const second = await vault.list({}, first.next, 2);
  assert.deepEqual([second.images.map((image) => image.name), second.next], [['a'], undefined]);
  assert.deepEqual((await vault.list({ tags: ['river'] })).images.map((image) => image.name), ['b']);
  assert.deepEqual((await vault.list({ since: Date.now() + 60_000 })).images, []);
  assert.deepEqual((await vault.list({ oldestFirst: true })).images.map((image) => image.name), ['a', 'b', 'c']);
});

test('calls that are refused tell why', async () => {
  const vault = await open(openMemory(), { max_image_bytes: bitmap.length });
  const { id } = await vault.put(bitmap);
  await refused(vault.get('x'), 'invalid-input', /"x" is not the id of an image/);
  await refused(vault.put(new Blob(['none'])), 'not-an-image', /^not an image: /);
  await refused(vault.put(stripes(200, 151)), 'limit-exceeded', /^more than the limit max_image_bytes = 90054 allows/);
  await refused(vault.read(id, { first: bitmap.length }), 'range-not-satisfiable', /of 90054 bytes$/);
  assert.equal(await vault.remove(id), true);
  assert.equal(await vault.remove(id), false);
  await refused(vault.read(id), 'not-found', /^no such image$/);
  await refused(open(openMemory(), { max_image_bytes: 'many' }), 'invalid-input', /max_image_bytes cannot be read/);
});

test('a stream that fails stores nothing', async () => {
  const vault = await open(openMemory());
  const cut = (second) => {
    const chunks = [new Uint8Array(bitmap.subarray(0, 80_000)), second];
    return new ReadableStream({
      pull(controller) {
        const chunk = chunks.shift();
        if (chunk instanceof Error) controller.error(chunk);
        else controller.enqueue(chunk);
      },
    });
  };
  await assert.rejects(vault.put(cut(new Error('the line was cut'))), /the line was cut/);
  await assert.rejects(vault.put(cut('text')), /no Uint8Array/);
  assert.equal((await vault.stats()).images, 0);
  assert.deepEqual((await vault.list()).images, []);
  await vault.put(bitmap);
});

test('damaged, missing and unreadable content fails the stream', async () => {
  const store = openMemory();
  let change = (value) => value;
  // Only contents have so many bytes.
  const get = async (key) => {
    const value = await store.get(key);
    return value?.length > 10_000 ? change(value) : value;
  };
  const vault = await open({ ...store, get });
  const { id } = await vault.put(gallery);
  change = (value) => value.with(value.length - 1, value.at(-1) ^ 1);
  await refused(vault.read(id).then(bytes), 'corrupt', /./);
  change = () => undefined;
  await refused(vault.read(id).then(bytes), 'corrupt', /./);
  change = () => {
    throw new Error('the disk is gone');
  };
  await refused(vault.read(id).then(bytes), 'store-failed', /the disk is gone/);
  change = (value) => value;
  assert.deepEqual(await bytes(await vault.read(id)), gallery);
});

test('a stream can be given up, and vaults do not mix', async () => {
  const [one, other] = await Promise.all([open(openMemory()), open(openMemory())]);
  const { id } = await one.put(stripes(600, 400));
  const reader = (await one.read(id)).getReader();
  await reader.read();
  await reader.cancel();
  await (await one.read(id)).cancel();
  await refused(other.get(id), 'not-found', /./);
  const puts = await Promise.all([bitmap, gallery, bitmap].map((content) => one.put(content)));
  const originals = await Promise.all(puts.map(({ id }) => one.read(id).then(bytes)));
  assert.deepEqual(originals, [bitmap, gallery, bitmap]);
});

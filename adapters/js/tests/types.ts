// Compiled, never run: every call has the types that it states.

import { BurrowError, open, type Code, type Image, type Page, type Repacked, type Store, type Vault } from 'burrow-vault';
import { openFiles } from 'burrow-vault/files';
import { openIndexedDB } from 'burrow-vault/indexeddb';
import { openMemory } from 'burrow-vault/memory';

const stores: Store[] = [openMemory(), openFiles('/srv/images'), await openIndexedDB(), await openIndexedDB('other')];

const vault: Vault = await open(openMemory(), { compression: 'small', max_image_bytes: 1e6, allow_private_network: false });
const image: Image = await vault.put(new Uint8Array(8), { name: 'a.png', tags: ['river'] });
await vault.put(new Blob([]).stream());
await vault.put(new Blob([]), {});
const size: number | undefined = image.content?.size;
const stream: ReadableStream<Uint8Array<ArrayBuffer>> = await vault.read(image.id, { first: 0 });
const page: Page = await vault.list({ tags: [], status: 'ready' }, undefined, 10);
const next: string | undefined = page.next;
const removed: boolean = await vault.remove(image.id);
const repacked: Repacked = await vault.repack(image.id);
const saved: number = repacked.outcome === 'smaller' ? repacked.before - repacked.after : 0;

// @ts-expect-error: text is no image
await vault.put('text');
// @ts-expect-error: ranges are numbers
await vault.read(image.id, { first: 0n });
// @ts-expect-error: no such status
await vault.list({ status: 'done' });
// @ts-expect-error: `after` is there only if it became smaller
repacked.after;
// @ts-expect-error: only Burrow makes them
new BurrowError();

export function code(error: unknown): Code | undefined {
  return error instanceof BurrowError ? error.code : undefined;
}

export default [stores, size, stream, page.images, next, removed, saved];

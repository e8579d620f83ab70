// The vault, for programs in JavaScript: burrow.wasm over a store, and its calls with streams and errors of the platform.

import { instantiate } from './component/burrow.js';
import { imports } from './host.mjs';

/** The most bytes that one read of an original takes. */
const CHUNK = 65536;

const modules = new Map();

/** A core module of the component; all instances share it. */
function coreModule(name) {
  if (!modules.has(name)) {
    const compiled = compile(new URL(`./component/${name}`, import.meta.url));
    modules.set(name, compiled);
    // The next one tries again.
    compiled.catch(() => modules.delete(name));
  }
  return modules.get(name);
}

async function compile(url) {
  if (url.protocol !== 'file:') return WebAssembly.compileStreaming(fetch(url));
  const { readFile } = await import('node:fs/promises');
  return WebAssembly.compile(await readFile(url));
}

/** Why Burrow refused a call, or could not answer it. */
export class BurrowError extends Error {
  constructor({ tag, val }) {
    super(sentence(tag, val));
    this.name = 'BurrowError';
    this.code = tag;
  }
}

/** Burrow's own sentence; where it gives only numbers, the one that the program `burrow` has for them. */
function sentence(tag, val) {
  switch (tag) {
    case 'not-found':
      return 'no such image';
    case 'wrong-status':
      return `the image is ${val}, so this is not possible`;
    case 'range-not-satisfiable':
      return `the range lies outside the content of ${val} bytes`;
    case 'limit-exceeded':
      return `more than the limit ${val.limit} = ${val.allowed} allows: at least ${val.seen}`;
    default:
      return val;
  }
}

/** Opens the vault in a store. */
export async function open(store, settings = {}) {
  if (!('Suspending' in WebAssembly)) {
    throw new Error('JSPI is missing, which Chromium 137 and newer have, and Node.js 24 with --experimental-wasm-jspi.');
  }
  const vault = new Vault(() => instantiate(coreModule, imports(store, settings)));
  // A setting that cannot be read fails here, and not at some later call.
  await vault.stats();
  return vault;
}

class Vault {
  #make;
  #instance;

  constructor(make) {
    this.#make = make;
  }

  async put(content, { name, tags = [] } = {}) {
    const stream = content instanceof ReadableStream ? content : new Blob([content]).stream();
    const bytes = stream.pipeThrough(new TransformStream({ transform: onlyBytes }));
    return plain(await this.#call(({ vault }) => vault.put(bytes, { name, tags })));
  }

  async get(id) {
    return plain(await this.#call(({ vault }) => vault.get(id)));
  }

  async read(id, range) {
    const bytes = range && { first: BigInt(range.first), last: whole(range.last) };
    const [, stream, complete] = await this.#call(({ vault }) => vault.open(id, bytes));
    return new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await stream.read({ count: CHUNK });
          if (!done) return controller.enqueue(Uint8Array.from(value));
          const end = await complete;
          if (end.tag === 'err') throw new BurrowError(end.val);
          controller.close();
        },
        async cancel() {
          await stream.return();
          // As long as nobody takes the outcome, the instance waits, and the process does not end.
          await complete;
        },
      },
      // Nothing is unpacked before somebody reads.
      { highWaterMark: 0 },
    );
  }

  async list({ tags = [], since, until, oldestFirst = false, ...filter } = {}, cursor, limit = 100) {
    const all = { ...filter, tags, since: whole(since), until: whole(until), oldestFirst };
    return plain(await this.#call(({ vault }) => vault.listImages(all, cursor, limit)));
  }

  async remove(id) {
    return this.#call(({ vault }) => vault.remove(id));
  }

  async repack(id) {
    // A codec may kill its instance, and memory that an instance took it keeps. So this one is for this call only.
    const { maintenance } = await this.#make();
    const { tag, val } = await answer(maintenance.repack(id));
    if (tag === 'smaller') return { outcome: tag, ...plain(val) };
    return tag === 'kept' ? { outcome: tag, reason: val } : { outcome: tag };
  }

  async stats() {
    return plain(await this.#call(({ vault }) => vault.stats()));
  }

  async #call(act) {
    const instance = (this.#instance ??= this.#make());
    try {
      return await answer(act(await instance));
    } catch (error) {
      // What Burrow did not answer may have left the instance in any state. Later calls get a fresh one.
      if (!(error instanceof BurrowError) && this.#instance === instance) this.#instance = undefined;
      throw error;
    }
  }
}

async function answer(call) {
  try {
    return await call;
  } catch (error) {
    throw error?.payload?.tag ? new BurrowError(error.payload) : error;
  }
}

/** Passes chunks of bytes on. The component would make bytes of anything else. */
function onlyBytes(chunk, controller) {
  if (!(chunk instanceof Uint8Array)) throw new TypeError('a chunk of the stream is no Uint8Array');
  controller.enqueue(chunk);
}

const whole = (number) => (number === undefined ? undefined : BigInt(number));

/** An answer with its numbers of 64 bits as numbers: sizes and times are far below 2^53. */
function plain(value) {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

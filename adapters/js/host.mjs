// What burrow.wasm imports: the store, its settings, and WASI.

import * as cli from '@bytecodealliance/preview2-shim/cli';
import { wallClock } from '@bytecodealliance/preview2-shim/clocks';
import { error, poll, streams } from '@bytecodealliance/preview2-shim/io';
import { insecureSeed } from '@bytecodealliance/preview2-shim/random';
import { monotonicClock, systemClock } from '@bytecodealliance/preview3-shim/clocks';
import { client, types } from '@bytecodealliance/preview3-shim/http';
import { random } from '@bytecodealliance/preview3-shim/random';

const WASI = {
  'wasi:cli/environment': cli.environment,
  'wasi:cli/exit': cli.exit,
  'wasi:cli/stderr': cli.stderr,
  'wasi:cli/stdin': cli.stdin,
  'wasi:cli/stdout': cli.stdout,
  'wasi:cli/terminal-input': cli.terminalInput,
  'wasi:cli/terminal-output': cli.terminalOutput,
  'wasi:cli/terminal-stderr': cli.terminalStderr,
  'wasi:cli/terminal-stdin': cli.terminalStdin,
  'wasi:cli/terminal-stdout': cli.terminalStdout,
  'wasi:clocks/monotonic-clock': monotonicClock,
  'wasi:clocks/system-clock': systemClock,
  'wasi:clocks/wall-clock': wallClock,
  'wasi:http/client': client,
  'wasi:http/types': types,
  'wasi:io/error': error,
  'wasi:io/poll': poll,
  'wasi:io/streams': streams,
  'wasi:random/insecure-seed': insecureSeed,
  'wasi:random/random': random,
};

/** An error of the store, as both interfaces of stores have it. */
const other = (error) => ({ tag: 'other', val: error?.message ?? String(error) });

/** The imports of an instance over a store. */
export function imports(store, settings) {
  const known = new Map(Object.entries(settings).map(([name, value]) => [name, String(value)]));
  // Only a store that nobody else has open gives one; Burrow then knows that all workers of other generations are gone.
  if (store.generation !== undefined) known.set('generation', String(store.generation));

  // Burrow lists keys only to verify a whole vault, which burrow.mjs does not offer, so no store lists them.
  class Store {
    static async open(label) {
      if (label !== 'default') throw { tag: 'no-such-store' };
      return new Store();
    }

    async get(key) {
      return answer(() => store.get(key));
    }

    async set(key, value) {
      await answer(() => store.set(key, new Uint8Array(value)));
    }

    async delete(key) {
      await answer(() => store.delete(key));
    }
  }

  class Bucket {}

  return {
    ...WASI,
    'spin:key-value/key-value': { Store },
    'spin:variables/variables': {
      async get(name) {
        if (!known.has(name)) throw { tag: 'undefined', val: name };
        return known.get(name);
      },
    },
    'wasi:keyvalue/store': {
      Bucket,
      open(label) {
        if (label !== 'default') throw { tag: 'no-such-store' };
        return new Bucket();
      },
    },
    'wasi:keyvalue/atomics': {
      increment(_bucket, key, delta) {
        try {
          return store.increment(key, delta);
        } catch (error) {
          throw other(error);
        }
      },
    },
  };
}

async function answer(act) {
  try {
    return await act();
  } catch (error) {
    throw other(error);
  }
}

/** Where a vault keeps everything: `openMemory`, `openFiles`, `openIndexedDB`, or an object of yours with these calls. */
export interface Store {
  /**
   * A number above 0 that no earlier opening of this store had. Only a store that nobody else has open may have it: Burrow
   * takes it as proof that all earlier workers are gone.
   */
  readonly generation?: bigint;
  /** The value of a key; that of a counter is 8 bytes, the lowest first. `undefined` if the key is not there. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Sets the value of a key. When it resolves, the value is as durable as the store ever makes it. */
  set(key: string, value: Uint8Array): Promise<void>;
  /** Deletes a key or a counter, if it is there. */
  delete(key: string): Promise<void>;
  /**
   * Adds to a counter and returns the sum, before it returns. A counter that is not there counts from 0; adding 0 writes
   * nothing.
   */
  increment(key: string, delta: bigint): bigint;
}

/** Settings by their names in docs/http-api.md, such as `max_image_bytes` and `compression`. Others are passed over. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

export type Status = 'pending' | 'storing' | 'ready' | 'failed';

export type Packing = 'raw' | 'deflate' | 'lepton' | 'pixels' | 'pixels-fast' | 'lzma';

/** What is known once an image is `ready`. */
export interface Content {
  /** Detected from the bytes, such as `image/png`. */
  mediaType: string;
  width: number | undefined;
  height: number | undefined;
  /** How the pixels are turned when they are shown, by its number in EXIF: 1 to 8. */
  orientation: number | undefined;
  animated: boolean | undefined;
  /** Bytes of the original. */
  size: number;
  /** Bytes of the packed form. */
  storedSize: number;
  /** SHA-256 of the original: 64 lower-case hexadecimal digits. */
  sha256: string;
  packing: Packing;
  /** Milliseconds that unpacking took when it was checked, if the image was repacked. */
  unpackMs: number | undefined;
  /** Why repacking left the image as it is, if it was tried. */
  kept: string | undefined;
}

export interface Image {
  id: string;
  name: string;
  tags: string[];
  /** Where it was downloaded; `undefined` if the bytes were given. */
  source: { url: string; referrer: string | undefined } | undefined;
  status: Status;
  attempts: number;
  /** Why it failed. Present only with `failed`. */
  error: string | undefined;
  /** Milliseconds since 1970, as `Date.now()` has them. */
  created: number;
  updated: number;
  /** Present only with `ready`. */
  content: Content | undefined;
}

/** The name and tags of a new image. Without a name it is named after its id. */
export interface Label {
  name?: string | undefined;
  tags?: readonly string[] | undefined;
}

/** Bytes `first` to `last`, both included, counted from 0; to the end without `last`. */
export interface Range {
  first: number;
  last?: number | undefined;
}

/** Which images to list: those that meet every condition given. */
export interface Filter {
  /** They have all these tags. */
  tags?: readonly string[] | undefined;
  status?: Status | undefined;
  /** Their names, or the paths of their URLs, have all these words; the last may be the beginning of a word. */
  words?: string | undefined;
  /** Their URLs have this host. */
  host?: string | undefined;
  /** They are of this media type, or their files have this usual extension. */
  mediaType?: string | undefined;
  /** They were accepted at this time or later, in milliseconds since 1970. */
  since?: number | undefined;
  /** They were accepted before this time. */
  until?: number | undefined;
  /** Whether those accepted first come first. */
  oldestFirst?: boolean | undefined;
}

export interface Page {
  images: Image[];
  /** The cursor of the next page; `undefined` on the last. */
  next: string | undefined;
  /** Whether the index of the vault is missing or damaged, so that only the next 1,000 images were looked at. */
  unindexed: boolean;
}

export type Repacked =
  | { outcome: 'smaller'; before: number; after: number }
  | { outcome: 'kept'; reason: string }
  /** Another caller repacks it. */
  | { outcome: 'busy' };

export interface Statistics {
  /** Images that are `ready`. */
  images: number;
  pending: number;
  failed: number;
  originalBytes: number;
  storedBytes: number;
  repacked: number;
  savedBytes: number;
  lastUploaded: number | undefined;
}

export type Code =
  | 'invalid-input'
  | 'not-found'
  | 'wrong-status'
  | 'range-not-satisfiable'
  | 'limit-exceeded'
  | 'not-an-image'
  | 'fetch-failed'
  | 'corrupt'
  | 'newer'
  | 'store-failed';

/** Why Burrow refused a call, or could not answer it. `message` is a sentence for people. */
export class BurrowError extends Error {
  private constructor();
  readonly name: 'BurrowError';
  readonly code: Code;
}

/**
 * A vault. All calls may run at once. A call that Burrow refuses or cannot do rejects with a `BurrowError`; one with an
 * argument of a wrong type, with a stream that fails, or whose instance dies, with another error.
 */
export interface Vault {
  /**
   * Stores an image. If a stream fails, `put` rejects with its error. Whenever it rejects, nothing is stored.
   */
  put(content: ReadableStream<Uint8Array> | Blob | Uint8Array<ArrayBuffer>, label?: Label): Promise<Image>;
  get(id: string): Promise<Image>;
  /**
   * Opens the original, or a range of it. Every chunk is checked before it is given; the stream fails with a
   * `BurrowError` (`corrupt`, `store-failed`) where the content is damaged. Read the stream to its end, or cancel it.
   */
  read(id: string, range?: Range): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
  /** Lists images, the newest first: those after `cursor`, at most `limit` (1 to 1000; 100 unless given). */
  list(filter?: Filter, cursor?: string, limit?: number): Promise<Page>;
  /** Removes an image. Resolves to whether there was one. */
  remove(id: string): Promise<boolean>;
  /** Makes an image smaller, without loss. It may hold up the thread for a second per MB. */
  repack(id: string): Promise<Repacked>;
  stats(): Promise<Statistics>;
}

/** Opens the vault in a store. Rejects if the runtime lacks JSPI, or a setting cannot be read. */
export function open(store: Store, settings?: Settings): Promise<Vault>;

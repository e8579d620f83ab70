// Pictures for tests.

import { readFile } from 'node:fs/promises';

import { bitmap } from '../../../tests/browser/origin.js';

/** A picture that stays as it is when it is repacked. */
export const gallery = await readFile(new URL('../../../docs/screenshots/gallery.webp', import.meta.url));

/** A bitmap, which repacking makes smaller. */
export const stripes = (width, height) => bitmap(1, width, height);

// A process of its own that reads an image from a directory: node read.mjs DIRECTORY ID > ORIGINAL

import { Writable } from 'node:stream';

import { open } from 'burrow-vault';
import { openFiles } from 'burrow-vault/files';

const [directory, id] = process.argv.slice(2);
const vault = await open(openFiles(directory));
await (await vault.read(id)).pipeTo(Writable.toWeb(process.stdout));

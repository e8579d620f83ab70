// The page: keeps pictures in the browser, by the same burrow.wasm that serves them elsewhere.

import { openStore } from './store.mjs';

const ALL = { tags: [], oldestFirst: false };

const form = document.querySelector('form');
const list = document.querySelector('ul');
const notice = document.querySelector('[role=status]');

const tell = (text) => (notice.textContent = text);
const kib = (bytes) => `${(Number(bytes) / 1024).toFixed(1)} KiB`;
const reason = (error) => error?.payload?.val ?? error?.payload?.tag ?? error?.message ?? String(error);

/** The bytes of an image, as they came. */
async function original(vault, id) {
  const [image, stream, complete] = await vault.open(id, undefined);
  const pieces = [];
  // One step of the iterator would be one byte.
  for (let read; !(read = await stream.read({ count: 65536 })).done; ) pieces.push(Uint8Array.from(read.value));
  const end = await complete;
  if (end?.tag === 'err') throw new Error(end.val.val ?? end.val.tag);
  return new Blob(pieces, { type: image.content.mediaType });
}

async function show({ vault }) {
  const { images } = await vault.listImages(ALL, undefined, 100);
  list.replaceChildren(
    ...images.filter((image) => image.content).map((image) => {
      const [item, button, numbers] = ['li', 'button', 'span'].map((name) => document.createElement(name));
      button.textContent = image.name;
      button.addEventListener('click', async () => {
        const link = document.createElement('a');
        link.href = URL.createObjectURL(await original(vault, image.id));
        link.download = image.name;
        link.click();
      });
      const { size, storedSize, packing } = image.content;
      numbers.textContent = ` ${kib(size)}, kept in ${kib(storedSize)} (${packing})`;
      item.append(button, numbers);
      return item;
    }),
  );
}

/** Keeps files, and then makes each as small as it gets. */
async function keep(burrow, files) {
  for (const file of files) {
    try {
      tell(`Keeping ${file.name}`);
      const image = await burrow.vault.put(file.stream(), { name: file.name, tags: [] });
      tell(`Making ${file.name} smaller`);
      await burrow.maintenance.repack(image.id);
      tell(`Kept ${file.name}`);
    } catch (error) {
      tell(`${file.name}: ${reason(error)}`);
    }
    await show(burrow);
  }
}

async function start() {
  if (!('Suspending' in WebAssembly)) return tell('This browser lacks JSPI, which Chromium 137 and newer have.');
  if (!(await openStore())) return tell('Another page has the store open.');
  const burrow = await import('./burrow/burrow.js');
  form.addEventListener('change', () => keep(burrow, [...form.elements.files.files]));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    keep(burrow, [...event.dataTransfer.files]);
  });
  await show(burrow);
  tell('Drop pictures here.');
}

start().catch((error) => tell(reason(error)));

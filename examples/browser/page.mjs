// The page: keeps pictures in the browser, by the same burrow.wasm that serves them elsewhere.

import { open } from 'burrow-vault';
import { openIndexedDB } from 'burrow-vault/indexeddb';

const form = document.querySelector('form');
const list = document.querySelector('ul');
const notice = document.querySelector('[role=status]');

const tell = (text) => (notice.textContent = text);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

/** The bytes of an image, as they came. */
async function original(vault, { id, content }) {
  const bytes = await new Response(await vault.read(id)).blob();
  return new Blob([bytes], { type: content.mediaType });
}

async function show(vault) {
  const { images } = await vault.list({ status: 'ready' });
  list.replaceChildren(
    ...images.map((image) => {
      const [item, button, numbers] = ['li', 'button', 'span'].map((name) => document.createElement(name));
      button.textContent = image.name;
      button.addEventListener('click', async () => {
        const link = document.createElement('a');
        link.href = URL.createObjectURL(await original(vault, image));
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
async function keep(vault, files) {
  for (const file of files) {
    try {
      tell(`Keeping ${file.name}`);
      const image = await vault.put(file, { name: file.name });
      tell(`Making ${file.name} smaller`);
      await vault.repack(image.id);
      tell(`Kept ${file.name}`);
    } catch (error) {
      tell(`${file.name}: ${error.message}`);
    }
    await show(vault);
  }
}

async function start() {
  const vault = await open(await openIndexedDB(), { compression: 'small' });
  form.addEventListener('change', () => keep(vault, [...form.elements.files.files]));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    keep(vault, [...event.dataTransfer.files]);
  });
  await show(vault);
  tell('Drop pictures here.');
}

start().catch((error) => tell(error.message));

// Tests the page in Chromium: pictures become smaller, stay after a reload, and come back exactly.

import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { stripes } from '../../adapters/js/tests/pictures.mjs';

const site = fileURLToPath(new URL('site/', import.meta.url));
const picture = fileURLToPath(new URL('../../docs/screenshots/gallery.webp', import.meta.url));
const bitmap = { name: 'stripes.bmp', mimeType: 'image/bmp', buffer: stripes(200, 150) };
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

async function serve() {
  const server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : request.url.slice(1);
    const file = createReadStream(join(site, path));
    file.on('error', () => response.writeHead(404).end());
    file.on('open', () => response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream'));
    file.pipe(response);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return server;
}

async function download(page, name) {
  const [got] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name }).click()]);
  return readFile(await got.path());
}

test('pictures are kept in the page, and come back after a reload', { timeout: 180_000 }, async (t) => {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  t.after(() => Promise.all([browser.close(), new Promise((closed) => server.close(closed))]));
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  page.on('pageerror', (error) => t.diagnostic(String(error)));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.getByText('Drop pictures here.').waitFor();

  await page.getByLabel('Pictures').setInputFiles(bitmap);
  await page.getByText('Kept stripes.bmp').waitFor();
  const kept = await page.getByRole('listitem').textContent();
  assert.match(kept, /kept in .*\((pixels|lzma)\)/, 'it became smaller');
  await page.getByLabel('Pictures').setInputFiles(picture);
  await page.getByText('Kept gallery.webp').waitFor();

  await page.reload();
  await page.getByText('Drop pictures here.').waitFor();
  assert.equal(await page.getByRole('listitem').count(), 2);
  assert.deepEqual(await download(page, 'gallery.webp'), await readFile(picture));
  assert.deepEqual(await download(page, 'stripes.bmp'), bitmap.buffer);

  const second = await context.newPage();
  await second.goto(page.url());
  await second.getByText('Another page has the store open.').waitFor();

  await page.getByLabel('Pictures').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('none') });
  await page.getByText(/x\.png: .*not an image|x\.png: /).waitFor();
  assert.equal(await page.getByRole('listitem').count(), 2);
});

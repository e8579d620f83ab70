// The gallery over 10,000 images: its size, its requests, scrolling and search.

import assert from "node:assert/strict";
import { test } from "node:test";

import { names, pictures, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const COUNT = 10_000;
/** Files in one request. */
const AT_ONCE = 100;

const here = world({}, async ({ burrow }) => {
  for (let from = 0; from < COUNT; from += AT_ONCE) {
    const body = new FormData();
    for (let n = from; n < from + AT_ONCE; n += 1) body.append("file", new Blob([bitmap(n)]), `image ${n}.bmp`);
    await burrow.ask("/images", { method: "POST", body });
  }
});

test("the first row is there by one request and its thumbnails, and all of it weighs less than 60 KB", async (t) => {
  const context = await here.context(t, { viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const network = await context.newCDPSession(page);
  await network.send("Network.enable");
  const asked = new Map();
  let weight = 0;
  network.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, new URL(request.url).pathname));
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (!asked.get(requestId)?.endsWith("/thumbnail")) weight += encodedDataLength;
  });
  await page.goto("/");
  await pictures(page);
  const paths = [...asked.values()];
  const thumbnails = paths.filter((path) => path.endsWith("/thumbnail"));
  const others = paths.filter((path) => !path.endsWith("/thumbnail") && !path.startsWith("/assets/"));
  assert.deepEqual(others, ["/"]);
  assert.ok(thumbnails.length > 0 && thumbnails.length < 51, `${thumbnails.length} thumbnails`);
  t.diagnostic(`${weight} bytes without pictures, headers included; ${thumbnails.length} thumbnails`);
  assert.ok(weight < 60_000, `${weight} bytes`);
  assert.equal(await page.locator("#counts strong").textContent(), String(COUNT));
});

test("one can scroll on, and each image comes once", async (t) => {
  const page = await here.open(t);
  await until(async () => {
    await page.mouse.wheel(0, 20_000);
    return (await names(page)).length >= 500;
  }, "500 images are there");
  const seen = await names(page);
  assert.deepEqual(seen.slice(0, 500), Array.from({ length: 500 }, (_, n) => `image ${COUNT - 1 - n}.bmp`));
});

test("what is looked for among all of them is found", async (t) => {
  const page = await here.open(t, "/?q=image+77.bmp");
  await until(async () => {
    if ((await page.locator("#grid > li").count()) === 1) return true;
    await page.mouse.wheel(0, 3000);
    return false;
  }, "it is found");
  await page.getByRole("link", { name: "image 77.bmp" }).click();
  await page.getByRole("heading", { name: "image 77.bmp" }).waitFor();
});

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
  assert.equal(await page.locator("#counts strong").textContent(), COUNT.toLocaleString("en"));
});

test("one can scroll on, and each image comes once", async (t) => {
  const page = await here.open(t);
  await until(async () => {
    await page.mouse.wheel(0, 20_000);
    return (await names(page)).length >= 500;
  }, "500 images are there");
  // Cards that are far away let go of their pictures, and keep their names and places.
  await until(async () => (await page.locator("#grid img").count()) < 300, "pictures far away are let go");
  const seen = await names(page);
  assert.deepEqual(seen.slice(0, 500), Array.from({ length: 500 }, (_, n) => `image ${COUNT - 1 - n}.bmp`));
});

test("memory stays flat while one scrolls on, and what was let go comes back", async (t) => {
  const context = await here.context(t, { viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable");
  const measure = async () => {
    await devtools.send("HeapProfiler.collectGarbage");
    const { metrics } = await devtools.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  await page.goto("/?limit=200");
  await pictures(page);
  const first = await page.locator("#grid > .card").first().boundingBox();
  const scrolled = async (count) =>
    until(async () => {
      await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
      return (await page.locator("#grid > .card").count()) >= count;
    }, `${count} images are there`);
  await scrolled(800);
  const early = await measure();
  await scrolled(3000);
  const late = await measure();
  const each = (late.Nodes - early.Nodes) / 2200;
  t.diagnostic(`${Math.round(late.JSHeapUsedSize / 1e6)} MB of scripts, ${late.Nodes} nodes for 3,000 images`);
  assert.ok(each < 25, `${each} nodes an image`);
  assert.ok(late.JSHeapUsedSize < 60e6, `${late.JSHeapUsedSize} bytes`);
  await page.evaluate(() => scrollTo(0, 0));
  await pictures(page);
  assert.deepEqual(await page.locator("#grid > .card").first().boundingBox(), first);
});

test("what is looked for among all of them is found", async (t) => {
  const page = await here.open(t, "/?q=image+77.bmp");
  await until(async () => {
    if ((await page.locator("#grid > .card").count()) === 1) return true;
    await page.mouse.wheel(0, 3000);
    return false;
  }, "it is found");
  await page.locator("#grid a.open").click();
  await page.getByRole("dialog", { name: "Image" }).getByRole("article", { name: "image 77.bmp" }).waitFor();
});

// The grid: rows of whole pictures, places that do not move, days, and the switch between rows, tiles and list.

import assert from "node:assert/strict";
import { test } from "node:test";

import { card, names, pictures, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

/** Shapes of many kinds, extremes included. */
const SHAPES = [[300, 200], [200, 300], [900, 300], [100, 100], [160, 90], [90, 160], [400, 100], [64, 48], [1, 3000], [3000, 1]];

const here = world({}, async ({ burrow }) => {
  for (let round = 0; round < 3; round += 1) {
    for (const [n, [width, height]] of SHAPES.entries()) {
      await burrow.store(bitmap(10 * round + n, width, height), `shape ${width} ${height} ${round}`, ["one", "two", "three", "four"]);
    }
  }
});

const wide = { viewport: { width: 1280, height: 800 } };

/** The places of all cards and their pictures. */
const places = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("#grid > .card")].map((one) => {
      const { left, top, width, height } = one.getBoundingClientRect();
      const picture = one.querySelector("img");
      const [, wide, high] = one.querySelector(".name").textContent.split(" ").map(Number);
      return { left, top, width, height, fit: getComputedStyle(picture).objectFit, own: wide / high, odd: one.matches(".odd") };
    }),
  );

test("rows go from edge to edge, each of one height, and no picture is cropped or bent", async (t) => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await here.open(t, "/", { ...wide, javaScriptEnabled });
    await pictures(page);
    const rows = new Map();
    for (const place of await places(page)) {
      const top = Math.round(place.top);
      rows.set(top, [...(rows.get(top) ?? []), place]);
    }
    const full = [...rows.values()].slice(0, -1);
    const { left, right } = await page.locator("#grid").evaluate((grid) => grid.getBoundingClientRect().toJSON());
    assert.ok(rows.size > 2, `${rows.size} rows`);
    for (const row of full) {
      assert.ok(Math.abs(row[0].left - left) < 1, "it begins at the left edge");
      const last = row.at(-1);
      assert.ok(Math.abs(last.left + last.width - right) < 1.5, `it ends at the right edge: ${last.left + last.width} of ${right}`);
      const heights = row.map(({ height }) => height);
      assert.ok(Math.max(...heights) - Math.min(...heights) < 1, `one height: ${heights}`);
    }
    for (const { width, height, fit, own, odd } of await places(page)) {
      // The place of a picture has its ratio, to one and a half per cent; what is out of all proportion lies in it whole.
      if (odd) assert.equal(fit, "contain");
      else assert.ok(Math.abs(width / height / own - 1) < 0.016, `${width} x ${height} for ${own}`);
    }
  }
});

test("nothing moves while pictures load, and nothing while one scrolls", async (t) => {
  const page = await here.open(t, "/", wide);
  const before = (await places(page)).map(({ left, top }) => [left, top]);
  await page.evaluate(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const { hadRecentInput, value, sources } of list.getEntries()) {
        const moved = sources.map(({ node, previousRect, currentRect }) => [node?.className ?? node?.nodeName, previousRect, currentRect]);
        if (!hadRecentInput) window.shifts.push([value, JSON.stringify(moved)]);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  await pictures(page);
  assert.deepEqual((await places(page)).map(({ left, top }) => [left, top]), before);
  for (let n = 0; n < 10; n += 1) await page.mouse.wheel(0, 400);
  await pictures(page);
  const shifts = await page.evaluate(() => window.shifts);
  const shift = shifts.reduce((sum, [value]) => sum + value, 0);
  t.diagnostic(`layout shift ${shift}`);
  assert.ok(shift < 0.02, `${shift}: ${shifts.map(([, moved]) => moved).join("; ")}`);
});

test("name, size and tags are shown by pointer and by focus; tags that have no room are counted", async (t) => {
  const page = await here.open(t, "/", wide);
  const one = card(page, "shape 300 200 2");
  const texts = one.locator(".about");
  await page.mouse.move(0, 0);
  assert.ok(!(await texts.isVisible()));
  await one.hover();
  await texts.getByText("180.1 kB").waitFor();
  assert.deepEqual(await one.locator(".tag").allTextContents(), ["one", "two", "three", "+1"]);
  await page.mouse.move(0, 0);
  await one.locator("a.open").focus();
  await texts.waitFor();
});

test("rows, tiles and list: the choice holds, in this browser only", async (t) => {
  const context = await here.context(t, wide);
  const page = await context.newPage();
  await page.goto("/");
  const rows = await names(page);
  await page.getByRole("button", { name: "List" }).click();
  assert.equal(await page.getByRole("button", { name: "List" }).getAttribute("aria-pressed"), "true");
  const tops = new Set((await places(page)).map(({ top }) => top));
  assert.equal(tops.size, rows.length, "each image has a line");
  assert.ok(await card(page, "shape 300 200 2").locator(".about").isVisible());
  await page.reload();
  assert.equal(await page.locator("html").getAttribute("data-view"), "list");
  await page.getByRole("button", { name: "Tiles" }).click();
  const tile = await card(page, "shape 900 300 2").locator(".tile").boundingBox();
  assert.ok(Math.abs(tile.width - tile.height) < 1);
  assert.deepEqual(await names(page), rows);
  assert.deepEqual(await context.cookies(), []);
});

test("a day has a heading, in the reader's time, which stays while one scrolls through the day", async (t) => {
  const page = await here.open(t, "/", { ...wide, viewport: { width: 1280, height: 500 }, timezoneId: "Pacific/Kiritimati" });
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: "Pacific/Kiritimati" }).format(new Date());
  const heading = page.locator("#grid .day time");
  assert.equal(await heading.getAttribute("datetime"), today);
  assert.equal(await heading.textContent(), "Today");
  await page.mouse.wheel(0, 600);
  await until(async () => (await page.evaluate(() => scrollY)) > 300, "it is scrolled");
  const { y } = await heading.boundingBox();
  const top = await page.locator(".top").boundingBox();
  assert.ok(y >= top.y + top.height - 2 && y < top.y + top.height + 40, `${y} below ${top.y + top.height}`);
  const plain = await here.open(t, "/", { javaScriptEnabled: false });
  assert.match(await plain.locator("#grid .day").first().textContent(), /\d{4}/);
});

test("on a phone, pictures come first, and the search stays within reach", async (t) => {
  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  const page = await here.open(t, "/", phone);
  const first = await page.locator("#grid > .card").first().boundingBox();
  t.diagnostic(`the first picture begins at ${first.y} of 844 pixels`);
  assert.ok(first.y < 200, `${first.y}`);
  await page.evaluate(() => scrollTo(0, 1000));
  await until(async () => (await page.getByLabel("Search names").boundingBox()).y >= 0, "the search is there");
});

test("transparent pictures have a plain ground, without a blur behind them", async (t) => {
  await here.burrow.store(await fixture("photo.png"), "clear.png");
  const page = await here.open(t, "/", { colorScheme: "dark" });
  await pictures(page);
  assert.equal(await card(page, "clear.png").locator(".blur").count(), 0);
  // What has no transparent pixels has a blur once its thumbnail was drawn.
  await page.reload();
  assert.equal(await card(page, "shape 300 200 2").locator(".blur").count(), 1);
});

// The pages in German and in Arabic, which runs from right to left; the switch of languages, and that of themes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { card, pictures, screenshot, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

const AXE = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const images = {};
const here = world({ link_keys: "browser:browser-test-secret" }, async ({ burrow, origin }) => {
  for (let n = 1; n <= 5; n += 1) await burrow.store(bitmap(n, 40 + 8 * n, 60), `colours ${n}.bmp`, ["colour"]);
  images.photo = await burrow.store(await fixture("photo.jpg"), "photo.jpg", ["river"]);
  images.failed = await burrow.add(`${origin.url}/gone.png`, "gone.png");
  await until(async () => (await burrow.image(images.failed.id)).status === "failed", "one failed");
});

const PATHS = ["/", "/?tag=river", "/tags", "/stats", "/add"];
const SIZES = [["narrow", { width: 320, height: 700 }], ["wide", { width: 1400, height: 900 }]];

for (const [locale, direction, images_] of [["de-AT", "ltr", "Bilder"], ["ar", "rtl", "الصور"]]) {
  for (const [size, viewport] of SIZES) {
    test(`every page in ${locale}, ${size}`, async (t) => {
      const page = await (await here.context(t, { locale, viewport, reducedMotion: "reduce" })).newPage();
      const paths = [...PATHS, `/images/${images.photo.id}`, `/images/${images.failed.id}`, "/images/0"];
      for (const path of paths) {
        await page.goto(path);
        assert.equal(await page.locator("html").getAttribute("dir"), direction);
        assert.equal(await page.locator("header nav a").first().textContent(), images_);
        await pictures(page);
        await screenshot(page, `${locale}-${size}-${path.replaceAll(/\W+/g, "-").slice(0, 12)}`);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `${path} is ${wider} pixels wider than the window`);
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => `${path}: ${id}: ${nodes[0].html}`), []);
      }
    });
  }
}

test("scripts speak the language of the page, and write its numbers and dates", async (t) => {
  const page = await here.open(t, "/", { locale: "de-DE" });
  await page.locator(".day h2").getByText("Heute").waitFor();
  await card(page, "photo.jpg").getByRole("checkbox").click();
  await page.getByText("1 Bild ausgewählt").waitFor();
  await card(page, "colours 1.bmp").getByRole("checkbox").click();
  await page.getByText("2 Bilder ausgewählt").waitFor();
  await page.goto("/stats");
  await page.getByText(/\d,\d kB/).first().waitFor();
});

test("arrows follow the direction of the script", async (t) => {
  const page = await here.open(t, "/", { locale: "ar" });
  const first = page.locator("#grid .card").nth(1);
  await first.locator("a.open").click();
  const shown = () => page.getByRole("article").getAttribute("data-name");
  await until(async () => (await shown()) === "photo.jpg", "the second image is shown");
  await page.keyboard.press("ArrowLeft");
  await until(async () => (await shown()) === "colours 5.bmp", "the next one is at the left");
  await page.keyboard.press("ArrowRight");
  await until(async () => (await shown()) === "photo.jpg", "the one before is at the right");
});

test("a language is chosen without scripts, and stays", async (t) => {
  const page = await here.open(t, "/tags", { locale: "de-AT", javaScriptEnabled: false });
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await page.locator("#preferences > summary").click();
  await page.getByRole("button", { name: "العربية" }).click();
  await page.waitForURL("/tags");
  assert.equal(await page.locator("html").getAttribute("lang"), "ar");
  await page.goto("/");
  assert.equal(await page.locator("html").getAttribute("dir"), "rtl");
  await page.locator("#preferences > summary").click();
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("link", { name: "Statistics" }).waitFor();
  await page.goto("/stats");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.locator("#preferences > summary").click();
  await page.getByRole("button", { name: "As the browser" }).click();
  await page.getByRole("link", { name: "Statistik" }).waitFor();
});

test("a theme is chosen, is there before the first paint, and stays in this browser", async (t) => {
  const context = await here.context(t, { colorScheme: "light" });
  const page = await context.newPage();
  await page.goto("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const panel = page.locator("#preferences");
  await panel.locator("summary").click();
  await page.keyboard.press("Escape");
  assert.equal(await panel.getAttribute("open"), null);
  await panel.locator("summary").click();
  await page.getByRole("button", { name: "Dark" }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  assert.equal(await page.getByRole("button", { name: "Dark" }).getAttribute("aria-pressed"), "true");
  await page.goto("/stats");
  assert.equal(await ground(), dark);
  await page.locator("#preferences > summary").click();
  await page.getByRole("button", { name: "As the system" }).click();
  assert.equal(await ground(), light);
  await page.reload();
  assert.equal(await ground(), light);
});

// Viewing: search, tags, order, endless scrolling, the page of an image, statistics, and the keyboard.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, box, card, names, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

/** More than two pages of 50 images. */
const COUNT = 120;

const here = world({ link_keys: "browser:browser-test-secret" }, async ({ burrow }) => {
  for (let n = 1; n <= COUNT; n += 1) {
    await burrow.store(bitmap(n), `picture ${n}`, n % 2 === 0 ? ["even"] : ["odd", "not even"]);
  }
});

const newest = async (name) => (await here.burrow.images()).find((image) => image.name === name);
const shows = (page, expected) => until(async () => (await names(page)).join() === expected.join(), `it shows ${expected}`);

test("search goes on as one types, and can be gone back from", async (t) => {
  const page = await here.open(t);
  const field = page.getByLabel("Search names");
  await field.pressSequentially("picture 11");
  await shows(page, [119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 11].map((n) => `picture ${n}`));
  // The field keeps the focus while the list changes.
  await page.keyboard.type("0");
  await shows(page, ["picture 110"]);
  await page.waitForURL("**/?q=picture+110");
  await field.fill("nothing of that kind");
  await page.getByText(/No images match/).waitFor();
  await page.getByRole("link", { name: "Show all images" }).click();
  await page.waitForURL(here.burrow.url + "/");
  await page.goBack();
  assert.equal(await page.getByLabel("Search names").inputValue(), "nothing of that kind");
});

test("tags narrow the list and are taken off again; the order is turned", async (t) => {
  const page = await here.open(t);
  await card(page, "picture 119").hover();
  await card(page, "picture 119").locator(".tag", { hasText: "not even" }).click();
  await page.waitForURL("**/?tag=not*even");
  assert.ok((await names(page)).every((name) => Number(name.split(" ")[1]) % 2 === 1));
  await page.getByText("About 60 images").waitFor();
  await page.getByRole("link", { name: "Newest first" }).click();
  await until(async () => (await names(page)).slice(0, 3).join() === "picture 1,picture 3,picture 5", "the oldest are first");
  await page.getByRole("link", { name: "Remove the condition tag not even" }).click();
  await page.waitForURL((url) => !url.searchParams.has("tag"));
  assert.deepEqual((await names(page)).slice(0, 3), ["picture 1", "picture 2", "picture 3"]);
});

test("more images come as one scrolls, each once and in order", async (t) => {
  const page = await here.open(t);
  assert.equal((await names(page)).length, 50);
  await until(async () => {
    await page.mouse.wheel(0, 3000);
    return (await names(page)).length === COUNT;
  }, "all images are there");
  const all = Array.from({ length: COUNT }, (_, n) => `picture ${COUNT - n}`);
  assert.deepEqual(await names(page), all);
  assert.equal(await page.locator("#more").count(), 0);
});

test("an image has a page with all that is known, and links to give away", async (t) => {
  const context = await here.context(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  await page.goto("/?q=picture+60");
  await page.goto(await card(page, "picture 60").locator("a.open").getAttribute("href"));
  await page.getByRole("heading", { name: "picture 60" }).waitFor();
  const image = await newest("picture 60");
  const size = page.locator(".stage img").evaluate((picture) => [picture.naturalWidth, picture.naturalHeight]);
  assert.deepEqual(await size, [8, 8]);
  const facts = await page.locator("dl").textContent();
  for (const fact of ["image/bmp, 8 × 8", image.id]) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
  const savings = page.getByRole("region", { name: "Size" });
  assert.match(await savings.textContent(), new RegExp(`246 B, stored .*${image.sha256}`, "s"));
  await savings.getByRole("button", { name: "Check the bytes" }).click();
  await savings.getByText("Verified: the same 246 bytes").waitFor();
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByText("Copied.").waitFor();
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await copied(), `${here.burrow.url}/images/${image.id}/content`);
  await page.getByRole("button", { name: "Make a signed link" }).click();
  await page.getByText("Signed link, good until").waitFor();
  await page.getByRole("button", { name: "Copy" }).last().click();
  await until(async () => (await copied()).includes("signature="), "the signed link is copied");
  const answer = await fetch(await copied());
  assert.ok(answer.ok && Buffer.from(await answer.arrayBuffer()).equals(bitmap(60)));
  // The arrow keys lead to the older and the newer image.
  await page.goto(`/images/${image.id}`);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: "picture 59" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: "picture 60" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: "picture 61" }).waitFor();
});

test("an image is found by its name, and downloaded under it", async (t) => {
  const page = await here.open(t, "/image/picture%207");
  await page.getByRole("heading", { name: "picture 7" }).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = await (await download).createReadStream();
  assert.equal((await download).suggestedFilename(), "picture 7.bmp");
  assert.ok(Buffer.concat(await file.toArray()).equals(bitmap(7)));
});

test("statistics are drawn, and lead to their images", async (t) => {
  await here.burrow.store(await fixture("photo.png"), "photo");
  const page = await here.open(t);
  await page.getByRole("link", { name: "Statistics" }).click();
  for (const heading of ["Original size and stored size", "Images over time", "Share by format"]) {
    await page.getByRole("heading", { name: heading }).waitFor();
  }
  const text = await page.locator("main").textContent();
  assert.match(text, new RegExp(`bmp[^]*${COUNT} images`));
  const width = (bar) => bar.evaluate((shape) => shape.getBoundingClientRect().width);
  const formats = page.locator("section", { hasText: "Share by format" }).locator("rect:not(.track)");
  assert.ok((await width(formats.nth(0))) > 20 * (await width(formats.nth(1))), "bars are as long as their numbers say");
  await page.getByRole("link", { name: "png" }).click();
  await page.waitForURL("**/?type=png");
  assert.deepEqual(await names(page), ["photo"]);
  await page.goBack();
  await page.locator(".columns rect.hit").last().click();
  await page.waitForURL(/since=/);
  assert.ok((await names(page)).includes("photo"));
});

test("everything is reached with the keyboard", async (t) => {
  const page = await here.open(t);
  const focused = () => page.evaluate(() => document.activeElement.textContent || document.activeElement.name);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), true);
  // A slash in a field is text; elsewhere it moves the focus to the search.
  const field = await addresses(page);
  await field.press("/");
  assert.equal(await field.inputValue(), "/");
  await field.fill("");
  await page.keyboard.press("Escape");
  assert.ok(!(await field.isVisible()));
  await page.locator("main").focus();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
  // In the grid each image has a checkbox that selects it, then a link that opens it.
  const first = box(page, "picture 119");
  await first.focus();
  await page.keyboard.press("Space");
  await page.getByText("1 image selected").waitFor();
  assert.ok(await first.isChecked());
  await page.keyboard.press("Escape");
  assert.ok(!(await first.isChecked()));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Image" }).getByRole("article", { name: "picture 119" }).waitFor();
});

// Adding images by address, and by files that are picked, dropped or pasted; progress and errors on the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { card, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

const here = world();

const isSeen = (locator) => until(() => locator.evaluate((image) => image.naturalWidth > 0), "the picture is shown");

test("addresses, one a line: what cannot be taken stays to be mended, what can is seen as it comes", async (t) => {
  const slow = here.origin.gated("/slow.bmp", bitmap(1));
  const fast = here.origin.serve("/fast.bmp", bitmap(2));
  const page = await here.open(t);
  await page.getByLabel("Addresses of images").fill(`${slow.url}\n\n  ${fast}\nftp://files.example/x.png\n`);
  await page.getByLabel("Tags for what is added").fill("river, new");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("2 images on the way.").waitFor();
  await page.getByText("only http and https are fetched, not ftp").waitFor();
  assert.equal(await page.getByLabel("Addresses of images").inputValue(), "ftp://files.example/x.png");
  await isSeen(card(page, "fast.bmp").locator("img"));
  // The slow image is still pending, and its card says so.
  await card(page, "slow.bmp").getByText(/Waiting|Being fetched/).waitFor();
  slow.open();
  await isSeen(card(page, "slow.bmp").locator("img"));
  assert.deepEqual(await card(page, "slow.bmp").locator(".tag").allTextContents(), ["river", "new"]);
});

test("Enter adds, Shift and Enter make a new line", async (t) => {
  const page = await here.open(t);
  const field = page.getByLabel("Addresses of images");
  await field.pressSequentially(here.origin.serve("/one.bmp", bitmap(3)));
  await field.press("Shift+Enter");
  await field.pressSequentially(here.origin.serve("/two.bmp", bitmap(4)));
  await field.press("Enter");
  await isSeen(card(page, "one.bmp").locator("img"));
  await isSeen(card(page, "two.bmp").locator("img"));
  assert.equal(await field.inputValue(), "");
});

test("what an origin fails by is said, and it can be tried again", async (t) => {
  const page = await here.open(t);
  const text = here.origin.serve("/text.png", Buffer.from("<html>nothing"), { type: "text/html" });
  await page.getByLabel("Addresses of images").fill(`${here.origin.url}/missing.png ${text}`);
  await page.getByRole("button", { name: "Add" }).click();
  await card(page, "missing.png").getByText("404").waitFor();
  await card(page, "text.png").getByText("not an image").waitFor();
  here.origin.serve("/missing.png", bitmap(5));
  await card(page, "missing.png").getByRole("link").first().click();
  await page.getByRole("button", { name: "Try again" }).click();
  await isSeen(page.locator(".stage img"));
});

test("files that are picked are stored; one that is no image is named", async (t) => {
  const page = await here.open(t);
  await page.locator("#file").setInputFiles([
    { name: "picked.png", mimeType: "image/png", buffer: await fixture("photo.png") },
    { name: "picked.gif", mimeType: "image/gif", buffer: await fixture("photo.gif") },
    { name: "letter.txt", mimeType: "text/plain", buffer: Buffer.from("Dear Sir or Madam") },
  ]);
  await isSeen(card(page, "picked.png").locator("img"));
  await isSeen(card(page, "picked.gif").locator("img"));
  const failed = page.locator("#uploads li");
  await failed.getByText("not an image").waitFor();
  assert.match(await failed.textContent(), /^letter\.txt/);
  const image = (await here.burrow.images()).find(({ name }) => name === "picked.png");
  const stored = Buffer.from(await (await here.burrow.ask(`/images/${image.id}/content`)).arrayBuffer());
  assert.ok(stored.equals(await fixture("photo.png")));
});

test("files and addresses are dropped", async (t) => {
  const page = await here.open(t);
  const bytes = [...bitmap(6)];
  const files = await page.evaluateHandle((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "dropped.bmp", { type: "image/bmp" }));
    return data;
  }, bytes);
  await page.dispatchEvent("body", "dragover", { dataTransfer: files });
  assert.ok(await page.locator(".add.over").isVisible());
  await page.dispatchEvent("body", "drop", { dataTransfer: files });
  await isSeen(card(page, "dropped.bmp").locator("img"));
  const address = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.setData("text/uri-list", "https://pictures.example/a.png");
    return data;
  });
  await page.dispatchEvent("body", "drop", { dataTransfer: address });
  assert.equal(await page.getByLabel("Addresses of images").inputValue(), "https://pictures.example/a.png");
});

test("an image and addresses are pasted", async (t) => {
  const context = await here.context(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  await page.goto("/");
  await page.evaluate(async (bytes) => {
    const blob = new Blob([new Uint8Array(bytes)], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  }, [...(await fixture("photo.png"))]);
  const before = await page.locator("#grid > li").count();
  await page.keyboard.press("Control+V");
  await until(async () => (await page.locator("#grid > li").count()) === before + 1, "the pasted image is in the grid");
  await page.evaluate(() => navigator.clipboard.writeText("see https://a.example/1.png and https://a.example/2.png"));
  await page.keyboard.press("Control+V");
  const field = page.getByLabel("Addresses of images");
  assert.equal(await field.inputValue(), "https://a.example/1.png\nhttps://a.example/2.png");
});

test("Enter twice adds once, and what is typed meanwhile stays", async (t) => {
  const page = await here.open(t);
  await page.route("**/gallery", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  const field = page.getByLabel("Addresses of images");
  const wrong = `nonsense-${"x".repeat(400)}`;
  await field.fill(`${here.origin.serve("/twice.bmp", bitmap(7))}\n${wrong}`);
  await field.press("Enter");
  await field.press("Enter");
  await field.pressSequentially("https://next.example/");
  await page.getByText("1 image on the way.").waitFor();
  await until(async () => (await field.inputValue()) === `${wrong}\nhttps://next.example/`, "the field has what is left");
  await isSeen(card(page, "twice.bmp").locator("img"));
  assert.equal((await here.burrow.images()).filter(({ name }) => name === "twice.bmp").length, 1);
});

test("files go on being sent while one searches", async (t) => {
  const page = await here.open(t);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/images?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.locator("#file").setInputFiles([{ name: "held.bmp", mimeType: "image/bmp", buffer: bitmap(8) }]);
  await page.getByLabel("Search names").pressSequentially("held");
  await page.waitForURL("**/?q=held");
  await page.getByText("Nothing like that here.").waitFor();
  release();
  await isSeen(card(page, "held.bmp").locator("img"));
  await page.getByText("1 image stored.").waitFor();
});

// Adding images by address, and by files that are picked, dropped or pasted; progress and errors on the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, card, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

const here = world();

const isSeen = (locator) => until(() => locator.evaluate((image) => image.naturalWidth > 0), "the picture is shown");

test("addresses, one a line: what cannot be taken stays to be mended, what can is seen as it comes", async (t) => {
  const slow = here.origin.gated("/slow.bmp", bitmap(1));
  const fast = here.origin.serve("/fast.bmp", bitmap(2));
  const page = await here.open(t);
  await (await addresses(page)).fill(`${slow.url}\n\n  ${fast}\nftp://files.example/x.png\n`);
  await page.getByLabel("Tags for all of them").fill("river, new");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("Downloading 2 images.").waitFor();
  await page.getByText("only http and https are fetched, not ftp").waitFor();
  assert.equal(await (await addresses(page)).inputValue(), "ftp://files.example/x.png");
  await isSeen(card(page, "fast.bmp").locator("img"));
  // The slow image is still pending, and its card says so.
  await card(page, "slow.bmp").getByText(/Queued|Downloading/).waitFor();
  slow.open();
  await isSeen(card(page, "slow.bmp").locator("img"));
  assert.deepEqual(await card(page, "slow.bmp").locator(".tag").allTextContents(), ["river", "new"]);
});

test("Enter adds, Shift and Enter make a new line", async (t) => {
  const page = await here.open(t);
  const field = await addresses(page);
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
  await (await addresses(page)).fill(`${here.origin.url}/missing.png ${text}`);
  await page.getByRole("button", { name: "Add" }).click();
  await card(page, "missing.png").getByText("404").waitFor();
  await card(page, "text.png").getByText("not an image").waitFor();
  here.origin.serve("/missing.png", bitmap(5));
  await card(page, "missing.png").getByRole("link").first().click();
  await page.getByRole("button", { name: "Retry" }).click();
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
  await failed.getByRole("button", { name: "Dismiss" }).click();
  await page.locator("#tray").waitFor({ state: "hidden" });
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
  assert.ok(await page.locator("body.over").isVisible());
  await page.dispatchEvent("body", "drop", { dataTransfer: files });
  await isSeen(card(page, "dropped.bmp").locator("img"));
  const address = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.setData("text/uri-list", "https://pictures.example/a.png");
    return data;
  });
  await page.dispatchEvent("body", "drop", { dataTransfer: address });
  assert.equal(await (await addresses(page)).inputValue(), "https://pictures.example/a.png");
});

test("an image and addresses are pasted", async (t) => {
  const context = await here.context(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  await page.goto("/");
  await page.evaluate(async (bytes) => {
    const blob = new Blob([new Uint8Array(bytes)], { type: "image/png" });
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  }, [...(await fixture("photo.png"))]);
  const before = await page.locator("#grid > .card").count();
  await page.keyboard.press("Control+V");
  await until(async () => (await page.locator("#grid > .card").count()) === before + 1, "the pasted image is in the grid");
  await page.evaluate(() => navigator.clipboard.writeText("see https://a.example/1.png and https://a.example/2.png"));
  await page.keyboard.press("Control+V");
  const field = await addresses(page);
  assert.equal(await field.inputValue(), "https://a.example/1.png\nhttps://a.example/2.png");
});

test("Enter twice adds once, and what is typed meanwhile stays", async (t) => {
  const page = await here.open(t);
  await page.route("**/gallery", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  const field = await addresses(page);
  const wrong = `nonsense-${"x".repeat(400)}`;
  await field.fill(`${here.origin.serve("/twice.bmp", bitmap(7))}\n${wrong}`);
  await field.press("Enter");
  await field.press("Enter");
  await field.pressSequentially("https://next.example/");
  await page.getByText("Downloading 1 image.").waitFor();
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
  await page.getByText(/No images match/).waitFor();
  release();
  await isSeen(card(page, "held.bmp").locator("img"));
  await page.getByText("1 image stored.").waitFor();
});

test("many files are one upload: how far it is can be read wherever one has scrolled to, and it can be cancelled", async (t) => {
  const page = await here.open(t);
  const release = [];
  await page.route("**/images?*", async (route) => {
    await new Promise((resolve) => release.push(resolve));
    await route.continue().catch(() => {});
  });
  const files = Array.from({ length: 25 }, (_, n) => ({ name: `many ${n}.bmp`, mimeType: "image/bmp", buffer: bitmap(300 + n) }));
  await page.locator("#file").setInputFiles(files);
  const tray = page.getByRole("region", { name: "Uploads" });
  await tray.getByText("Uploading 1 of 25").waitFor();
  await until(() => release.length === 3, "three are sent at once");
  release.splice(0).forEach((go) => go());
  await tray.getByText("Uploading 4 of 25").waitFor();
  await page.mouse.wheel(0, 2000);
  assert.ok(await tray.isVisible());
  await tray.getByRole("button", { name: "Cancel" }).click();
  await tray.waitFor({ state: "hidden" });
  await page.getByText("3 images stored.").waitFor();
  release.forEach((go) => go());
  const stored = (await here.burrow.images()).filter(({ name }) => name.startsWith("many "));
  assert.equal(stored.length, 3);
});

test("what is here already is said, with a link; adding it anew is a choice", async (t) => {
  const url = here.origin.serve("/same.bmp", bitmap(400));
  const first = await here.burrow.add(url, "same.bmp");
  await until(async () => (await here.burrow.image(first.id)).status === "ready", "it is stored");
  const page = await here.open(t);
  await (await addresses(page)).fill(url);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const tray = page.getByRole("region", { name: "Uploads" });
  await tray.getByText("Already here").waitFor();
  assert.equal(await tray.getByRole("link", { name: "same.bmp" }).getAttribute("href"), `/images/${first.id}`);
  const count = async () => (await here.burrow.images()).filter(({ name }) => name === "same.bmp").length;
  assert.equal(await count(), 1);
  await tray.getByRole("button", { name: "Add anyway" }).click();
  await until(async () => (await count()) === 2, "it was added anew");
  // The same of a file: the browser compares its bytes with what is stored under its name.
  await page.locator("#file").setInputFiles([{ name: "same.bmp", mimeType: "image/bmp", buffer: bitmap(400) }]);
  await tray.getByText("Already here").waitFor();
  assert.equal(await count(), 2);
  await page.locator("#file").setInputFiles([{ name: "same.bmp", mimeType: "image/bmp", buffer: bitmap(401) }]);
  await until(async () => (await count()) === 3, "other bytes under the same name are another image");
  await tray.getByRole("button", { name: "Dismiss" }).click();
});

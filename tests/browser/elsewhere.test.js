// Adding from other pages by a bookmark, and links for elsewhere.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, screenshot, world } from "./browser.js";
import { bitmap } from "./origin.js";

const here = world();

/** A page of another site, in a window of its own that nothing watches. */
async function elsewhere(t, path) {
  const context = await here.browser.newContext();
  context.setDefaultTimeout(15_000);
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(here.origin.url + path);
  return page;
}

async function bookmarklet(t) {
  const page = await here.open(t, "/add");
  await screenshot(page, "add");
  await page.getByRole("link", { name: "Add to Burrow" }).click();
  await page.getByText("Drag it to your bookmarks").waitFor();
  return (await page.getByRole("link", { name: "Add to Burrow" }).getAttribute("href")).replace(/^javascript:/, "");
}

test("a bookmark opens the form for the largest picture of a page, and changes nothing there", async (t) => {
  const code = await bookmarklet(t);
  here.origin.serve("/small.bmp", bitmap(1, 20, 10));
  const large = here.origin.serve("/large.bmp", bitmap(2, 300, 200));
  const html = '<title>Otters</title><img src="/small.bmp"><img src="/large.bmp" alt="an &quot;otter&quot;"><img src="data:,">';
  here.origin.serve("/page", Buffer.from(html), { type: "text/html" });
  const page = await elsewhere(t, "/page");
  const before = await page.content();
  const opened = page.waitForEvent("popup");
  await page.evaluate(decodeURI(code));
  const form = await opened;
  await form.getByRole("heading", { name: "Add an image" }).waitFor();
  assert.equal(await form.getByLabel("Address of the image").inputValue(), large);
  assert.equal(await form.getByLabel("Page on which you saw it").inputValue(), `${here.origin.url}/page`);
  assert.equal(await form.getByLabel("Name").inputValue(), 'an "otter"');
  assert.equal(await page.content(), before);
  await form.getByRole("button", { name: "Add" }).click();
  await form.getByText("Downloading 1 image.").waitFor();
});

test("the form of the gallery has the same bookmark, and is still filled by an address", async (t) => {
  const code = await bookmarklet(t);
  const page = await here.open(t, "/?add=https%3A%2F%2Fpictures.example%2Fa.png");
  assert.equal(await (await addresses(page)).inputValue(), "https://pictures.example/a.png");
  const href = await page.getByRole("link", { name: "Add to Burrow" }).getAttribute("href");
  assert.equal(decodeURI(href.replace(/^javascript:/, "")), decodeURI(code));
  await page.getByRole("link", { name: "More ways to add" }).click();
  await page.getByRole("heading", { name: "Add an image" }).waitFor();
});

test("a bookmark opens the form for a picture that is shown alone", async (t) => {
  const code = await bookmarklet(t);
  const picture = here.origin.serve("/alone.bmp", bitmap(3, 30, 20));
  const page = await elsewhere(t, "/alone.bmp");
  const opened = page.waitForEvent("popup");
  await page.evaluate(decodeURI(code));
  assert.equal(await (await opened).getByLabel("Address of the image").inputValue(), picture);
});

test("a link is copied as Markdown, HTML and BBCode", async (t) => {
  const reply = await fetch(`${here.burrow.url}/images?name=otter`, {
    method: "POST", headers: { "content-type": "image/bmp" }, body: bitmap(4),
  });
  const { id } = await reply.json();
  const context = await here.context(t, { permissions: ["clipboard-read", "clipboard-write"] });
  const page = await context.newPage();
  await page.goto(`/images/${id}`);
  await page.getByText("Copy as Markdown, HTML or BBCode").click();
  const link = `${here.burrow.url}/images/${id}/content`;
  for (const [label, text] of [["Markdown", `![otter](${link})`], ["HTML", `<img src="${link}" alt="otter">`], ["BBCode", `[img]${link}[/img]`]]) {
    const row = page.locator(".copy label").filter({ hasText: label });
    await row.getByRole("button", { name: "Copy" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), text);
  }
  await screenshot(page, "copy");
});

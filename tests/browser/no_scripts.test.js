// The pages without JavaScript: forms and links do everything.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, box, names, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const here = world({ page_size: "5" });

const plain = { javaScriptEnabled: false };

test("addresses are added, and one can look again until they are there", async (t) => {
  const page = await here.open(t, "/", plain);
  const { url, open } = here.origin.gated("/slow.bmp", bitmap(1));
  await (await addresses(page)).fill(`${url}\nnonsense`);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("heading", { name: "Not everything was done" }).waitFor();
  await page.getByText("nonsense").waitFor();
  await page.getByRole("link", { name: "Go back" }).click();
  await page.locator(".state").waitFor();
  open();
  await until(async () => {
    const more = page.getByRole("link", { name: "Look again" });
    if ((await more.count()) > 0) await more.click();
    return (await page.locator("#grid img").count()) > 0;
  }, "it is there");
});

test("files are uploaded, with tags and by the form that takes addresses", async (t) => {
  const page = await here.open(t, "/", plain);
  await addresses(page);
  await page.getByLabel("Tags for all of them").fill("sea, form");
  await page.locator("#file").setInputFiles([
    { name: "first.bmp", mimeType: "image/bmp", buffer: bitmap(2) },
    { name: "second.bmp", mimeType: "image/bmp", buffer: bitmap(3) },
  ]);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("2 images stored.").waitFor();
  await page.getByRole("link", { name: "first.bmp" }).waitFor();
  assert.deepEqual((await here.burrow.images()).find(({ name }) => name === "first.bmp").tags, ["sea", "form"]);
  await addresses(page);
  assert.deepEqual((await names(page)).slice(0, 2).sort(), ["first.bmp", "second.bmp"]);
  await page.locator("#file").setInputFiles([
    { name: "x.txt", mimeType: "text/plain", buffer: Buffer.from("Dear Sir or Madam") },
  ]);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText('(the file "x.txt")').waitFor();
});

test("one looks page by page, searches and narrows", async (t) => {
  for (let n = 1; n <= 12; n += 1) await here.burrow.store(bitmap(10 + n), `page ${n}`, n % 3 ? [] : ["third"]);
  const page = await here.open(t, "/", plain);
  const seen = await names(page);
  while ((await page.getByRole("link", { name: "More images" }).count()) > 0) {
    const before = page.url();
    await page.getByRole("link", { name: "More images" }).click();
    await page.waitForURL((url) => url.href !== before);
    seen.push(...(await names(page)));
  }
  assert.deepEqual(seen, (await here.burrow.images()).map(({ name }) => name));
  await page.goto("/");
  await page.getByLabel("Search names").fill("page 1");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/q=page/);
  await page.getByRole("link", { name: "Newest first" }).click();
  await page.waitForURL(/order=oldest/);
  assert.deepEqual(await names(page), ["page 1", "page 10", "page 11", "page 12"]);
  await page.locator("#grid .tag", { hasText: "third" }).first().evaluate((tag) => tag.click());
  await page.waitForURL(/tag=third/);
  assert.deepEqual(await names(page), ["page 12"]);
});

test("several are tagged and deleted, after a question", async (t) => {
  const images = [];
  for (let n = 1; n <= 3; n += 1) images.push(await here.burrow.store(bitmap(30 + n), `form ${n}`));
  const page = await here.open(t, "/", plain);
  for (const name of ["form 1", "form 2"]) await box(page, name).check();
  await page.getByText("Tag…").click();
  await page.locator(".selected").getByLabel("Tags").fill("bulk");
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByText("2 images tagged.").waitFor();
  assert.equal(await page.locator("#grid .tag", { hasText: "bulk" }).count(), 2);
  for (const name of ["form 1", "form 3"]) await box(page, name).check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("heading", { name: "Delete these 2 images?" }).waitFor();
  await page.getByRole("link", { name: "Keep" }).click();
  await page.getByText("form 1").waitFor();
  await box(page, "form 3").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("heading", { name: "Delete this image?" }).waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByText("1 image deleted.").waitFor();
  await until(async () => !(await here.burrow.image(images[2].id)), "it is gone");
  assert.ok(await here.burrow.image(images[0].id));
});

test("an image is renamed on its page", async (t) => {
  const image = await here.burrow.store(bitmap(40), "old name");
  const page = await here.open(t, `/images/${image.id}`, plain);
  await page.getByRole("textbox", { name: "Name" }).fill("new name");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("1 image renamed.").waitFor();
  await page.getByRole("heading", { name: "new name" }).waitFor();
});

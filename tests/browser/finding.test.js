// Finding: the search box with its conditions and completions, counts that lead to what they count, and tags.

import assert from "node:assert/strict";
import { test } from "node:test";

import { box, card, names, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const here = world({ page_size: "20" }, async ({ burrow }) => {
  for (let n = 1; n <= 30; n += 1) await burrow.store(bitmap(n), `find ${n}.bmp`, n <= 12 ? ["river"] : ["two words"]);
});

const found = (page, text) => page.locator("#found").getByText(text, { exact: true }).waitFor();

test("the box takes tag:, type: and words, and shows them as conditions that can be removed", async (t) => {
  const page = await here.open(t);
  const field = page.getByLabel("Search names");
  await field.fill("find 1 tag:river type:bmp");
  await field.press("Enter");
  await page.waitForURL("**/?q=find+1&tag=river&type=bmp");
  await found(page, "4 images");
  assert.equal(await field.inputValue(), "find 1");
  await field.fill("find 12");
  await found(page, "1 image");
  assert.deepEqual(await names(page), ["find 12.bmp"]);
  await page.getByRole("link", { name: "Remove the condition tag river" }).click();
  await page.waitForURL("**/?q=find+12&type=bmp");
  await page.goto("/?q=tag:%22two+words%22");
  await page.waitForURL("**/?tag=two+words");
  await found(page, "18 images");
});

test("tags are found by their words: as one types, in the list of tags, and beside results", async (t) => {
  const page = await here.open(t);
  const field = page.getByLabel("Search names");
  await field.pressSequentially("riv");
  const option = page.locator("#completions option");
  await until(async () => (await option.first().getAttribute("value")) === "tag:river", "the tag is offered");
  assert.equal(await option.first().getAttribute("label"), "12 images");
  await page.getByText(/No images match/).waitFor();
  await page.locator("#filters").getByRole("link", { name: "river (12)" }).click();
  await page.waitForURL("**/?tag=river");
  await found(page, "12 images");
  await page.getByRole("link", { name: "Tags", exact: true }).click();
  await page.getByRole("link", { name: "two words 18" }).click();
  await page.waitForURL("**/?tag=two+words");
  await found(page, "18 images");
  // Without scripts, too.
  const plain = await here.open(t, "/tags?prefix=ri", { javaScriptEnabled: false });
  assert.equal((await plain.locator("#tags").innerText()).replace(/\s+/g, " ").trim(), "river 12");
});

test("every count leads to exactly the images that it counts", async (t) => {
  const held = [here.origin.gated("/a.bmp", bitmap(90)), here.origin.gated("/b.bmp", bitmap(91))];
  const jobs = [];
  for (const { url } of held) jobs.push(await here.burrow.add(url));
  const gone = [];
  for (const n of [1, 2, 3]) gone.push(await here.burrow.add(`${here.origin.url}/gone-${n}.bmp`, `gone ${n}`));
  await until(async () => (await here.burrow.image(gone[2].id)).status === "failed", "they failed");
  const page = await here.open(t);
  const count = page.locator("#counts").getByRole("link", { name: "2 in progress" });
  await count.waitFor();
  await count.click();
  await page.waitForURL("**/?status=unfinished");
  assert.deepEqual((await names(page)).sort(), ["a.bmp", "b.bmp"]);
  await page.locator("#counts").getByRole("link", { name: "3 failed" }).click();
  assert.deepEqual((await names(page)).sort(), ["gone 1", "gone 2", "gone 3"]);
  await card(page, "gone 1").getByText("The site has no such image (404)").waitFor();
  held.forEach(({ open }) => open());
  // All that failed are tried again, and what still fails is deleted, at once.
  here.origin.serve("/gone-1.bmp", bitmap(92));
  await page.getByRole("button", { name: "Retry all" }).click();
  await page.getByText("Retrying 3 images.").waitFor();
  await until(async () => (await here.burrow.image(gone[0].id)).status === "ready", "one is there now");
  await until(async () => (await here.burrow.image(gone[2].id)).status === "failed", "the others failed again");
  await page.goto("/?status=failed");
  await page.getByRole("button", { name: "Delete all…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("2 images deleted.").waitFor();
  await until(async () => !(await here.burrow.image(gone[1].id)) && !(await here.burrow.image(gone[2].id)), "they are gone");
  assert.ok(await here.burrow.image(gone[0].id));
});

test("a selection grows by Ctrl, Shift and Ctrl+A, moves with the arrow keys, and outlives a search", async (t) => {
  const page = await here.open(t, "/?tag=river");
  const picture = (name) => card(page, name).locator("a.open");
  await picture("find 12.bmp").click({ modifiers: ["Control"] });
  await page.getByText("1 image selected").waitFor();
  // While something is selected, a click selects.
  await picture("find 10.bmp").click();
  await page.getByText("2 images selected").waitFor();
  await picture("find 7.bmp").click({ modifiers: ["Shift"] });
  await page.getByText("5 images selected").waitFor();
  const field = page.getByLabel("Search names");
  await field.fill("find 3");
  await page.getByText("5 images selected, 5 not shown").waitFor();
  await box(page, "find 3.bmp").check();
  await page.getByText("Tag…").click();
  await page.locator(".selected").getByLabel("Tags").fill("kept");
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByText("6 images tagged.").waitFor();
  const kept = (await here.burrow.images()).filter(({ tags }) => tags.includes("kept")).map(({ name }) => name);
  assert.deepEqual(kept.sort(), ["find 10.bmp", "find 12.bmp", "find 3.bmp", "find 7.bmp", "find 8.bmp", "find 9.bmp"].sort());
  await page.goto("/?tag=river");
  await picture("find 12.bmp").focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("x");
  assert.ok(await box(page, "find 11.bmp").isChecked());
  await page.keyboard.press("Control+a");
  await page.getByText("12 images selected").waitFor();
  await page.keyboard.press("Escape");
  await until(async () => (await page.locator("#grid :checked").count()) === 0, "nothing is selected");
  // From one checkbox to another with the button held down.
  const at = async (name) => {
    await card(page, name).hover();
    const { x, y, width, height } = await box(page, name).boundingBox();
    return [x + width / 2, y + height / 2];
  };
  const to = await at("find 8.bmp");
  await page.mouse.move(...(await at("find 11.bmp")));
  await page.mouse.down();
  await page.mouse.move(...to, { steps: 8 });
  await page.mouse.up();
  await page.getByText("4 images selected").waitFor();
});

test("what could not be done is told once, with how many more; it stays selected", async (t) => {
  const jobs = [];
  for (let n = 1; n <= 5; n += 1) jobs.push(await here.burrow.add(`${here.origin.url}/no-${n}.bmp`, `no ${n}`));
  await until(async () => (await here.burrow.image(jobs[4].id)).status === "failed", "they failed");
  const page = await here.open(t, "/?q=no");
  await page.getByLabel("Search names").fill("");
  await card(page, "no 1").getByText("404").waitFor();
  for (let n = 1; n <= 5; n += 1) await box(page, `no ${n}`).check();
  await page.getByRole("button", { name: "Download" }).click();
  await page.getByText("Nothing to download: these images failed.").waitFor();
  await box(page, "find 30.bmp").check();
  await page.getByText("Tag…").click();
  await page.locator(".selected").getByLabel("Tags").fill("late");
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByText("1 image tagged.").waitFor();
  const told = page.locator(".toast", { hasText: "not downloaded yet, so it can't be tagged" });
  assert.match(await told.textContent(), /no \d: .*; no \d: .*; no \d: .*; and 2 more/);
  assert.equal(await told.count(), 1);
  await page.getByText("5 images selected").waitFor();
  assert.ok(!(await box(page, "find 30.bmp").isChecked()) && (await box(page, "no 5").isChecked()));
});

test("a mouse crosses the vault by the strip of months, which comes when one scrolls", async (t) => {
  const context = await here.context(t, { viewport: { width: 1400, height: 600 } });
  const page = await context.newPage();
  const months = ["2024-02", "2025-11", "2026-01", "2026-10"].map((month, n) => ({ month, images: 10 ** n }));
  await page.route("**/stats", (route) => route.fulfill({ json: { months } }));
  await page.goto("/");
  assert.equal(await page.locator("#scrubber").count(), 0);
  await page.mouse.move(500, 300);
  await page.mouse.wheel(0, 400);
  const pieces = page.locator("#scrubber a");
  await until(async () => (await pieces.count()) === 4, "the strip is there");
  const heights = await pieces.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
  assert.ok(heights[0] > heights[1] && heights[1] > heights[3] && heights[3] >= 2, `${heights}`);
  assert.deepEqual(await pieces.evaluateAll((all) => all.map((one) => one.dataset.year ?? "")), ["2026", "", "2025", "2024"]);
  // What is pressed on one month and let go on another leads to the other.
  const centre = async (n) => {
    const { x, y, width, height } = await pieces.nth(n).boundingBox();
    return [x + width / 2, y + height / 2];
  };
  await page.mouse.move(...(await centre(0)));
  await page.mouse.down();
  await page.mouse.move(...(await centre(2)));
  await page.mouse.up();
  await page.waitForURL("**/?until=2025-11-30");
  await page.goto("/?order=oldest");
  await page.mouse.wheel(0, 400);
  await until(async () => (await pieces.count()) === 4, "the strip is there");
  await pieces.last().click();
  await page.waitForURL("**/?order=oldest&since=2026-10-01");
});

// Changing one image and several: names, tags, and removal, which asks first and can be undone.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { box, card, lookAt, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const here = world();

const isGone = (id) => until(async () => !(await here.burrow.image(id)), "the image is gone");

/** Stores `count` images that differ; `from` is where the numbers of their bitmaps begin. */
async function some(name, count, from) {
  const images = [];
  for (let n = 1; n <= count; n += 1) images.push(await here.burrow.store(bitmap(from + n), `${name} ${n}`));
  return images;
}

test("an image is renamed and tagged", async (t) => {
  const [image] = await some("plain", 1, 0);
  const page = await here.open(t, `/images/${image.id}`);
  await page.getByRole("textbox", { name: "Name" }).fill("  Über <den> Fluss ");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("Renamed.").waitFor();
  await page.getByRole("heading", { name: "Über <den> Fluss" }).waitFor();
  await page.getByLabel("Add tags").fill("river, old");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Tags added.").waitFor();
  // The tag was taken off elsewhere meanwhile: what is said is true.
  const headers = { "content-type": "application/merge-patch+json" };
  await here.burrow.ask(`/images/${image.id}`, { method: "PATCH", headers, body: '{"tags":["river"]}' });
  await page.getByRole("button", { name: "Remove tag old" }).click();
  await page.getByText("The image no longer had that tag.").waitFor();
  await page.getByLabel("Add tags").fill("old, late");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "Remove tag late" }).click();
  await page.getByText("Tag removed.").waitFor();
  await page.getByRole("button", { name: "Remove tag old" }).click();
  await until(async () => (await here.burrow.image(image.id)).tags.join() === "river", "both are removed");
  assert.equal(new URL(page.url()).search, "");
  const { name, tags } = await here.burrow.image(image.id);
  assert.deepEqual({ name, tags }, { name: "Über <den> Fluss", tags: ["river"] });
});

test("an image that is deleted makes room for the next, and comes back by Undo; keys go on meanwhile", async (t) => {
  const [older, gone, newer] = await some("single", 3, 10);
  const page = await here.open(t, `/images/${gone.id}?q=single`);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "single 1" }).waitFor();
  assert.ok(await here.burrow.image(gone.id));
  // What leaves is passed over, and stepping on does not delete it yet.
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: "single 3" }).waitFor();
  assert.ok(await here.burrow.image(gone.id));
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByRole("heading", { name: "single 2" }).waitFor();
  // A message stays while the pointer is on it.
  await page.mouse.move(0, 0);
  await page.keyboard.press("Delete");
  await page.getByRole("heading", { name: "single 1" }).waitFor();
  await isGone(gone.id);
  assert.ok((await here.burrow.image(older.id)) && (await here.burrow.image(newer.id)));
});

test("whoever leaves the page while it could be undone has deleted", async (t) => {
  const [image] = await some("left", 1, 20);
  const page = await here.open(t, `/images/${image.id}`);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Undo" }).waitFor();
  assert.ok(await here.burrow.image(image.id));
  await page.goto("/stats");
  await isGone(image.id);
});

test("several are selected, tagged, and deleted; Shift selects what lies between", async (t) => {
  const images = await some("several", 5, 30);
  const page = await here.open(t);
  await box(page, "several 4").check();
  await box(page, "several 2").click({ modifiers: ["Shift"] });
  await page.getByText("3 images selected").waitFor();
  await page.getByText("Tag…").click();
  await page.locator(".selected").getByLabel("Tags").fill("bulk, second");
  await page.getByRole("button", { name: "Add tags" }).click();
  await page.getByText("3 images tagged.").waitFor();
  await card(page, "several 3").locator(".tag", { hasText: "bulk" }).waitFor({ state: "attached" });
  assert.equal(await card(page, "several 5").locator(".tag").count(), 0);
  await box(page, "several 3").check();
  await page.getByText("Tag…").click();
  await page.locator(".selected").getByLabel("Tags").fill("second");
  await page.getByRole("button", { name: "Remove tags" }).click();
  await until(async () => (await here.burrow.image(images[2].id)).tags.join() === "bulk", "a tag is taken off");
  await box(page, "several 1").check();
  await box(page, "several 5").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByText("Delete 2 images?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await until(async () => (await page.locator(".going").count()) === 0, "they are back");
  // And selected, as they were.
  await page.getByText("2 images selected").waitFor();
  await box(page, "several 1").uncheck();
  assert.ok((await here.burrow.image(images[0].id)) && (await here.burrow.image(images[4].id)));
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await isGone(images[4].id);
  await until(async () => (await card(page, "several 5").count()) === 0, "its card is gone");
  assert.ok(await here.burrow.image(images[0].id));
});

test("what is renamed elsewhere while its deletion can be undone comes back renamed", async (t) => {
  const [image] = await some("both", 1, 40);
  const page = await here.open(t);
  await box(page, "both 1").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  const headers = { "content-type": "application/merge-patch+json" };
  await here.burrow.ask(`/images/${image.id}`, { method: "PATCH", headers, body: '{"name":"both 2"}' });
  await lookAt(page);
  await page.locator(".going").getByText("both 2").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await card(page, "both 2").and(page.locator(":not(.going)")).waitFor();
  assert.ok(await here.burrow.image(image.id));
});

test("several are downloaded as one file, byte for byte", async (t) => {
  await some("packed", 3, 50);
  const page = await here.open(t);
  for (const name of ["packed 1", "packed 3"]) await box(page, name).check();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  const file = Buffer.concat(await (await (await download).createReadStream()).toArray());
  assert.match((await download).suggestedFilename(), /\.zip$/);
  const list = "import io, json, sys, zipfile\nz = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\n"
    + "json.dump({name: z.read(name).hex() for name in z.namelist()}, sys.stdout)";
  const held = JSON.parse(execFileSync("python3", ["-c", list], { input: file }).toString());
  assert.deepEqual(held, { "packed 3.bmp": bitmap(53).toString("hex"), "packed 1.bmp": bitmap(51).toString("hex") });
});

test("what failed is selected too, to be tried again or deleted", async (t) => {
  const jobs = [];
  for (const n of [1, 2]) jobs.push(await here.burrow.add(`${here.origin.url}/late-${n}.bmp`, `late ${n}`));
  const page = await here.open(t);
  await card(page, "late 1").getByText("404").waitFor();
  await card(page, "late 2").getByText("404").waitFor();
  // An archive leaves a failed image out, and says so.
  const archive = await here.burrow.ask(`/archive?id=${jobs[0].id}&id=${(await some("there", 1, 70))[0].id}`);
  assert.match(Buffer.from(await archive.arrayBuffer()).toString("latin1"), /late 1: the image is failed/);
  here.origin.serve("/late-1.bmp", bitmap(61));
  await box(page, "late 1").check();
  await page.getByRole("button", { name: "Retry" }).click();
  await until(async () => (await here.burrow.image(jobs[0].id)).status === "ready", "the first is there now");
  await box(page, "late 2").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await isGone(jobs[1].id);
});

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
  await page.getByLabel("Name").fill("  Über <den> Fluss ");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("1 image renamed.").waitFor();
  await page.getByRole("heading", { name: "Über <den> Fluss" }).waitFor();
  await page.getByLabel("Tags").fill("river, old");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("1 image tagged.").waitFor();
  await page.getByLabel("Tags").fill("old");
  await page.getByRole("button", { name: "Take off" }).click();
  await page.getByText("tags taken off 1 image").waitFor();
  const { name, tags } = await here.burrow.image(image.id);
  assert.deepEqual({ name, tags }, { name: "Über <den> Fluss", tags: ["river"] });
});

test("before an image is deleted one is asked, and afterwards it can be undone for a while", async (t) => {
  const [kept, gone] = await some("single", 2, 10);
  const page = await here.open(t, `/images/${kept.id}`);
  const remove = async (answer) => {
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: answer }).click();
  };
  await remove("Keep");
  await remove("Delete");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.locator(".one:not(.going)").waitFor();
  assert.ok(await here.burrow.image(kept.id));
  await page.goto(`/images/${gone.id}`);
  await remove("Delete");
  // While the deletion can be undone, the image cannot be changed.
  await until(() => page.locator("#image").evaluate((article) => article.inert), "it cannot be changed any more");
  await page.getByText("This image is deleted.").waitFor({ timeout: 20_000 });
  await isGone(gone.id);
  assert.ok(await here.burrow.image(kept.id));
});

test("whoever leaves the page while it could be undone has deleted", async (t) => {
  const [image] = await some("left", 1, 20);
  const page = await here.open(t, `/images/${image.id}`);
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
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
  await page.locator(".selected").getByLabel("Tags").fill("bulk, second");
  await page.getByRole("button", { name: "Tag", exact: true }).click();
  await page.getByText("3 images tagged.").waitFor();
  await card(page, "several 3").locator(".tag", { hasText: "bulk" }).waitFor();
  assert.equal(await card(page, "several 5").locator(".tag").count(), 0);
  await box(page, "several 3").check();
  await page.locator(".selected").getByLabel("Tags").fill("second");
  await page.getByRole("button", { name: "Untag" }).click();
  await until(async () => (await here.burrow.image(images[2].id)).tags.join() === "bulk", "a tag is taken off");
  await box(page, "several 1").check();
  await box(page, "several 5").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByText("Delete 2 images?").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Undo" }).click();
  await until(async () => (await page.locator(".going").count()) === 0, "they are back");
  assert.ok((await here.burrow.image(images[0].id)) && (await here.burrow.image(images[4].id)));
  await box(page, "several 5").check();
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
  await page.getByRole("button", { name: "Try again" }).click();
  await until(async () => (await here.burrow.image(jobs[0].id)).status === "ready", "the first is there now");
  await box(page, "late 2").check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await isGone(jobs[1].id);
});

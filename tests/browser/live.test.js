// Pages update themselves: in two tabs, while Burrow cannot be reached, and afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, card, lookAt, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const here = world();

const offline = (page) => page.getByText("Burrow cannot be reached.");

test("what one tab does the other shows", async (t) => {
  const context = await here.context(t);
  const [one, other] = [await context.newPage(), await context.newPage()];
  await Promise.all([one.goto("/"), other.goto("/")]);
  await other.getByText("Nothing here yet.").waitFor();
  const { url, open } = here.origin.gated("/tabs.bmp", bitmap(1));
  await (await addresses(one)).fill(url);
  await one.getByRole("button", { name: "Add" }).click();
  await card(one, "tabs.bmp").waitFor();
  await lookAt(other);
  await card(other, "tabs.bmp").getByText(/Queued|Downloading/).waitFor();
  open();
  await card(other, "tabs.bmp").locator("img").waitFor();
  await other.goto(await card(other, "tabs.bmp").locator("a.open").getAttribute("href"));
  await other.getByRole("textbox", { name: "Name" }).fill("renamed");
  await other.getByRole("button", { name: "Rename" }).click();
  await other.getByRole("heading", { name: "renamed" }).waitFor();
  await lookAt(one);
  await card(one, "renamed").waitFor();
  assert.equal(await one.locator("#grid > .card").count(), 1);
});

test("an image that was deleted elsewhere vanishes, and its page says that it is gone", async (t) => {
  const image = await here.burrow.store(bitmap(2), "short-lived");
  const page = await here.open(t);
  await card(page, "short-lived").waitFor();
  await here.burrow.ask(`/images/${image.id}`, { method: "DELETE" });
  await lookAt(page);
  await until(async () => (await card(page, "short-lived").count()) === 0, "the card is gone");
  await page.goto(`/images/${image.id}`);
  await page.getByText("no such image").or(page.getByText("There is no")).first().waitFor();
});

test("a browser that goes offline says so, and comes back by itself", async (t) => {
  const context = await here.context(t);
  const page = await context.newPage();
  await page.goto("/");
  await context.setOffline(true);
  await offline(page).waitFor();
  await (await addresses(page)).fill("https://pictures.example/x.png");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByText("That could not be added").waitFor();
  // The field keeps what was typed.
  assert.equal(await (await addresses(page)).inputValue(), "https://pictures.example/x.png");
  await here.burrow.store(bitmap(3), "while offline");
  await context.setOffline(false);
  await card(page, "while offline").waitFor();
  await offline(page).waitFor({ state: "hidden" });
});

test("Burrow stops and starts again: the page goes on, and so do jobs", async (t) => {
  const { url, open } = here.origin.gated("/held.bmp", bitmap(4));
  const page = await here.open(t);
  await (await addresses(page)).fill(url);
  await page.getByRole("button", { name: "Add" }).click();
  await card(page, "held.bmp").waitFor();
  await here.burrow.kill();
  await offline(page).waitFor();
  open();
  await here.burrow.startAgain();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await offline(page).waitFor({ state: "hidden" });
  if (process.env.BURROW_SPIN) return t.diagnostic("SKIPPED: on Spin nobody takes up a job before its lease is over");
  await card(page, "held.bmp").locator("img").waitFor();
});

test("what does not belong into a list any more leaves it", async (t) => {
  const images = [];
  for (let n = 1; n <= 3; n += 1) images.push(await here.burrow.store(bitmap(10 + n), `listed ${n}`, ["list"]));
  const page = await here.open(t, "/?tag=list");
  const shown = (count) => until(async () => (await page.locator("#grid > .card").count()) === count, `${count} are left`);
  await shown(3);
  // The focus stays on the checkbox, though the rename replaces the card.
  await page.getByRole("checkbox", { name: "Select listed 2" }).focus();
  const headers = { "content-type": "application/merge-patch+json" };
  await here.burrow.ask(`/images/${images[1].id}`, { method: "PATCH", headers, body: '{"name":"listed two"}' });
  await here.burrow.ask(`/images/${images[0].id}`, { method: "DELETE" });
  await lookAt(page);
  await shown(2);
  await card(page, "listed two").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.equal(await focused(), "Select listed two");
  for (const image of images.slice(1)) await here.burrow.ask(`/images/${image.id}`, { method: "DELETE" });
  await lookAt(page);
  await shown(0);
  await page.getByText(/No images match/).waitFor();
});

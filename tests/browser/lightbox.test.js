// The lightbox over the grid: its keys, its address, the way back, and what can be done in it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { box, card, names, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const COUNT = 70;

const here = world({}, async ({ burrow }) => {
  for (let n = 1; n <= COUNT; n += 1) {
    await burrow.store(bitmap(n, 120, 80), `light ${n}`, n % 2 === 0 ? ["even"] : []);
  }
  await burrow.store(bitmap(500, 1600, 1000), "large");
});

const dialog = (page) => page.getByRole("dialog", { name: "Image" });
const shows = (page, name) => dialog(page).getByRole("article", { name, exact: true }).waitFor();
const open = (page, name) => card(page, name).locator("a.open").click();
const image = async (name) => (await here.burrow.images()).find((one) => one.name === name);
const focused = (page) => page.evaluate(() => document.activeElement.closest(".card")?.querySelector(".name").textContent);

test("it opens over the grid, arrows lead through the results, and Esc back to the card", async (t) => {
  const page = await here.open(t, "/?tag=even&order=oldest");
  await card(page, "light 40").scrollIntoViewIfNeeded();
  const before = await page.evaluate(() => scrollY);
  await open(page, "light 40");
  await shows(page, "light 40");
  const { id } = await image("light 40");
  assert.equal(new URL(page.url()).pathname, `/images/${id}`);
  assert.equal(new URL(page.url()).search, "?tag=even&order=oldest");
  assert.match(await page.title(), /^light 40/);
  assert.ok(await page.locator("main").evaluate((main) => main.inert));
  await page.keyboard.press("ArrowRight");
  await shows(page, "light 42");
  await page.keyboard.press("ArrowLeft");
  await shows(page, "light 40");
  await page.keyboard.press("ArrowLeft");
  await shows(page, "light 38");
  // Screen readers are told: the focus is on the image, which has its name.
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "light 38");
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "hidden" });
  assert.equal(new URL(page.url()).search, "?tag=even&order=oldest");
  assert.equal(await focused(page), "light 38");
  assert.ok(Math.abs((await page.evaluate(() => scrollY)) - before) < 800);
  assert.ok(!(await page.locator("main").evaluate((main) => main.inert)));
  // Forward and Back do the same.
  await page.goForward();
  await shows(page, "light 38");
  await page.goBack();
  await dialog(page).waitFor({ state: "hidden" });
  assert.equal((await names(page)).length, 35);
});

test("a swipe leads on, and neighbours are there before they are asked for", async (t) => {
  const page = await here.open(t, "/?q=light", { hasTouch: true, viewport: { width: 390, height: 844 } });
  const asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await open(page, "light 60");
  await shows(page, "light 60");
  const { id } = await image("light 59");
  await until(() => asked.includes(`/images/${id}`) && asked.includes(`/images/${id}/thumbnail`), "the next is loaded");
  const swipe = (from, to) =>
    page.locator("#lightbox .stage").evaluate(
      (stage, [from, to]) => {
        const point = (type, x) =>
          stage.dispatchEvent(new PointerEvent(type, { pointerId: 1, pointerType: "touch", clientX: x, clientY: 300, bubbles: true }));
        point("pointerdown", from);
        point("pointermove", (from + to) / 2);
        point("pointermove", to);
        point("pointerup", to);
      },
      [from, to],
    );
  await swipe(300, 100);
  await shows(page, "light 59");
  await swipe(100, 300);
  await shows(page, "light 60");
  await swipe(200, 180);
  await shows(page, "light 60");
});

test("the thumbnail comes first, then the original; it zooms and moves, and Esc makes it whole again", async (t) => {
  const page = await here.open(t, "/");
  const { id } = await image("large");
  const order = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith(`/images/${id}/`)) order.push(pathname.split("/").at(-1) + search);
  });
  await open(page, "large");
  await shows(page, "large");
  const picture = page.locator("#lightbox .picture > img:not(.under)");
  await until(async () => (await picture.getAttribute("src")).endsWith("/content"), "the original is shown");
  assert.ok(order.indexOf("thumbnail?w=1280") >= 0 && order.indexOf("thumbnail?w=1280") < order.indexOf("content"), `${order}`);
  const width = () => picture.evaluate((one) => one.getBoundingClientRect().width);
  const whole = await width();
  await picture.click();
  await until(async () => (await width()) > 1.5 * whole, "a click zooms in");
  const left = () => picture.evaluate((one) => one.getBoundingClientRect().left);
  const before = await left();
  await page.mouse.move(600, 400);
  await page.mouse.down();
  await page.mouse.move(500, 400, { steps: 5 });
  await page.mouse.up();
  assert.ok((await left()) < before - 50, "it moves with the pointer");
  assert.ok((await width()) > 1.5 * whole, "a drag is no click");
  await page.keyboard.press("Escape");
  await until(async () => Math.abs((await width()) - whole) < 2, "it is whole again");
  assert.ok(await dialog(page).isVisible());
  await page.keyboard.press("+");
  await until(async () => (await width()) > 1.3 * whole, "plus zooms");
});

test("keys show details, select, tag, rename, download and delete with undo", async (t) => {
  const page = await here.open(t, "/?q=light");
  await open(page, "light 30");
  await shows(page, "light 30");
  await page.keyboard.press("i");
  const facts = page.locator("#lightbox .facts");
  await facts.waitFor();
  await facts.getByText("image/bmp, 120 × 80").waitFor();
  await page.keyboard.press("i");
  await facts.waitFor({ state: "hidden" });
  await page.keyboard.press("t");
  await page.keyboard.type("seen");
  await page.keyboard.press("Enter");
  await page.getByText("Tags added.").waitFor();
  await facts.getByRole("link", { name: "seen" }).waitFor();
  // The focus is still in the field, and Esc leaves the field first.
  assert.equal(await page.evaluate(() => document.activeElement.name), "tags");
  await page.keyboard.press("Escape");
  assert.ok(await dialog(page).isVisible());
  await page.keyboard.press("r");
  await page.keyboard.type("light thirty");
  await page.keyboard.press("Enter");
  await shows(page, "light thirty");
  const download = page.waitForEvent("download");
  await page.locator("#lightbox article").focus();
  await page.keyboard.press("d");
  assert.equal((await download).suggestedFilename(), "light thirty.bmp");
  await page.keyboard.press("x");
  assert.equal(await page.getByRole("button", { name: "Select", exact: true }).getAttribute("aria-pressed"), "true");
  await page.keyboard.press("Delete");
  await shows(page, "light 29");
  await page.getByRole("button", { name: "Undo" }).click();
  await shows(page, "light thirty");
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "hidden" });
  await card(page, "light thirty").waitFor();
  await page.getByText("1 image selected").waitFor();
  assert.ok(await box(page, "light thirty").isChecked());
  await page.keyboard.press("Escape");
  await open(page, "light 28");
  await shows(page, "light 28");
  const { id } = await image("light 28");
  // A message stays while the pointer is on it.
  await page.mouse.move(0, 0);
  await page.keyboard.press("Delete");
  await shows(page, "light 27");
  await page.keyboard.press("Escape");
  await until(async () => !(await here.burrow.image(id)), "it is deleted");
  await until(async () => (await card(page, "light 28").count()) === 0, "its card is gone");
});

test("the address is the image's page: it opens by itself, and leads back to where the image is", async (t) => {
  const page = await here.open(t, "/?q=light&order=oldest");
  await open(page, "light 20");
  await shows(page, "light 20");
  const there = page.url();
  const lone = await here.open(t, there);
  await lone.getByRole("heading", { name: "light 20" }).waitFor();
  await lone.keyboard.press("ArrowRight");
  await lone.getByRole("heading", { name: "light 21" }).waitFor();
  await lone.keyboard.press("Escape");
  await lone.waitForURL(/cursor=.*#i-/);
  assert.equal((await names(lone))[0], "light 21");
  assert.equal(new URL(lone.url()).searchParams.get("q"), "light");
  await lone.getByRole("link", { name: "Back to the first images" }).click();
  await lone.waitForURL("**/?q=light&order=oldest");
  // Who came from the gallery goes back to it.
  await page.goto("/?q=light");
  await page.evaluate((path) => (location.href = path), there);
  await page.getByRole("heading", { name: "light 20" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL("**/?q=light");
});

test("past the last card that is loaded, it leads on, and back to a page with that image", async (t) => {
  const page = await here.open(t, "/?q=light");
  assert.equal((await names(page)).length, 50);
  const last = (await names(page)).at(-1);
  await open(page, last);
  await shows(page, last);
  const number = Number(last.split(" ")[1]);
  await page.keyboard.press("ArrowRight");
  await shows(page, `light ${number - 1}`);
  await page.keyboard.press("Escape");
  await until(async () => (await names(page)).includes(`light ${number - 1}`), "the gallery shows it");
});

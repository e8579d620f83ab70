// Chromium for the tests of the pages, with checks that hold for every page.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { Burrow } from "./burrow.js";
import { Origin } from "./origin.js";

const SCREENSHOTS = fileURLToPath(new URL("../../target/browser/screenshots/", import.meta.url));
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A Burrow, an origin and a browser for all tests of a file; `prepare` fills the vault. */
export function world(settings, prepare = async () => {}) {
  const here = {};
  before(async () => {
    here.burrow = await Burrow.start(settings);
    here.origin = await Origin.start();
    here.browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
    await prepare(here);
  });
  after(async () => {
    await here.browser?.close();
    await here.origin?.end();
    await here.burrow?.end();
  });
  /** A new window with its own cookies. After the test it is closed, and the test fails if `watch` noted anything. */
  here.context = async (test, options = {}) => {
    const context = await here.browser.newContext({ baseURL: here.burrow.url, ...options });
    context.setDefaultTimeout(15_000);
    const wrong = [];
    context.on("page", (page) => watch(page, here.burrow.url, wrong));
    test.after(async () => {
      await context.close();
      assert.deepEqual(wrong, []);
    });
    return context;
  };
  /** A page in a new window. */
  here.open = async (test, path = "/", options) => {
    const page = await (await here.context(test, options)).newPage();
    await page.goto(path);
    return page;
  };
  return here;
}

/** Notes errors of scripts, dialogs, violations of the content security policy, and requests to other origins. */
function watch(page, url, wrong) {
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    if (dialog.type() !== "beforeunload") wrong.push(`a script ran: ${dialog.message()}`);
    dialog.accept();
  });
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) wrong.push(message.text());
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== url && protocol.startsWith("http")) wrong.push(`asked elsewhere: ${request.url()}`);
  });
}

/** The card of an image in the grid. */
export const card = (page, name) => page.locator("#grid > .card").filter({ has: page.getByText(name, { exact: true }) });

/** The field for addresses of images, in its panel, which is opened. */
export async function addresses(page) {
  const panel = page.locator("#adding");
  if (!(await panel.evaluate((details) => details.open))) await panel.locator("summary").click();
  return panel.getByLabel("Image URLs");
}

/** The checkbox that selects an image. */
export const box = (page, name) => page.getByRole("checkbox", { name: `Select ${name}`, exact: true });

/** The names of all cards, in their order. */
export const names = (page) => page.locator("#grid .name").allTextContents();

/** Makes a page ask again, as it does when it becomes visible. */
export const lookAt = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

/** Saves a screenshot for people to look at. */
export async function screenshot(page, name, options = {}) {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}${name}.png`, ...options });
}

/** Waits until `holds` returns true, for at most 20 s; `what` names the condition in the failure. */
export async function until(holds, what) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`it does not come to this: ${what}`);
}

/** Waits until all pictures above the lower edge of the window are loaded. */
export function pictures(page) {
  const all = () =>
    page.evaluate(() => {
      const seen = [...document.querySelectorAll("img")].filter((one) => one.getBoundingClientRect().top < innerHeight);
      // Of a picture one pixel wide, the width that is shown may round to nothing.
      return seen.every((one) => one.complete && one.naturalWidth + one.naturalHeight > 0);
    });
  return until(all, "every picture is shown");
}

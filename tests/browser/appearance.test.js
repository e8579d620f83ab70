// Appearance and accessibility: every page, light and dark, on a phone and on a wide screen. Each is kept as a picture
// in target/browser/screenshots and checked by axe.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { pictures, screenshot, until, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

const AXE = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const LOOKS = [];
for (const colorScheme of ["light", "dark"]) {
  LOOKS.push([`${colorScheme}-phone`, { colorScheme, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }]);
  LOOKS.push([`${colorScheme}-wide`, { colorScheme, viewport: { width: 1600, height: 1000 } }]);
}

/** Selects by the keyboard: on a phone, checkboxes are not to be hit before something is selected by a long press. */
async function select(page, box) {
  await box.focus();
  await page.keyboard.press("Space");
}

/** Tests a page in each look; `visit` opens it. */
function looks(here, name, visit, options) {
  for (const [look, settings] of LOOKS) {
    test(`${name}, ${look}`, async (t) => {
      const page = await (await here.context(t, { ...settings, ...options, reducedMotion: "reduce" })).newPage();
      await visit(page);
      await screenshot(page, `${name}-${look}`, { animations: "disabled" });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wider <= 0, `the page is ${wider} pixels wider than the window`);
      if (options?.javaScriptEnabled === false) return;
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => axe.run());
      const told = violations
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`);
      assert.deepEqual(told, []);
    });
  }
}

describe("an empty vault", () => {
  const here = world();
  looks(here, "empty", (page) => page.goto("/"));
  looks(here, "no-statistics", (page) => page.goto("/stats"));
  looks(here, "nothing-there", (page) => page.goto("/images/00000000-0000-7000-8000-000000000000"));
});

describe("a vault that is in use", () => {
  const images = {};
  const here = world({ link_keys: "browser:browser-test-secret" }, async ({ burrow, origin }) => {
    for (let n = 1; n <= 24; n += 1) {
      images.last = await burrow.store(bitmap(n, 40 + 8 * (n % 5), 60 - 6 * (n % 4)), `colours ${n}.bmp`, ["colour"]);
    }
    for (const file of ["photo.png", "photo.jpg", "photo.webp", "photo.gif"]) {
      images[file] = await burrow.store(await fixture(file), file, ["river", file.split(".")[1]]);
    }
    images.failed = await burrow.add(`${origin.url}/gone.png`, "gone.png");
    const { url } = origin.gated("/slow.png", bitmap(99));
    images.pending = await burrow.add(url, "on the way.png");
    await until(async () => (await burrow.image(images.failed.id)).status === "failed", "one failed");
  });

  looks(here, "home", async (page) => {
    await page.goto("/");
    await pictures(page);
  });
  looks(here, "selection", async (page) => {
    await page.goto("/?q=photo");
    for (const box of (await page.getByRole("checkbox").all()).slice(0, 2)) await select(page, box);
    await page.getByText("2 images selected").waitFor();
    await pictures(page);
  });
  looks(here, "image", async (page) => {
    await page.goto(`/images/${images["photo.jpg"].id}`);
    await page.getByRole("button", { name: "Make a signed link" }).click();
    await page.getByText("Signed link, good until").waitFor();
    await pictures(page);
  });
  for (const view of ["tiles", "list"]) {
    looks(here, view, async (page) => {
      await page.goto("/");
      await page.getByRole("button", { name: view === "tiles" ? "Tiles" : "List" }).click();
      await pictures(page);
    });
  }
  looks(here, "lightbox", async (page) => {
    await page.goto("/?q=photo");
    await page.locator("#grid a.open").first().click();
    await page.getByRole("article").waitFor();
    await page.getByRole("button", { name: "Details" }).click();
    await pictures(page);
  });
  looks(here, "adding", async (page) => {
    await page.goto("/");
    await page.locator("#adding > summary").click();
  });
  looks(here, "tags", (page) => page.goto("/tags"));
  looks(here, "failed-images", (page) => page.goto("/?status=failed"));
  looks(here, "failed", (page) => page.goto(`/images/${images.failed.id}`));
  looks(here, "pending", (page) => page.goto(`/images/${images.pending.id}`));
  looks(here, "statistics", (page) => page.goto("/stats"));
  looks(here, "question", async (page) => {
    await page.goto("/?q=photo");
    await select(page, page.getByRole("checkbox").first());
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog").waitFor();
  });
  looks(
    here,
    "question-without-scripts",
    async (page) => {
      await page.goto(`/images/${images.last.id}`);
      await page.getByRole("button", { name: "Delete…" }).click();
      await page.getByRole("heading", { name: "Delete this image?" }).waitFor();
    },
    { javaScriptEnabled: false },
  );
  looks(here, "problem", (page) => page.goto("/?order=sideways"));
});

describe("a vault behind tokens", () => {
  const here = world({ read_token: "let-me-read", write_token: "let-me-write" });
  looks(here, "sign-in", (page) => page.goto("/"));
});

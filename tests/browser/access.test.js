// Tokens: pages ask for the token when it is needed, and keep it in a cookie that scripts cannot read.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { addresses, pictures, world } from "./browser.js";
import { bitmap, fixture } from "./origin.js";

const field = (page) => page.getByLabel(/token/i);

async function signIn(page, token) {
  // On the gallery and on an image's page, the form is behind a button.
  const panel = page.locator("#signin");
  if ((await panel.count()) > 0) await panel.locator("summary").click();
  await field(page).fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

describe("where changes need a token", () => {
  const here = world({ write_token: "let-me-write" });

  test("everybody may look; who signs in may change, until signing out", async (t) => {
    await here.burrow.store(await fixture("photo.png"), "open");
    const context = await here.context(t);
    const page = await context.newPage();
    await page.goto("/");
    await pictures(page);
    assert.equal(await page.locator("#add").count(), 0);
    await signIn(page, "wrong");
    await page.getByText("token").first().waitFor();
    assert.equal((await context.cookies()).length, 0);
    await signIn(page, "let-me-write");
    await page.waitForURL(here.burrow.url + "/");
    await (await addresses(page)).fill(here.origin.serve("/in.bmp", bitmap(1)));
    await page.getByRole("button", { name: "Add" }).click();
    await page.locator("#grid > .card").nth(1).waitFor();
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Lax"]);
    assert.equal(await page.evaluate(() => document.cookie), "");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator("#signin > summary").waitFor();
    assert.equal((await context.cookies()).length, 0);
    assert.equal(await page.getByRole("checkbox").count() > 0, true);
  });

  test("signing in leads back to where one was, also after a wrong token, and without scripts", async (t) => {
    const image = await here.burrow.store(await fixture("photo.gif"), "here");
    const page = await here.open(t, `/images/${image.id}`, { javaScriptEnabled: false });
    await signIn(page, "wrong");
    await page.getByRole("heading", { name: "Not authorized" }).waitFor();
    await signIn(page, "let-me-write");
    await page.waitForURL(`**/images/${image.id}`);
    // A form that needed the token leads back to its page.
    await page.context().clearCookies();
    await page.getByRole("textbox", { name: "Name" }).fill("there");
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByRole("heading", { name: "Not authorized" }).waitFor();
    await signIn(page, "let-me-write");
    await page.waitForURL(`**/images/${image.id}`);
  });

  test("who was signed out meanwhile is told what to do", async (t) => {
    const context = await here.context(t);
    const page = await context.newPage();
    await page.goto("/");
    await signIn(page, "let-me-write");
    await (await addresses(page)).fill("https://pictures.example/x.png");
    await context.clearCookies();
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByText("load the page again and sign in").waitFor();
  });
});

describe("where looking needs a token", () => {
  const here = world({ read_token: "let-me-read", write_token: "let-me-write" });

  test("nothing is shown before; pictures come by the cookie after", async (t) => {
    const image = await here.burrow.store(await fixture("photo.png"), "secret");
    const page = await here.open(t, `/images/${image.id}`);
    assert.ok(!(await page.content()).includes("secret"));
    await signIn(page, "let-me-read");
    // Signing in leads back to the page that was asked for.
    await page.getByRole("heading", { name: "secret" }).waitFor();
    await pictures(page);
    assert.equal(await page.getByRole("button", { name: /Delete|Rename|Remove tag/ }).count(), 0);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Not authorized" }).waitFor();
  });
});

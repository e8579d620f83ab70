// Markup and scripts in names, tags, addresses and files are shown as text, and never run.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, names, screenshot, until, world } from "./browser.js";
import { bitmap } from "./origin.js";

const MARKUP = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  "</title></textarea></style><script>alert(1)</script>",
  "javascript:alert(1)",
  "{{ 7 * 7 }}${alert(1)}",
  "&lt;b&gt;&#60;script&#62;",
  "‮gnp.tac <b>‬",
  "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301\u0323\u0323\u0323\u0323",
  "../../etc/passwd",
  "W".repeat(255),
];
const SCRIPT = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9" onload="alert(1)">
  <script>alert(1)</script><script xlink:href="data:text/javascript,alert(1)"/>
  <a xlink:href="javascript:alert(1)"><rect width="9" height="9" fill="red"/></a>
  <foreignObject width="9" height="9"><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="alert(1)"/></foreignObject>
</svg>`;

const images = [];

const here = world({ link_keys: "browser:browser-test-secret" }, async ({ burrow }) => {
  for (const [n, name] of MARKUP.entries()) {
    images.push(await burrow.store(bitmap(n), name, [name.slice(0, 60).replaceAll(",", " ")]));
  }
});

// A script that ran would show a dialog, and a dialog fails the test: see `watch` in browser.js.

test("names and tags are shown as they are, wherever they are shown", async (t) => {
  const page = await here.open(t);
  const shown = await names(page);
  assert.deepEqual(shown, MARKUP.toReversed().map((name) => name.trim()));
  await fits(page);
  await screenshot(page, "hostile-names");
  for (const [n, name] of MARKUP.entries()) {
    await page.goto(`/images/${images[n].id}`);
    assert.equal(await page.locator("h1").textContent(), name);
    assert.equal(await page.getByRole("textbox", { name: "Name" }).inputValue(), name);
    await fits(page);
    await page.locator(".facts .tag a").click();
    await page.waitForURL(/tag=/);
    assert.deepEqual(await names(page), [name]);
    await page.goto(`/?q=${encodeURIComponent(name)}`);
    assert.equal(await page.getByLabel("Search names").inputValue(), name);
    assert.ok((await names(page)).includes(name));
    await page.goto(`/image/${encodeURIComponent(name)}`);
    assert.equal(await page.locator("h1").textContent(), name);
  }
});

test("questions and failures quote what was given as text", async (t) => {
  const page = await here.open(t, "/", { javaScriptEnabled: false });
  for (const box of await page.getByRole("checkbox").all()) await box.check();
  await page.getByRole("button", { name: "Delete…" }).click();
  assert.deepEqual((await page.locator("li").allTextContents()).toSorted(), MARKUP.toSorted());
  await page.getByRole("link", { name: "Keep" }).click();
  // Each line is an invalid address, which its error quotes.
  const lines = MARKUP.map((name) => name.replaceAll(" ", ""));
  await (await addresses(page)).fill(lines.join("\n"));
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("heading", { name: "Not everything was done" }).waitFor();
  const failures = await page.locator("li").allTextContents();
  assert.equal(failures.length, lines.length);
  for (const [n, line] of lines.entries()) assert.ok(failures[n].startsWith(`${line.slice(0, 200)}`), failures[n]);
  const scripted = await (await here.context(t)).newPage();
  for (const given of MARKUP) {
    const text = encodeURIComponent(given);
    for (const path of [`/${text}`, `/?order=${text}`, `/?told=${text}&count=1`, `/?told=added&count=${text}`, `/images/${text}`, `/problems/${text}`, `/add?url=${text}&referrer=${text}&name=${text}`, `/?cursor=${text}`, `/?tag=${text}&status=${text}`]) {
      await scripted.goto(path);
      assert.equal(await scripted.locator("h1").count(), 1, path);
    }
  }
});

test("with scripts too: what cannot be added, renamed or uploaded is quoted as text", async (t) => {
  const page = await here.open(t);
  await (await addresses(page)).fill(MARKUP.map((name) => name.replaceAll(" ", "")).join("\n"));
  await page.getByRole("button", { name: "Add" }).click();
  await page.locator(".toast").first().waitFor();
  const buffer = Buffer.from("nothing");
  await page.locator("#file").setInputFiles(MARKUP.map((name) => ({ name: name.replaceAll("/", "_"), mimeType: "image/png", buffer })));
  await until(async () => (await page.locator("#uploads .error").count()) === MARKUP.length, "every file is refused");
  await fits(page);
});

test("an address with markup in it is a link to there and nothing else", async (t) => {
  const url = `${here.origin.url}/%22%3E%3Cscript%3Ealert(1)%3C/script%3E?q='><script>alert(1)</script>&r=javascript:alert(1)#<b>`;
  const job = await here.burrow.add(url, "address");
  await until(async () => (await here.burrow.image(job.id)).status === "failed", "its origin has no such thing");
  const page = await here.open(t, `/images/${job.id}`);
  const link = page.locator("dd a");
  assert.ok((await link.getAttribute("href")).startsWith(`${here.origin.url}/`));
  await page.goto("/?status=failed");
  await page.getByText("404").waitFor();
});

test("a drawing with scripts runs none of them: not in the grid, not by itself", async (t) => {
  const image = await here.burrow.store(Buffer.from(SCRIPT), "drawing.svg");
  const page = await here.open(t);
  await until(() => page.locator("#grid img").first().evaluate((one) => one.naturalWidth > 0), "it is shown");
  for (const path of ["content", "thumbnail?w=320", "content?download=no"]) {
    // Not `here.context`: there the console's message that the policy refused a script would fail the test.
    const lone = await here.browser.newPage();
    let ran = false;
    lone.on("dialog", (dialog) => {
      ran = true;
      dialog.dismiss();
    });
    await lone.goto(`${here.burrow.url}/images/${image.id}/${path}`).catch(() => {});
    await lone.locator("a").first().click({ timeout: 1000, force: true }).catch(() => {});
    assert.ok(!ran, `a script ran in ${path}`);
    await lone.close();
  }
});

test("names of 500 characters and of nothing are refused with a sentence", async (t) => {
  const page = await here.open(t, `/images/${images[0].id}`, { javaScriptEnabled: false });
  await page.locator("input[name=name]").evaluate((field) => field.removeAttribute("maxlength"));
  await page.getByRole("textbox", { name: "Name" }).fill("x".repeat(500));
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("255").waitFor();
  await page.goBack();
  await page.locator("input[name=name]").evaluate((field) => field.removeAttribute("required"));
  await page.getByRole("textbox", { name: "Name" }).fill("   ");
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByText("name").first().waitFor();
  assert.equal((await here.burrow.image(images[0].id)).name, MARKUP[0]);
});

/** Checks that the page is not wider than the window. */
async function fits(page) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wider <= 0, `the page is ${wider} pixels wider than the window`);
}

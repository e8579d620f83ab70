// Has Burrow keep the images of some URLs, and reads them back.
//
//     node out/keep.js directory/ https://example.com/otter.png ...
//
// BURROW_URL is Burrow's address (http://127.0.0.1:3000), BURROW_TOKEN a token if it needs one.

import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import createClient from "openapi-fetch";

import type { components, paths } from "./burrow.js";

type Image = components["schemas"]["Image"];

const { BURROW_URL: baseUrl = "http://127.0.0.1:3000", BURROW_TOKEN: token } = process.env;
// The same addresses answer browsers with pages, so the types are those of answers in JSON.
const burrow = createClient<paths, `application/${string}json`>({ baseUrl, headers: token ? { authorization: `Bearer ${token}` } : {} });

/** What an answer holds; throws Burrow's own words if there is none. */
function expect<T>({ data, error }: { data?: T; error?: { title: string; detail?: string } }): T {
  if (data === undefined) throw new Error(error?.detail ?? error?.title ?? "no answer");
  return data;
}

/** Records a job for the URL. Burrow does it even if this program dies. */
async function add(url: string): Promise<Image> {
  // Sent again with the same key, the request gives the same image.
  const key = `"${createHash("sha256").update(url).digest("hex")}"`;
  const answer = await burrow.POST("/images", {
    params: { header: { "Idempotency-Key": key } },
    body: { url },
    headers: { "content-type": "application/json" },
  });
  const image = expect(answer);
  if ("images" in image) throw new Error("one URL gave several images");
  return image;
}

/** Waits until the job has ended. */
async function end({ id }: Image): Promise<Image> {
  for (;;) {
    const image = expect(await burrow.GET("/images/{id}", { params: { path: { id } } }));
    if (image.status === "ready" || image.status === "failed") return image;
    await sleep(500);
  }
}

/** The original bytes, whose digest is checked. */
async function read({ id, sha256 }: Image): Promise<Uint8Array> {
  const answer = await burrow.GET("/images/{id}/content", { params: { path: { id } }, parseAs: "arrayBuffer" });
  const bytes = new Uint8Array(expect(answer));
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) throw new Error(`${id} is not what Burrow stored`);
  return bytes;
}

const [directory, ...urls] = process.argv.slice(2);
if (!directory || urls.length === 0) throw new Error("usage: node out/keep.js DIRECTORY URL...");
await mkdir(directory, { recursive: true });
// All jobs are recorded before the first is waited for: Burrow does many at once.
for (const job of await Promise.all(urls.map(add))) {
  const image = await end(job);
  if (image.status === "failed") {
    process.exitCode = 1;
    console.log(`failed  ${image.url}: ${image.error}`);
  } else {
    const file = join(directory, image.id);
    await writeFile(file, await read(image));
    console.log(`ready   ${image.url}: ${file}, ${image.size} bytes`);
  }
}

// All requests to the server.

import { say } from "./texts.js";

const UNREACHABLE = say("Burrow cannot be reached; try again");

/** Names over Burrow's limit of 255 bytes are shortened to this many characters. */
const MAX_NAME = 60;

/** Fetches and parses the page at a path; returns no page if it still has this entity tag. `path` is where it is. */
export async function page(path, etag) {
  const headers = { accept: "text/html" };
  if (etag) headers["if-none-match"] = etag;
  const response = await ask(path, { headers, cache: "no-store" });
  if (response.status === 304) return { etag };
  const text = await response.text();
  const { pathname, search } = new URL(response.url);
  const page = new DOMParser().parseFromString(text, "text/html");
  // The reader chose another language elsewhere.
  if (page.documentElement.lang !== document.documentElement.lang) location.reload();
  return { etag: response.headers.get("etag"), page, path: pathname + search };
}

/**
 * Submits a form of the gallery; returns how many images were done, the failures with their reasons, and the addresses
 * that images here have already.
 */
export async function act(fields, options = {}) {
  const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };
  const response = await ask("/gallery", { method: "POST", headers, body: new URLSearchParams(fields), ...options });
  return response.json();
}

/** Deletes images. */
export const remove = (ids, options) =>
  act([["action", "delete"], ["sure", "yes"], ...ids.map((id) => ["id", id])], options);

/** The record of an image. */
export async function record(id) {
  return (await ask(`/images/${id}`, { headers: { accept: "application/json" }, cache: "no-store" })).json();
}

/** Makes a signed link to an image; returns its path and when it expires. */
export async function link(id) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  return (await ask(`/images/${id}/links`, { method: "POST", headers, body: "{}" })).json();
}

/** Tags that begin with a text, and how many images have each. */
export async function tags(prefix) {
  const query = new URLSearchParams({ prefix, limit: 8 });
  return (await (await ask(`/tags?${query}`, { headers: { accept: "application/json" } })).json()).tags;
}

/** The months of UTC that have images, oldest first, and how many each has. */
export async function months() {
  return (await (await ask("/stats", { headers: { accept: "application/json" } })).json()).months ?? [];
}

/** The newest image of a name; undefined if there is none. */
export async function named(name) {
  try {
    const path = `/images/by-name/${encodeURIComponent(shortened(name))}`;
    return await (await ask(path, { headers: { accept: "application/json" }, cache: "no-store" })).json();
  } catch (error) {
    if (error.status === 404) return undefined;
    throw error;
  }
}

/**
 * Uploads a file; calls `progress` with the bytes that were sent so far. Resolves to the image; `signal` cancels the
 * upload.
 */
export function upload(file, tags, progress, signal) {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams({ name: shortened(file.name || "pasted.png") });
    for (const tag of tags) query.append("tag", tag);
    const request = new XMLHttpRequest();
    request.open("POST", `/images?${query}`);
    request.setRequestHeader("content-type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded);
    request.onload = () => {
      if (request.status === 201) return resolve(JSON.parse(request.responseText));
      reject(new Error(sentence(request.status, request.responseText)));
    };
    request.onerror = () => reject(new Error(UNREACHABLE));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Sends a request. Throws an error with a message for people, and with the status if there was an answer. */
async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(UNREACHABLE);
  }
  if (response.ok || response.status === 304) return response;
  const text = await response.text();
  throw Object.assign(new Error(sentence(response.status, text)), { status: response.status });
}

/** Shortens a name that is too long; keeps its extension. */
function shortened(name) {
  const size = new TextEncoder().encode(name).length;
  return size <= 255 ? name : `${name.slice(0, MAX_NAME - 10)}…${name.slice(-9)}`.toWellFormed();
}

function sentence(status, text) {
  if (status === 401) return say("a token is needed for this: load the page again and sign in");
  try {
    return JSON.parse(text).detail;
  } catch {
    return say("the server answered {status}", { status });
  }
}

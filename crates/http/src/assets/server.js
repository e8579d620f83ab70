// All requests to the server.

const UNREACHABLE = "Burrow cannot be reached; try again";

/** Names over Burrow's limit of 255 bytes are shortened to this many characters. */
const MAX_NAME = 60;

/** Fetches and parses the page at a path; returns no page if it still has this entity tag. */
export async function page(path, etag) {
  const headers = { accept: "text/html" };
  if (etag) headers["if-none-match"] = etag;
  const response = await ask(path, { headers, cache: "no-store" });
  if (response.status === 304) return { etag };
  const text = await response.text();
  return { etag: response.headers.get("etag"), page: new DOMParser().parseFromString(text, "text/html") };
}

/** Submits a form of the gallery; returns how many images were done, and the failures with their reasons. */
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

/** Uploads a file; calls `progress` with the share that was sent, from 0 to 1. */
export function upload(file, tags, progress) {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams({ name: shortened(file.name || "pasted.png") });
    for (const tag of tags) query.append("tag", tag);
    const request = new XMLHttpRequest();
    request.open("POST", `/images?${query}`);
    request.setRequestHeader("content-type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) return resolve();
      reject(new Error(sentence(request.status, request.responseText)));
    };
    request.onerror = () => reject(new Error(UNREACHABLE));
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
  if (status === 401) return "a token is needed for this: load the page again and sign in";
  try {
    return JSON.parse(text).detail;
  } catch {
    return `the server answered ${status}`;
  }
}

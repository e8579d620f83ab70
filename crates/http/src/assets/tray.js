// The tray at the lower edge: uploads under way, what failed, and what is here already. It stays until it is empty.

import { lookSoon } from "./live.js";
import { named, upload } from "./server.js";
import { count, numerals, number, say } from "./texts.js";
import { toast } from "./toast.js";

/** How many files are sent at once. */
const AT_ONCE = 3;

/** The largest file that is compared with what is here before it is sent, in bytes: the browser reads it into memory. */
const MAX_COMPARED = 64 * 1024 * 1024;

const tray = document.createElement("section");
tray.id = "tray";
tray.hidden = true;
tray.setAttribute("aria-label", say("Uploads"));
tray.innerHTML = `<div class="row"><p role="status"></p><button type="button" class="quiet"></button></div>
  <progress max="1" value="0"></progress><ul id="uploads"></ul>`;
document.body.append(tray);
const [status, bar, list] = ["p", "progress", "ul"].map((name) => tray.querySelector(name));
const stop = tray.querySelector("button");
bar.setAttribute("aria-label", say("All uploads"));

const waiting = [];
const sending = new Set();
let sum = none();

function none() {
  return { files: 0, ended: 0, stored: 0, bytes: 0, sent: 0, began: performance.now(), stop: new AbortController() };
}

const size = (bytes) => `${(bytes / 1e6).toLocaleString(numerals, { maximumFractionDigits: 1 })} MB`;
const speed = (rate) => `${rate.toLocaleString(numerals, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} MB/s`;

/** Sends files, each with these tags. */
export function send(files, tags) {
  if (sending.size + waiting.length === 0) sum = none();
  for (const file of files) {
    sum.files += 1;
    sum.bytes += file.size;
    waiting.push({ file, tags, sent: 0, isNew: false });
  }
  next();
}

function next() {
  while (sending.size < AT_ONCE && waiting.length > 0) begin(waiting.shift());
  show();
  if (sending.size > 0 || sum.files === 0) return;
  if (sum.stored > 0) toast(count("{n} image stored.", "{n} images stored.", sum.stored));
  sum = none();
  show();
}

async function begin(one) {
  sending.add(one);
  const { signal } = sum.stop;
  try {
    const same = one.isNew ? undefined : await isHere(one.file);
    if (same) {
      alreadyHere({ ...same, what: name(one.file) }, () => again(one));
    } else if (!signal.aborted) {
      await upload(one.file, one.tags, (sent) => advance(one, sent), signal);
      sum.stored += 1;
    }
  } catch (error) {
    if (error.name !== "AbortError") line(name(one.file), error.message, [[say("Retry"), () => again(one)]]);
  }
  advance(one, one.file.size);
  sum.ended += 1;
  sending.delete(one);
  lookSoon();
  next();
}

function again(one) {
  if (sending.size + waiting.length === 0) sum = none();
  sum.files += 1;
  sum.bytes += one.file.size;
  waiting.push({ ...one, sent: 0, isNew: true });
  next();
}

/** The image of the same name and the same bytes, if there is one. Browsers hash only where the connection is safe. */
async function isHere(file) {
  if (!crypto.subtle || !file.name || file.size > MAX_COMPARED) return undefined;
  const image = await named(file.name).catch(() => undefined);
  if (!image || image.size !== file.size) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return digest.toHex?.() === image.sha256 || hex(digest) === image.sha256 ? image : undefined;
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const name = (file) => file.name || say("a pasted image");

function advance(one, sent) {
  sum.sent += sent - one.sent;
  one.sent = sent;
  show();
}

function show() {
  const isBusy = sum.files > 0;
  const rate = sum.sent / Math.max(performance.now() - sum.began, 1) / 1000;
  tray.hidden = !isBusy && list.children.length === 0;
  bar.hidden = !isBusy;
  stop.textContent = isBusy ? say("Cancel") : say("Close");
  bar.value = sum.sent / Math.max(sum.bytes, 1);
  // What a screen reader says is not every byte.
  const nth = Math.min(sum.ended + 1, sum.files);
  const text = isBusy ? say("Uploading {nth} of {all}", { nth: number(nth), all: number(sum.files) }) : say("Uploads");
  if (status.textContent !== text) status.textContent = text;
  bar.title = say("{sent} of {all}, {rate}", { sent: size(sum.sent), all: size(sum.bytes), rate: speed(rate) });
  bar.dataset.text = bar.title;
}

stop.addEventListener("click", () => {
  if (sum.files > 0) {
    sum.files -= waiting.length;
    waiting.length = 0;
    sum.stop.abort();
  } else {
    list.replaceChildren();
  }
  show();
});

/** Says that an image is here already; `again` adds it anew. */
export function alreadyHere({ what, id, name }, again) {
  const link = document.createElement("a");
  link.href = `/images/${id}`;
  link.textContent = name;
  const [before, after] = say("Already here: {image}").split("{image}");
  line(what, [before, link, after], [[say("Add anyway"), again]]);
}

/** Adds a line to the tray, with actions that take the line away. */
function line(what, why, actions) {
  const one = document.createElement("li");
  const [title, said] = [document.createElement("span"), document.createElement("span")];
  title.className = "name";
  title.textContent = what;
  said.className = Array.isArray(why) ? "quiet" : "error";
  said.setAttribute("role", "alert");
  said.append(...[why].flat());
  one.append(title, said);
  for (const [label, act] of [...actions, [say("Dismiss"), () => {}]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.onclick = () => {
      one.remove();
      show();
      act();
    };
    one.append(button);
  }
  list.append(one);
  show();
}

// The browser asks before the page goes away: uploads under way would be lost.
addEventListener("beforeunload", (event) => sending.size + waiting.length > 0 && event.preventDefault());

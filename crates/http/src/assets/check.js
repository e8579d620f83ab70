// Downloads an original and compares its SHA-256 with the one that was recorded when it was stored.

import { count, say } from "./texts.js";

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const verified = (n) =>
  count("Verified: the same {n} byte, SHA-256 as above.", "Verified: the same {n} bytes, SHA-256 as above.", n);
const different = (n) =>
  count("The byte that came is not the one that was stored.", "The {n} bytes that came are not those that were stored.", n);

/** Checks the image of a button; says the result beside it. */
export async function check(button) {
  const output = button.parentElement.querySelector("output");
  const show = (text, isBad = false) => {
    output.textContent = text;
    output.className = isBad ? "error" : "good";
  };
  if (!crypto.subtle) return show(say("Browsers check bytes only over HTTPS or on localhost."), true);
  button.disabled = true;
  show(say("Downloading…"));
  try {
    const response = await fetch(button.dataset.check, { cache: "no-store" });
    if (!response.ok) throw new Error(say("the server answered {status}", { status: response.status }));
    const bytes = await response.arrayBuffer();
    const length = bytes.byteLength;
    const same = hex(await crypto.subtle.digest("SHA-256", bytes)) === button.dataset.sha256;
    if (same && length === Number(button.dataset.bytes)) show(verified(length));
    else show(different(length), true);
  } catch (error) {
    show(say("The image could not be checked: {why}.", { why: error.message }), true);
  }
  button.disabled = false;
}

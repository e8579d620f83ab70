// The page of one image: copies links, deletes with an undo, follows the image's status.

import "./pictures.js";
import { link, record, remove } from "./server.js";
import { ask, toast, unlessUndone } from "./toast.js";
import { times } from "./times.js";

const image = document.getElementById("image");
const { id, status } = image.dataset;

times("long");

/** Makes a link absolute, so that it can be sent to others. */
const whole = (field) => (field.value = new URL(field.value, location.href).href);
document.querySelectorAll("[data-link]").forEach(whole);

image.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = button.parentElement.querySelector("[data-link]");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    toast("Copied.");
  } catch {
    toast("The link is selected: press Ctrl+C to copy it.");
  }
});

// Makes a signed link without leaving the page.
document.getElementById("sign")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const signed = document.getElementById("signed");
    const { path, expires } = await link(id);
    signed.querySelector("time").dateTime = expires;
    signed.querySelector("time").removeAttribute("title");
    signed.querySelector("[data-link]").value = path;
    whole(signed.querySelector("[data-link]"));
    signed.hidden = false;
    times("long");
  } catch (error) {
    toast(`The link could not be signed: ${error.message}.`);
  }
});

addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, dialog") || event.altKey || event.ctrlKey || event.metaKey) return;
  if (document.querySelector("dialog[open]")) return;
  const beside = { ArrowLeft: "newer", ArrowRight: "older" }[event.key];
  document.getElementById(beside)?.click();
});

document.getElementById("delete")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(await ask("Delete this image?", "Delete"))) return;
  const going = (is) => {
    image.classList.toggle("going", is);
    image.inert = is;
  };
  going(true);
  try {
    if (!(await unlessUndone("Deleted.", (options) => remove([id], options)))) return going(false);
    const back = Object.assign(document.createElement("a"), { className: "button", href: "/", textContent: "To the images" });
    const said = Object.assign(document.createElement("p"), { textContent: "This image is deleted. " });
    said.append(back);
    image.replaceChildren(said);
    going(false);
  } catch (error) {
    going(false);
    toast(`The image could not be deleted: ${error.message}.`);
  }
});

// Until the image is ready, the page asks for its status, less and less often.
let pause = 1000;
async function look() {
  try {
    if ((await record(id)).status !== status) return location.reload();
    pause = Math.min(pause * 1.5, 10_000);
  } catch (error) {
    // The image was deleted, or a token is needed: the reloaded page says so.
    if (error.status) return location.reload();
    pause = Math.min(pause * 2, 30_000);
  }
  setTimeout(look, pause);
}
if (["pending", "storing"].includes(status)) setTimeout(look, pause);

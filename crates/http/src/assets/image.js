// The page of one image: links to copy, keys to go on, a deletion that can be undone, and its state as it changes.

import "./pictures.js";
import { link, record, remove } from "./server.js";
import { ask, toast, unlessUndone } from "./toast.js";
import { times } from "./times.js";

const image = document.getElementById("image");
const { id, status } = image.dataset;

times("long");

/** Links are to be sent to others, who need all of them. */
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
    toast("It is selected: copy it with Ctrl+C.");
  }
});

// A signed link comes without leaving the page.
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
    toast(`There is no link: ${error.message}.`);
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
    toast(`It could not be deleted: ${error.message}.`);
  }
});

// While it is not there yet the page looks for it, ever less often.
let pause = 1000;
async function look() {
  try {
    if ((await record(id)).status !== status) return location.reload();
    pause = Math.min(pause * 1.5, 10_000);
  } catch (error) {
    // It is gone, or a token is needed: the page says so.
    if (error.status) return location.reload();
    pause = Math.min(pause * 2, 30_000);
  }
  setTimeout(look, pause);
}
if (["pending", "storing"].includes(status)) setTimeout(look, pause);

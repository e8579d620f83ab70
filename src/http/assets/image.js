// The page of one image: links to copy, keys to go on, a deletion that can be undone, and its state as it changes.

import { act } from "./server.js";
import { ask, tell, unlessUndone } from "./tell.js";

const image = document.getElementById("image");
document.documentElement.classList.add("scripted");

for (const time of document.querySelectorAll("time")) {
  time.title = time.dateTime;
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "long", timeStyle: "medium" });
}

// Links are to be sent to others, who need all of them.
for (const field of document.querySelectorAll("[data-link]")) field.value = new URL(field.value, location.href).href;

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const field = button.parentElement.querySelector("[data-link]");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      tell("Copied.");
    } catch {
      tell("It is selected: copy it with Ctrl+C.");
    }
  });
}

addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select") || event.altKey || event.ctrlKey || event.metaKey) return;
  const beside = { ArrowLeft: "newer", ArrowRight: "older" }[event.key];
  document.getElementById(beside)?.click();
});

document.getElementById("delete")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!(await ask("Delete this image?", "Delete"))) return;
  image.classList.add("going");
  const fields = [["action", "delete"], ["sure", "yes"], ["id", image.dataset.id]];
  try {
    if (await unlessUndone("Deleted.", (options) => act(fields, options))) location.assign("/");
    else image.classList.remove("going");
  } catch (error) {
    image.classList.remove("going");
    tell(`It could not be deleted: ${error.message}.`);
  }
});

// While it is not there yet the page looks for it, ever less often.
let pause = 1000;
async function look() {
  try {
    const response = await fetch(`/images/${image.dataset.id}`, { headers: { accept: "application/json" }, cache: "no-store" });
    const { status } = await response.json();
    if (status !== image.dataset.status) return location.reload();
    pause = Math.min(pause * 1.5, 10_000);
  } catch {
    pause = Math.min(pause * 2, 30_000);
  }
  setTimeout(look, pause);
}
if (["pending", "storing"].includes(image.dataset.status)) setTimeout(look, pause);

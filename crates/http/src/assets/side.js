// The tags beside the grid, or in a sheet over it on small screens. Images that are dropped on a tag get it.

import { selected } from "./cards.js";
import { lookSoon } from "./live.js";
import { act, page } from "./server.js";
import { count, say } from "./texts.js";
import { listed, toast } from "./toast.js";
import { prefer } from "./preferences.js";

/** The type of data of images that are dragged within the page. */
const IDS = "application/x-burrow-ids";

const button = document.getElementById("side-button");
const grid = document.getElementById("grid");
const isWide = matchMedia("(min-width: 60rem)");

let side = null;

async function fill(prefix = "") {
  const query = prefix ? `?${new URLSearchParams({ prefix, limit: 1000 })}` : "?limit=1000";
  try {
    const { page: found } = await page(`/tags${query}`);
    const list = found.getElementById("tags");
    if (list.children.length === 0) list.append(prefix ? say("No tag begins with that.") : say("No image has a tag yet."));
    side.querySelector("ul").replaceWith(list);
  } catch (error) {
    toast(say("The tags could not be shown: {why}.", { why: error.message }));
  }
}

function build() {
  side = document.createElement("aside");
  side.id = "side";
  side.setAttribute("aria-label", say("Tags"));
  side.innerHTML = `<div class="row"><input type="search" maxlength="64">
    <button type="button" class="quiet">×</button></div><ul class="tag-list"></ul>`;
  const [field, close] = ["input", "button"].map((name) => side.querySelector(name));
  field.placeholder = say("Find a tag");
  field.setAttribute("aria-label", field.placeholder);
  close.setAttribute("aria-label", say("Close"));
  document.querySelector("main").before(side);
  let timer;
  field.addEventListener("input", ({ target }) => {
    clearTimeout(timer);
    timer = setTimeout(fill, 200, target.value.trim());
  });
  close.addEventListener("click", () => show(false));
  side.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    show(false);
  });
  for (const type of ["dragover", "dragleave", "drop"]) side.addEventListener(type, drag);
}

function show(is) {
  prefer("tags", is ? "on" : "off");
  button.setAttribute("aria-expanded", is);
  if (!is) {
    if (side?.contains(document.activeElement)) button.focus();
    if (side) side.hidden = true;
    return;
  }
  if (!side) build();
  side.hidden = false;
  fill();
}

button.addEventListener("click", () => {
  show(button.getAttribute("aria-expanded") !== "true");
  if (side && !side.hidden) side.querySelector("input").focus();
});
if (document.documentElement.dataset.tags === "on" && isWide.matches) show(true);

grid.addEventListener("dragstart", (event) => {
  const id = event.target.closest?.(".card")?.dataset.id;
  if (!id) return;
  const ids = selected().includes(id) ? selected() : [id];
  event.dataTransfer.setData(IDS, ids.join(" "));
});

async function drag(event) {
  const link = event.target.closest?.("a");
  for (const over of side.querySelectorAll(".over")) if (over !== link) over.classList.remove("over");
  if (!link || !event.dataTransfer.types.includes(IDS)) return;
  event.preventDefault();
  link.classList.toggle("over", event.type === "dragover");
  if (event.type !== "drop") return;
  event.stopPropagation();
  const ids = event.dataTransfer.getData(IDS).split(" ");
  const tag = new URL(link.href).searchParams.get("tag");
  try {
    const { done, failures } = await act([["action", "tag"], ["tag", tag], ...ids.map((id) => ["id", id])]);
    if (failures.length > 0) toast(listed(failures));
    else if (done > 0) toast(count("{n} image tagged {tag}.", "{n} images tagged {tag}.", done, { tag }));
    else toast(say("The tag {tag} was there already.", { tag }));
  } catch (error) {
    toast(say("That could not be done: {why}.", { why: error.message }));
  }
  await Promise.all([fill(side.querySelector("input").value.trim()), lookSoon()]);
}

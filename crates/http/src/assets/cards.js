// Updates the cards of the grid from pages that the server rendered.

import { times } from "./times.js";

const grid = document.getElementById("grid");

/** Ids of the elements around the grid that are replaced by those of a new page. */
const AROUND = ["counts", "filters", "none", "rest"];

/** Ids of images that are about to be deleted. */
const leaving = new Set();

/** The card of an image. */
export const card = (id) => grid.querySelector(`[data-id="${CSS.escape(id)}"]`);

/** The ids of all images that are selected. */
export const selected = () => [...grid.querySelectorAll("input[name=id]:checked")].map((box) => box.value);

/** Whether some image on the page is not ready yet. */
export const waits = () => grid.querySelector(".pending, .storing") !== null;

/** Shows a page in place of the current one. */
export function show(page) {
  grid.replaceChildren(...page.querySelectorAll("#grid > li"));
  take(page, AROUND);
}

/** Appends the cards of the next page. */
export function append(page) {
  for (const fresh of page.querySelectorAll("#grid > li")) {
    if (!card(fresh.dataset.id)) grid.append(fresh);
  }
  take(page, ["rest", ...(grid.children.length > 0 ? [] : ["none"])]);
  if (grid.children.length > 0) document.getElementById("none").replaceChildren();
}

/** Replaces the first cards by those of the current first page; the cards after them stay. */
export function refresh(page) {
  const fresh = [...page.querySelectorAll("#grid > li")];
  const ids = new Set(fresh.map((one) => one.dataset.id));
  const old = [...grid.children];
  const isAll = page.getElementById("more") === null;
  const end = isAll ? old.length : old.findLastIndex((one) => ids.has(one.dataset.id)) + 1;
  for (const one of old.slice(0, end)) {
    if (!ids.has(one.dataset.id)) one.remove();
  }
  let at = grid.firstElementChild;
  for (const one of fresh) {
    const here = card(one.dataset.id);
    if (here !== null && here === at) {
      at = at.nextElementSibling;
      replaced(here, one);
    } else {
      grid.insertBefore(here ? replaced(here, one) : one, at);
    }
  }
  take(page, ["counts", "none"]);
  if (isAll) take(page, ["rest"]);
}

function take(page, ids) {
  for (const id of ids) {
    const [here, there] = [document.getElementById(id), page.getElementById(id)];
    if (here && there) here.replaceChildren(...there.childNodes);
  }
  times();
}

/** Replaces a card if its version changed; selection and focus stay. Returns the card that is shown. */
function replaced(old, fresh) {
  if (old.dataset.version === fresh.dataset.version) return old;
  const [was, is] = [old.querySelector("input[name=id]"), fresh.querySelector("input[name=id]")];
  if (was && is) is.checked = was.checked;
  const at = old.contains(document.activeElement) && document.activeElement.localName;
  if (leaving.has(fresh.dataset.id)) dim(fresh, true);
  old.replaceWith(fresh);
  if (at) fresh.querySelector(at)?.focus();
  return fresh;
}

/** Marks images as about to be deleted, or removes that mark. */
export function leave(ids, are) {
  for (const id of ids) {
    if (are) leaving.add(id);
    else leaving.delete(id);
    const one = card(id);
    if (one) dim(one, are);
  }
}

function dim(one, is) {
  one.classList.toggle("going", is);
  one.inert = is;
}

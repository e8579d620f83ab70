// The cards of the grid: updates them from pages that the server rendered, and knows which images are selected.

import { days } from "./days.js";
import { times } from "./times.js";

const grid = document.getElementById("grid");

/** Ids of the elements around the grid that are replaced by those of a new page. */
const AROUND = ["counts", "order", "kept", "filters", "none", "rest"];

/** The path of the search that the grid shows: the address may be that of an image over it. */
export const shown = { path: withoutNotice(new URL(location.href)) };

function withoutNotice(url) {
  // Only then: the browser writes a query anew that it deletes something from.
  for (const name of ["told", "count", "add"]) if (url.searchParams.has(name)) url.searchParams.delete(name);
  return url.pathname + url.search;
}

/** Ids of images that are about to be deleted. */
const leaving = new Set();

/** Ids of the images that are selected, on the page or not. */
const chosen = new Set();

/** The card of an image. */
export const card = (id) => grid.querySelector(`[data-id="${CSS.escape(id)}"]`);

/** All cards, in their order. */
export const cards = () => [...grid.querySelectorAll(":scope > .card")];

/** Whether no work on the image of a card is under way, so that it can be selected. */
export const isSettled = (one) => one.matches(".ready, .failed");

/** Whether an image is about to be deleted. */
export const isLeaving = (id) => leaving.has(id);

/** The ids of all images that are selected. */
export const selected = () => [...chosen];

/** Whether an image is selected. */
export const isSelected = (id) => chosen.has(id);

/** Selects images, or takes them out of the selection. */
export function select(ids, are) {
  for (const id of ids) {
    if (are) chosen.add(id);
    else chosen.delete(id);
    const box = card(id)?.querySelector("input[name=id]");
    if (box) box.checked = are;
  }
  grid.dispatchEvent(new Event("selected", { bubbles: true }));
}

/** Whether some image on the page is not ready yet. */
export const waits = () => grid.querySelector(".pending, .storing") !== null;

const fresh = (page) => [...page.querySelectorAll("#grid > .card")];

/** Shows a page in place of the current one. */
export function show(page) {
  grid.replaceChildren(...fresh(page));
  for (const one of cards()) mark(one);
  take(page, AROUND);
}

/** Appends the cards of the next page. */
export function append(page) {
  for (const one of fresh(page)) {
    if (card(one.dataset.id)) continue;
    mark(one);
    grid.append(one);
  }
  take(page, ["rest", ...(grid.children.length > 0 ? [] : ["none"])]);
  if (grid.children.length > 0) document.getElementById("none").replaceChildren();
}

/** Replaces the first cards by those of the current first page; the cards after them stay. */
export function refresh(page) {
  const [now, old] = [fresh(page), cards()];
  const ids = new Set(now.map((one) => one.dataset.id));
  const isAll = page.getElementById("more") === null;
  const end = isAll ? old.length : old.findLastIndex((one) => ids.has(one.dataset.id)) + 1;
  for (const one of old.slice(0, end)) {
    if (ids.has(one.dataset.id)) continue;
    one.remove();
    chosen.delete(one.dataset.id);
  }
  let [at] = cards();
  for (const one of now) {
    const here = card(one.dataset.id);
    if (here !== null && here === at) {
      at = after(at);
      replaced(here, one);
    } else {
      grid.insertBefore(here ? replaced(here, one) : one, at ?? null);
      mark(one);
    }
  }
  take(page, ["counts", "none", ...(document.querySelector("#failed:focus-within") ? [] : ["filters"])]);
  if (isAll) take(page, ["rest"]);
}

function after(one) {
  let next = one.nextElementSibling;
  while (next && !next.matches(".card")) next = next.nextElementSibling;
  return next;
}

function take(page, ids) {
  for (const id of ids) {
    const [here, there] = [document.getElementById(id), page.getElementById(id)];
    if (here && there) here.replaceChildren(...there.childNodes);
  }
  days(grid);
  times();
}

/** Replaces a card if its version changed; selection and focus stay. Returns the card that is shown. */
function replaced(old, one) {
  if (old.dataset.version === one.dataset.version) return old;
  const focused = old.contains(document.activeElement) && document.activeElement.localName;
  old.replaceWith(one);
  mark(one);
  if (focused) one.querySelector(focused)?.focus();
  return one;
}

/** Gives a card that is new on the page what is known of its image. */
function mark(one) {
  const box = one.querySelector("input[name=id]");
  if (box) box.checked = chosen.has(one.dataset.id);
  if (leaving.has(one.dataset.id)) dim(one, true);
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

/** Takes the cards of images that are deleted off the page. */
export function drop(ids) {
  for (const id of ids) {
    card(id)?.remove();
    chosen.delete(id);
  }
  days(grid);
}

function dim(one, is) {
  one.classList.toggle("going", is);
  one.inert = is;
}

// A page that the browser shows again may have checked boxes.
for (const box of grid.querySelectorAll("input[name=id]:checked")) chosen.add(box.value);
days(grid);

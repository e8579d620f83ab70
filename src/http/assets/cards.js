// The cards of the grid: taken from pages that the server made, and put where they belong.

const grid = document.getElementById("grid");

/** The card of an image. */
export const card = (id) => grid.querySelector(`[data-id="${CSS.escape(id)}"]`);

/** The ids of all cards that are selected. */
export const selected = () => [...grid.querySelectorAll("input[name=id]:checked")].map((box) => box.value);

/** Puts the cards of a later page behind those that are there. */
export function append(page) {
  for (const fresh of page.querySelectorAll("#grid > li")) {
    if (!card(fresh.dataset.id)) grid.append(fresh);
  }
}

/** Makes the first cards those of the first page, as it is now; what follows them stays. */
export function refresh(page) {
  const fresh = [...page.querySelectorAll("#grid > li")];
  const ids = new Set(fresh.map((one) => one.dataset.id));
  const old = [...grid.children];
  const last = old.findLastIndex((one) => ids.has(one.dataset.id));
  // What stood among the first and is not there any more.
  for (const one of old.slice(0, last + 1)) {
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
  const [counts, now] = [document.getElementById("counts"), page.getElementById("counts")];
  if (counts && now) counts.replaceChildren(...now.childNodes);
  if (fresh.length > 0) document.querySelector(".empty")?.remove();
  times(document);
}

/** Whether some image on the page is not ready yet. */
export const waits = () => grid.querySelector(".pending, .storing") !== null;

/** A card as it is now. One that somebody is busy with stays until they are not. */
function replaced(old, fresh) {
  if (old.dataset.version === fresh.dataset.version || old.contains(document.activeElement)) return old;
  const [was, is] = [old.querySelector("input[name=id]"), fresh.querySelector("input[name=id]")];
  if (was && is) is.checked = was.checked;
  if (old.classList.contains("going")) fresh.classList.add("going");
  old.replaceWith(fresh);
  return fresh;
}

/** Shows times as they are said here. */
export function times(within) {
  for (const time of within.querySelectorAll("time:not([title])")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

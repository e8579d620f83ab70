// The whole vault as a strip at the edge of the window, a piece for each month: for a mouse to cross it. Other readers
// have the list of months for that.

import { shown } from "./cards.js";
import { monthsHere } from "./months.js";

/** Fewer months need no strip. */
const FEWEST = 3;

const isWanted = matchMedia("(min-width: 60rem) and (hover: hover)");
const grid = document.getElementById("grid");

let strip = null;
let resting;

/** The search of which the strip shows the months; none while there is no strip. */
let search = null;
let pressed = null;

// Who scrolls begins to cross the vault: only then the months are asked for.
addEventListener("scroll", async () => {
  if (!isWanted.matches) return;
  if (search !== shown.path) {
    search = shown.path;
    const all = await monthsHere().catch(() => null);
    // The next scroll asks again.
    if (!all) return (search = null);
    build(all.length < FEWEST ? [] : all);
  }
  follow();
}, { passive: true });

function build(all) {
  strip?.remove();
  strip = document.createElement("div");
  strip.id = "scrubber";
  strip.setAttribute("aria-hidden", "true");
  let year = "";
  for (const { month, name, images, path } of all) {
    const link = document.createElement("a");
    link.href = path;
    link.tabIndex = -1;
    link.draggable = false;
    link.dataset.month = month;
    link.dataset.name = name;
    // A month of ten thousand images must not hide one of ten.
    link.style.flexGrow = Math.sqrt(images);
    if (month.slice(0, 4) !== year) {
      year = month.slice(0, 4);
      link.dataset.year = year;
    }
    strip.append(link);
  }
  // A button that is pressed on one month and let go on another leads to the other.
  strip.addEventListener("pointerdown", ({ button, target }) => (pressed = button === 0 ? target.closest("a") : null));
  strip.addEventListener("pointerup", ({ target }) => {
    const link = target.closest("a");
    if (pressed && link && link !== pressed) link.click();
    pressed = null;
  });
  document.body.append(strip);
}

/** Shows the strip while the page moves, and marks the month of the first image in sight. */
function follow() {
  if (!strip) return;
  document.body.classList.add("moving");
  clearTimeout(resting);
  resting = setTimeout(() => document.body.classList.remove("moving"), 1500);
  const { left, top, width } = grid.getBoundingClientRect();
  const header = document.querySelector(".top").getBoundingClientRect().bottom;
  const there = document.elementFromPoint(left + width / 3, Math.max(top, header) + 60);
  const month = there?.closest(".card")?.dataset.created.slice(0, 7);
  if (!month) return;
  for (const link of strip.children) link.toggleAttribute("data-here", link.dataset.month === month);
}

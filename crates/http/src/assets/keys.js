// Moves through the grid with the keyboard: arrows, Home and End from card to card, x to select.

import { cards, isSelected, isSettled, select, selected } from "./cards.js";
import { isMirrored } from "./texts.js";
import { fill } from "./thin.js";

const grid = document.getElementById("grid");

/** How many cards further the one at the right is. */
const toRight = isMirrored ? -1 : 1;

function focus(card) {
  if (!card) return;
  fill(card);
  card.querySelector("a.open").focus();
}

/** The card in the row above or below that lies nearest. */
function inNextRow(all, from, isDown) {
  const middle = (rect) => (rect.left + rect.right) / 2;
  const here = from.getBoundingClientRect();
  let [best, distance, row] = [null, Infinity, null];
  const others = isDown ? all.slice(all.indexOf(from) + 1) : all.slice(0, all.indexOf(from)).reverse();
  for (const one of others) {
    const rect = one.getBoundingClientRect();
    if (Math.abs(rect.top - here.top) < 2) continue;
    row ??= rect.top;
    if (Math.abs(rect.top - row) > 2) break;
    const off = Math.abs(middle(rect) - middle(here));
    if (off < distance) [best, distance] = [one, off];
  }
  return best;
}

grid.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const from = event.target.closest(".card");
  if (!from) return;
  // Enter in a checkbox would press the form's first button.
  if (event.key === "Enter" && event.target.matches("input")) return event.preventDefault();
  if (event.key === "x") return select([from.dataset.id], !isSelected(from.dataset.id));
  const all = cards();
  const at = all.indexOf(from);
  const to = {
    ArrowRight: () => all[at + toRight],
    ArrowLeft: () => all[at - toRight],
    ArrowDown: () => inNextRow(all, from, true),
    ArrowUp: () => inNextRow(all, from, false),
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key]?.();
  if (to === undefined) return;
  event.preventDefault();
  focus(to);
});

addEventListener("keydown", (event) => {
  if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog, #lightbox")) return;
  if (event.key === "Escape" && selected().length > 0) select(selected(), false);
  if (event.key.toLowerCase() === "a" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    select(cards().filter(isSettled).map((one) => one.dataset.id), true);
  }
});

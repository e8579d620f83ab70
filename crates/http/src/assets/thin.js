// Lets go of pictures and details of cards that are far from the window, so that memory does not grow with the way one
// scrolled. Names, checkboxes and links stay, for find-in-page and for screen readers.
//
// A thinned card keeps its place: its height comes from its ratio, or is the one that the browser remembers.

/** How far from the window a card is thinned, in pixels. */
const FAR = "3000px 0px";

const grid = document.getElementById("grid");

/** What thinned cards have let go of, as HTML of the server. */
const held = new WeakMap();

const parts = (card) => [...card.querySelectorAll(".tile, .about")];

/** Gives a thinned card back what it had. */
export function fill(card) {
  const kept = held.get(card);
  if (kept === undefined) return;
  held.delete(card);
  parts(card).forEach((part, n) => (part.innerHTML = kept[n]));
}

function thin(card) {
  if (held.has(card) || card.inert || card.contains(document.activeElement)) return;
  held.set(card, parts(card).map((part) => part.innerHTML));
  for (const part of parts(card)) part.replaceChildren();
}

const near = new IntersectionObserver(
  (entries) => entries.forEach(({ isIntersecting, target }) => (isIntersecting ? fill(target) : thin(target))),
  { rootMargin: FAR },
);

const isCard = (node) => node.nodeType === Node.ELEMENT_NODE && node.matches(".card");

for (const card of grid.querySelectorAll(":scope > .card")) near.observe(card);
new MutationObserver((changes) => {
  for (const { addedNodes, removedNodes } of changes) {
    for (const node of removedNodes) if (isCard(node) && !node.isConnected) near.unobserve(node);
    for (const node of addedNodes) if (isCard(node)) near.observe(node);
  }
}).observe(grid, { childList: true });

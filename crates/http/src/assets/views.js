// Switches between rows, tiles and list, and remembers in this browser which one was chosen.

import { prefer } from "./preferences.js";

const root = document.documentElement;
const buttons = document.querySelectorAll("[data-view]:not(html)");

function mark() {
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.view === (root.dataset.view ?? "rows"));
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    prefer("view", button.dataset.view);
    mark();
  });
}
mark();

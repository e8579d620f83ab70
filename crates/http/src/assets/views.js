// Switches between rows, tiles and list, and remembers in this browser which one was chosen.

const root = document.documentElement;
const buttons = document.querySelectorAll("[data-view]:not(html)");

/** Keeps a preference in this browser. */
export function prefer(name, value) {
  root.dataset[name] = value;
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds until the page goes away.
  }
}

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

// What every page has: preferences, kept in this browser and nowhere else, the buttons of the theme, and panels that close.

const root = document.documentElement;
const buttons = document.querySelectorAll("button[data-theme]");

/** Keeps a preference; an empty value ends it. */
export function prefer(name, value) {
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // It holds until the page goes away.
  }
}

function mark() {
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.theme === (root.dataset.theme ?? ""));
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    prefer("theme", button.dataset.theme);
    mark();
  });
}
mark();

// Panels close on Escape and when something else is clicked.
addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.("details.drop[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
  event.stopImmediatePropagation();
}, true);
addEventListener("pointerdown", (event) => {
  for (const open of document.querySelectorAll("details.drop[open]")) {
    if (!open.contains(event.target) && event.target.closest?.("body") && !isFilled(open)) open.open = false;
  }
});
const isFilled = (open) => [...open.querySelectorAll("textarea, input:not([type=hidden], [type=file])")].some(({ value }) => value);

// The gallery, better with scripts; without them everything works by forms and links.

import { times } from "./cards.js";
import "./live.js";
import "./scroll.js";
import "./select.js";

document.documentElement.classList.add("scripted");
times(document);
if (document.getElementById("add")) await import("./add.js");

// Search as one types.
const search = document.getElementById("search");
let timer;
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => search.requestSubmit(), 500);
});
search.addEventListener("submit", (event) => {
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(search)].filter(([, value]) => value && value !== "newest"));
  const path = query.size > 0 ? `/?${query}` : "/";
  if (path !== location.pathname + location.search) location.assign(path);
});
// Who typed goes on typing.
if (new URLSearchParams(location.search).has("q")) {
  const field = search.elements.q;
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}
// What was told is not told again when the page is loaded again.
const here = new URL(location.href);
if (here.searchParams.has("told")) {
  here.searchParams.delete("told");
  here.searchParams.delete("count");
  history.replaceState(null, "", here);
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    search.elements.q.focus();
  }
});

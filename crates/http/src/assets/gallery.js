// Starts the scripts of the gallery. Without scripts, everything works by forms and links.

import { show } from "./cards.js";
import "./live.js";
import "./pictures.js";
import { watch } from "./scroll.js";
import "./select.js";
import { page } from "./server.js";
import { toast } from "./toast.js";
import { times } from "./times.js";

times();
if (document.getElementById("add")) await import("./add.js");

// Shows search results while the user types, without leaving the page.
const search = document.getElementById("search");
let timer;
let turn = 0;

async function find() {
  clearTimeout(timer);
  const query = new URLSearchParams([...new FormData(search)].filter(([, value]) => value && value !== "newest"));
  const path = query.size > 0 ? `/?${query}` : "/";
  if (path === location.pathname + location.search) return;
  history.replaceState(null, "", path);
  turn += 1;
  const mine = turn;
  try {
    const { page: found } = await page(path);
    if (mine !== turn) return;
    show(found);
    watch();
  } catch (error) {
    if (mine === turn) toast(`The search failed: ${error.message}.`);
  }
}

function findSoon() {
  clearTimeout(timer);
  timer = setTimeout(find, 300);
}

search.addEventListener("input", (event) => event.isComposing || findSoon());
search.addEventListener("compositionend", findSoon);
search.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});

// Removes the notice from the address, so that loading the page again does not repeat it.
const here = new URL(location.href);
if (here.searchParams.has("told")) {
  here.searchParams.delete("told");
  here.searchParams.delete("count");
  history.replaceState(null, "", here);
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select, dialog")) {
    event.preventDefault();
    search.elements.q.focus();
  }
});

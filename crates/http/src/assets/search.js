// Shows search results while the user types, without leaving the page, and completes tags.

import { show, shown } from "./cards.js";
import { completions } from "./known.js";
import { watch } from "./scroll.js";
import { page } from "./server.js";
import { say } from "./texts.js";
import { toast } from "./toast.js";

const form = document.getElementById("search");
const field = form.elements.q;

/** A text with a condition is searched for once it is complete: when it is sent, or chosen from the completions. */
const hasCondition = (text) => /(^|\s)(tag|type|status|host|since|until):/i.test(text);

let timer;
let turn = 0;

async function find() {
  clearTimeout(timer);
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  const path = query.size > 0 ? `/?${query}` : "/";
  if (path === shown.path) return;
  turn += 1;
  const mine = turn;
  try {
    const { page: found, path: answered } = await page(path);
    if (mine !== turn) return;
    shown.path = answered;
    history.replaceState(history.state, "", answered);
    // Conditions in the text have become conditions of the search, and are shown as such.
    if (answered !== path) field.value = found.getElementById("search").elements.q.value;
    show(found);
    watch();
  } catch (error) {
    if (mine === turn) toast(say("The search failed: {why}.", { why: error.message }));
  }
}

function findSoon(event) {
  clearTimeout(timer);
  const isChosen = [...field.list.options].some(({ value }) => value === field.value) && event?.inputType !== "insertText";
  if (isChosen) return find();
  completions(field);
  if (!hasCondition(field.value)) timer = setTimeout(find, 300);
}

form.addEventListener("input", (event) => event.isComposing || findSoon(event));
form.addEventListener("compositionend", findSoon);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input:not([type=checkbox]), textarea, select, dialog, #lightbox")) return;
  event.preventDefault();
  field.focus();
});

// Several images at once: the selection's form without leaving the page, and a while to undo a deletion.

import { card, selected } from "./cards.js";
import { lookSoon } from "./live.js";
import { act } from "./server.js";
import { ask, tell, unlessUndone } from "./tell.js";

const form = document.getElementById("selection");
/** What was done by each action. */
const DONE = { tag: "tagged", untag: "untagged", retry: "tried again", delete: "deleted" };
let last = null;

const images = (count) => (count === 1 ? "1 image" : `${count} images`);

function count() {
  form.querySelector(".count").textContent = `${images(selected().length)} selected`;
}

form.addEventListener("change", count);
form.addEventListener("reset", () => setTimeout(count));

// From one to another with Shift, as in lists of files.
form.addEventListener("click", (event) => {
  const box = event.target.closest?.("input[name=id]");
  if (!box) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) {
    for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    count();
  }
  last = box;
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && selected().length > 0 && !document.querySelector("dialog[open]")) form.reset();
});

form.addEventListener("submit", async (event) => {
  const action = event.submitter?.value;
  if (!(action in DONE)) return;
  event.preventDefault();
  const ids = selected();
  if (ids.length === 0) return;
  try {
    if (action === "delete") await remove(ids);
    else await report(await act([["action", action], ["tags", form.elements.tags.value], ...fields(ids)]), action);
  } catch (error) {
    tell(`That could not be done: ${error.message}.`);
  }
  await lookSoon();
});

const fields = (ids) => ids.map((id) => ["id", id]);

async function report({ done, failures }, action) {
  if (done > 0) {
    tell(`${images(done)} ${DONE[action]}.`);
    form.reset();
  }
  if (failures.length > 0) tell(failures.slice(0, 3).join("; "));
}

async function remove(ids) {
  if (!(await ask(`Delete ${images(ids.length)}?`, "Delete"))) return;
  const cards = ids.map(card).filter(Boolean);
  form.reset();
  cards.forEach((one) => one.classList.add("going"));
  const done = (options) => act([["action", "delete"], ["sure", "yes"], ...fields(ids)], options);
  try {
    const deleted = await unlessUndone(`${images(ids.length)} ${DONE.delete}.`, done);
    cards.forEach((one) => (deleted ? one.remove() : one.classList.remove("going")));
  } catch (error) {
    cards.forEach((one) => one.classList.remove("going"));
    throw error;
  }
}

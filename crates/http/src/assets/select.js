// Acts on the selected images without leaving the page. A deletion can be undone for some seconds.

import { card, leave, selected } from "./cards.js";
import { lookSoon } from "./live.js";
import { act, remove } from "./server.js";
import { ask, images, listed, toast, unlessUndone } from "./toast.js";

/** How toasts report each action. */
const DONE = { tag: "tagged", untag: "untagged", retry: "tried again", delete: "deleted" };

/** The most images in one archive: its address holds their ids, and has a limit. */
const MAX_ARCHIVE = 300;

const form = document.getElementById("selection");
const grid = document.getElementById("grid");
let last = null;

function count() {
  form.querySelector(".count").textContent = `${images(selected().length)} selected`;
}

form.addEventListener("change", count);
form.addEventListener("reset", () => setTimeout(count));
addEventListener("pageshow", count);
// Cards come and go.
new MutationObserver(count).observe(grid, { childList: true });

// A click with Shift selects all images from the last one clicked, as in lists of files.
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

// Enter in a checkbox would press the form's first button.
grid.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
});
addEventListener("keydown", (event) => {
  const isElsewhere = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (event.key === "Escape" && selected().length > 0 && !isElsewhere) form.reset();
});

form.addEventListener("submit", async (event) => {
  const [action, ids] = [event.submitter?.value, selected()];
  if (!(action in DONE)) {
    if (ids.length > MAX_ARCHIVE) {
      event.preventDefault();
      toast(`At most ${MAX_ARCHIVE} images are downloaded at once.`);
    }
    return;
  }
  event.preventDefault();
  if (ids.length === 0) return;
  try {
    if (action === "delete") await removeSelected(ids);
    else report(await act([["action", action], ["tags", form.elements.tags.value], ...ids.map((id) => ["id", id])]), action);
  } catch (error) {
    toast(`That could not be done: ${error.message}.`);
  }
  await lookSoon();
});

function report({ done, failures }, action) {
  if (done > 0) {
    toast(`${images(done)} ${DONE[action]}.`);
    form.reset();
  }
  if (failures.length > 0) toast(listed(failures));
}

async function removeSelected(ids) {
  if (!(await ask(`Delete ${images(ids.length)}?`, "Delete"))) return;
  form.reset();
  leave(ids, true);
  const said = `${images(ids.length)} ${DONE.delete}.`;
  try {
    if (await unlessUndone(said, (options) => remove(ids, options))) ids.forEach((id) => card(id)?.remove());
  } finally {
    leave(ids, false);
  }
}

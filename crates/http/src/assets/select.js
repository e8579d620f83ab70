// Selects images, and acts on them without leaving the page. A deletion can be undone for some seconds.

import { card, cards, drop, isSelected, isSettled, leave, select, selected } from "./cards.js";
import { lookSoon } from "./live.js";
import { act, remove } from "./server.js";
import { count, number, say } from "./texts.js";
import { ask, listed, toast, unlessUndone } from "./toast.js";

/** How toasts report each action on a number of images. */
const DONE = {
  tag: (n) => (n > 0 ? count("{n} image tagged.", "{n} images tagged.", n) : say("The tags were there already.")),
  untag: (n) =>
    n > 0
      ? count("Tags removed from {n} image.", "Tags removed from {n} images.", n)
      : say("No tag to remove: no selected image has it."),
  retry: (n) => count("Retrying {n} image.", "Retrying {n} images.", n),
  delete: (n) => count("{n} image deleted.", "{n} images deleted.", n),
};

const allShown = (n) => count("{n} image selected", "{n} images selected", n);
const partlyShown = (n, hidden) =>
  count("{n} image selected, {hidden} not shown", "{n} images selected, {hidden} not shown", n, { hidden: number(hidden) });

/** The most images in one archive: its address holds their ids, and has a limit. */
const MAX_ARCHIVE = 300;

/** The most images that one request acts on. */
const AT_ONCE = 500;

const form = document.getElementById("selection");
const grid = document.getElementById("grid");
let last = null;

/** Says how many images are selected. */
function tell() {
  const ids = selected();
  const hidden = ids.filter((id) => !card(id)).length;
  form.querySelector(".count").textContent = hidden > 0 ? partlyShown(ids.length, hidden) : allShown(ids.length);
  document.body.classList.toggle("selecting", ids.length > 0);
}

grid.addEventListener("selected", tell);
form.addEventListener("change", ({ target }) => target.name === "id" && select([target.value], target.checked));
form.addEventListener("reset", () => select(selected(), false));
addEventListener("pageshow", tell);
new MutationObserver(tell).observe(grid, { childList: true });

/** Selects, or takes out of the selection, all cards between two. */
function between(one, other, are) {
  const all = cards();
  const [from, to] = [all.indexOf(one), all.indexOf(other)].sort((a, b) => a - b);
  const some = all.slice(Math.max(from, 0), to + 1).filter(isSettled);
  select(some.map((it) => it.dataset.id), are);
}

// A click with Shift selects all from the last one clicked; with Ctrl, or while something is selected, it selects one.
grid.addEventListener("click", (event) => {
  const one = event.target.closest(".card");
  const box = one?.querySelector("input[name=id]");
  if (!box || event.target.closest(".about a")) return;
  const isOfBox = event.target === box;
  const selects = isOfBox || event.shiftKey || event.ctrlKey || event.metaKey || selected().length > 0;
  if (!selects || event.detail === 0 && !isOfBox) return;
  if (!isOfBox) event.preventDefault();
  const are = isOfBox ? box.checked : !isSelected(one.dataset.id);
  if (event.shiftKey && last?.isConnected) between(last, one, are);
  else select([one.dataset.id], are);
  last = one;
});

// Who presses on a checkbox and draws on selects every card on the way.
let drawing = null;
grid.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "mouse" || !event.target.matches("input[name=id]")) return;
  drawing = { from: event.target.closest(".card"), are: !event.target.checked };
});
addEventListener("pointermove", (event) => {
  if (!drawing) return;
  if (event.buttons === 0) return (drawing = null);
  const over = event.target.closest?.("#grid .card");
  if (over && over !== drawing.from) between(drawing.from, over, drawing.are);
});
addEventListener("pointerup", () => (drawing = null));

// A long press selects on screens that are touched.
let press;
grid.addEventListener("touchstart", (event) => {
  const one = event.target.closest(".card");
  clearTimeout(press);
  if (one?.querySelector("input[name=id]")) press = setTimeout(() => select([one.dataset.id], !isSelected(one.dataset.id)), 500);
}, { passive: true });
for (const ends of ["touchmove", "touchend", "touchcancel"]) grid.addEventListener(ends, () => clearTimeout(press), { passive: true });
grid.addEventListener("contextmenu", (event) => matchMedia("(hover: none)").matches && event.preventDefault());

form.addEventListener("submit", async (event) => {
  const [action, ids] = [event.submitter?.value, selected()];
  event.preventDefault();
  if (ids.length === 0) return;
  if (!(action in DONE)) return download(ids);
  if (action === "retry" && ids.every((id) => card(id)?.matches(".ready"))) return;
  try {
    if (action === "delete") await removeSelected(ids);
    else report(await inParts(action, form.elements.tags?.value ?? "", ids), action);
  } catch (error) {
    toast(say("That could not be done: {why}.", { why: error.message }));
  }
  await lookSoon();
});

const tooMany = (n) =>
  count("At most {n} image is downloaded at once.", "At most {n} images are downloaded at once.", n);

function download(ids) {
  const ready = ids.filter((id) => !card(id)?.matches(".failed"));
  if (ready.length === 0) return toast(say("Nothing to download: these images failed."));
  if (ready.length > MAX_ARCHIVE) return toast(tooMany(MAX_ARCHIVE));
  location.href = `/archive?${new URLSearchParams(ready.map((id) => ["id", id]))}`;
}

/** Acts on images, some at a time. */
async function inParts(action, tags, ids) {
  const sum = { done: 0, failures: [], failed: new Set() };
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const part = ids.slice(from, from + AT_ONCE);
    const { done, failures } = await act([["action", action], ["tags", tags], ...part.map((id) => ["id", id])]);
    sum.done += done;
    sum.failures.push(...failures);
    for (const { id } of failures) sum.failed.add(id);
  }
  return sum;
}

/** Says what was done and what failed, once each. What failed stays selected. */
function report({ done, failures, failed }, action) {
  if (done > 0 || failures.length === 0) toast(DONE[action](done));
  if (failures.length > 0) toast(listed(failures), { time: 12_000 });
  select(selected().filter((id) => !failed.has(id)), false);
  document.getElementById("tagging")?.removeAttribute("open");
  if (failures.length === 0) form.elements.tags.value = "";
}

async function removeSelected(ids) {
  if (!(await ask(count("Delete {n} image?", "Delete {n} images?", ids.length), say("Delete")))) return;
  select(ids, false);
  leave(ids, true);
  try {
    const removed = await unlessUndone(DONE.delete(ids.length), async (options) => {
      for (let from = 0; from < ids.length; from += AT_ONCE) await remove(ids.slice(from, from + AT_ONCE), options);
    });
    if (removed) drop(ids);
    else select(ids, true);
  } finally {
    leave(ids, false);
  }
}

// All that failed: tried again, or deleted after a question.
document.addEventListener("submit", async (event) => {
  if (event.target.id !== "failed") return;
  event.preventDefault();
  const action = event.submitter.value;
  const all = cards().length;
  if (action === "delete" && !(await ask(say("Delete all images that failed?"), say("Delete")))) return;
  try {
    const { done, failures } = await act([["action", action], ["all", "failed"], ["sure", "yes"]]);
    toast(DONE[action](done || all));
    if (failures.length > 0) toast(listed(failures));
  } catch (error) {
    toast(say("That could not be done: {why}.", { why: error.message }));
  }
  await lookSoon();
});
tell();

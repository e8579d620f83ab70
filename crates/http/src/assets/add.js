// Adds images without leaving the page: by address, or as files that are picked, dropped or pasted.

import "./elsewhere.js";
import { lookSoon } from "./live.js";
import { act } from "./server.js";
import { images, listed, toast } from "./toast.js";
import { alreadyHere, send } from "./tray.js";

/** How many addresses one request sends. */
const LINES = 100;

/** Options of toasts that take longer to read. */
const LONG = { time: 15_000 };

const form = document.getElementById("add");
const panel = document.getElementById("adding");
const field = form.elements.urls;

const tags = () => form.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);

let isAdding = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (form.elements.file.files.length > 0) sendFiles(form.elements.file.files);
  form.elements.file.value = "";
  if (isAdding || field.value.trim() === "") return;
  isAdding = true;
  const lines = field.value.split(/\s+/).filter(Boolean);
  field.value = "";
  const left = await addLines(lines);
  // Addresses that failed go back into the field to be corrected, before what was typed meanwhile.
  field.value = [...left, field.value].filter(Boolean).join("\n");
  isAdding = false;
  if (field.value === "") close();
  await lookSoon();
});

/** Adds addresses; says what became of them, and returns those that were refused. */
async function addLines(lines) {
  const [left, failed, here] = [[], [], []];
  let added = 0;
  while (lines.length > 0) {
    const some = lines.splice(0, LINES);
    try {
      const result = await act([["action", "add"], ["urls", some.join("\n")], ["tags", form.elements.tags.value]]);
      added += result.done;
      failed.push(...result.failures);
      here.push(...result.here);
    } catch (error) {
      left.push(...some, ...lines.splice(0));
      toast(`That could not be added: ${error.message}.`, LONG);
    }
  }
  left.unshift(...failed.map(({ what }) => what));
  if (failed.length > 0) toast(listed(failed), LONG);
  if (added > 0) toast(`Downloading ${images(added)}.`);
  for (const image of here) alreadyHere(image, () => again(image.what));
  return left;
}

async function again(url) {
  await act([["action", "add"], ["urls", url], ["tags", form.elements.tags.value], ["again", "yes"]]);
  toast("Downloading 1 image.");
  await lookSoon();
}

function close() {
  const hadFocus = panel.contains(document.activeElement);
  panel.open = false;
  if (hadFocus) panel.querySelector("summary").focus();
}

function sendFiles(files) {
  send(files, tags());
  if (field.value === "") close();
}

// Enter submits the form; Shift+Enter makes a new line.
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
form.elements.file.addEventListener("change", () => {
  sendFiles(form.elements.file.files);
  form.elements.file.value = "";
});
panel.addEventListener("toggle", () => panel.open && matchMedia("(hover: hover)").matches && field.focus());

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

// Images dragged from this page itself are stored already.
let isOurs = false;
addEventListener("dragstart", () => (isOurs = true));
addEventListener("dragend", () => (isOurs = false));

const isForUs = (event) =>
  !isOurs && event.dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
const over = (is) => document.body.classList.toggle("over", is);

addEventListener("dragover", (event) => {
  if (!isForUs(event)) return;
  event.preventDefault();
  over(true);
});
addEventListener("dragleave", (event) => event.relatedTarget === null && over(false));
addEventListener("drop", (event) => {
  if (!isForUs(event)) return;
  event.preventDefault();
  over(false);
  if (event.dataTransfer.files.length > 0) sendFiles(event.dataTransfer.files);
  else addText(event.dataTransfer.getData("text/uri-list"));
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    sendFiles(event.clipboardData.files);
  } else if (!event.target.closest?.("input, textarea") && addText(event.clipboardData.getData("text"))) {
    event.preventDefault();
  }
});

/** Puts the addresses in a text into the field; returns whether there were any. */
function addText(text) {
  const lines = text.split(/\s+/).filter((line) => /^https?:\/\//.test(line));
  if (lines.length === 0) return false;
  panel.open = true;
  field.value = [field.value.trim(), ...lines].filter(Boolean).join("\n");
  field.focus();
  return true;
}

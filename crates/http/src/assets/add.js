// Adds images without leaving the page: by address, or as files that are picked, dropped or pasted.

import "./elsewhere.js";
import { lookSoon } from "./live.js";
import { act } from "./server.js";
import { count, say } from "./texts.js";
import { listed, toast } from "./toast.js";
import { alreadyHere, send } from "./tray.js";

/** How many addresses one request sends. */
const LINES = 100;

/** Options of toasts that take longer to read. */
const LONG = { time: 15_000 };

const form = document.getElementById("add");
const panel = document.getElementById("adding");
const field = form.elements.urls;

const tags = () => form.elements.tags.value.split(/[,،]/).map((tag) => tag.trim()).filter(Boolean);

const downloading = (n) => count("Downloading {n} image.", "Downloading {n} images.", n);

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
      toast(say("That could not be added: {why}.", { why: error.message }), LONG);
    }
  }
  left.unshift(...failed.map(({ what }) => what));
  if (failed.length > 0) toast(listed(failed), LONG);
  if (added > 0) toast(downloading(added));
  for (const image of here) alreadyHere(image, () => again(image.what));
  return left;
}

async function again(url) {
  await act([["action", "add"], ["urls", url], ["tags", form.elements.tags.value], ["again", "yes"]]);
  toast(downloading(1));
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

// Images dragged from this page itself are stored already.
let isOurs = false;
addEventListener("dragstart", () => (isOurs = true));
addEventListener("dragend", () => (isOurs = false));

document.body.dataset.drop = say("Drop to add");

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

// Adds images without leaving the page: by address, or as files picked, dropped or pasted.

import { lookSoon } from "./live.js";
import { act, upload } from "./server.js";
import { images, listed, toast } from "./toast.js";

/** How many files are sent at once. */
const AT_ONCE = 3;

/** How many addresses one request sends. */
const LINES = 100;

/** Options of toasts that take longer to read. */
const LONG = { time: 15_000 };

const urls = document.getElementById("add");
const files = document.getElementById("files");
const list = document.getElementById("uploads");
const waiting = [];
let sending = 0;

const tags = () => urls.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);

let isAdding = false;
urls.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isAdding) return;
  isAdding = true;
  const field = urls.elements.urls;
  const lines = field.value.split(/\s+/).filter(Boolean);
  field.value = "";
  let [added, left] = [0, []];
  while (lines.length > 0) {
    const some = lines.splice(0, LINES);
    try {
      const { done, failures } = await act([["action", "add"], ["urls", some.join("\n")], ["tags", urls.elements.tags.value]]);
      added += done;
      left.push(...failures.map(({ what }) => what));
      if (failures.length > 0) toast(listed(failures), LONG);
    } catch (error) {
      left.push(...some, ...lines.splice(0));
      toast(`That could not be added: ${error.message}.`, LONG);
    }
  }
  if (added > 0) toast(`${images(added)} on the way.`);
  // Addresses that failed go back into the field to be corrected, before what was typed meanwhile.
  field.value = [...left, field.value].filter(Boolean).join("\n");
  isAdding = false;
  await lookSoon();
});

// Enter submits the form; Shift+Enter makes a new line.
urls.elements.urls.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    urls.requestSubmit();
  }
});

files.addEventListener("submit", (event) => {
  event.preventDefault();
  send(files.elements.file.files);
  files.reset();
});
files.elements.file.addEventListener("change", () => files.requestSubmit());

function send(chosen) {
  for (const file of chosen) {
    const line = document.createElement("li");
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = file.name || "a pasted image";
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `Upload of ${name.textContent}`);
    line.append(name, bar);
    list.append(line);
    waiting.push({ file, line, bar });
  }
  list.hidden = false;
  next();
}

let stored = 0;
function next() {
  while (sending < AT_ONCE && waiting.length > 0) {
    const { file, line, bar } = waiting.shift();
    sending += 1;
    upload(file, tags(), (part) => (bar.value = part))
      .then(
        () => {
          line.remove();
          stored += 1;
        },
        (error) => refused(line, bar, error),
      )
      .finally(() => {
        sending -= 1;
        hideIfEmpty();
        lookSoon();
        next();
      });
  }
  if (sending === 0 && stored > 0) {
    toast(`${images(stored)} stored.`);
    stored = 0;
  }
}

const hideIfEmpty = () => (list.hidden = list.children.length === 0);

/** Shows why a file was refused, until the user dismisses it. */
function refused(line, bar, error) {
  const why = document.createElement("span");
  why.className = "error";
  why.setAttribute("role", "alert");
  why.textContent = error.message;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.onclick = () => {
    line.remove();
    hideIfEmpty();
  };
  bar.replaceWith(why, dismiss);
}

// The browser asks before the page goes away: uploads under way would be lost.
addEventListener("beforeunload", (event) => sending + waiting.length > 0 && event.preventDefault());

// Images dragged from this page itself are stored already.
let isOurs = false;
addEventListener("dragstart", () => (isOurs = true));
addEventListener("dragend", () => (isOurs = false));

const isForUs = (event) =>
  !isOurs && event.dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
const panel = document.querySelector(".add");

addEventListener("dragover", (event) => {
  if (!isForUs(event)) return;
  event.preventDefault();
  panel.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget === null && panel.classList.remove("over"));
addEventListener("drop", (event) => {
  if (!isForUs(event)) return;
  event.preventDefault();
  panel.classList.remove("over");
  if (event.dataTransfer.files.length > 0) send(event.dataTransfer.files);
  else addText(event.dataTransfer.getData("text/uri-list"));
});
addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    send(event.clipboardData.files);
  } else if (!event.target.closest?.("input, textarea") && addText(event.clipboardData.getData("text"))) {
    event.preventDefault();
  }
});

/** Puts the addresses in a text into the field; returns whether there were any. */
function addText(text) {
  const lines = text.split(/\s+/).filter((line) => /^https?:\/\//.test(line));
  if (lines.length === 0) return false;
  const field = urls.elements.urls;
  field.value = [field.value.trim(), ...lines].filter(Boolean).join("\n");
  field.focus();
  return true;
}

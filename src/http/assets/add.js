// Adding without leaving the page: addresses by the form, files picked, dropped or pasted.

import { lookSoon } from "./live.js";
import { act, upload } from "./server.js";
import { tell } from "./tell.js";

/** Files sent at once. */
const AT_ONCE = 3;

const urls = document.getElementById("add");
const files = document.getElementById("files");
const list = document.getElementById("uploads");
const waiting = [];
let sending = 0;

const tags = () => urls.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);

urls.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter ?? urls.querySelector("button");
  button.disabled = true;
  try {
    const { done, failures } = await act(new FormData(urls));
    if (done > 0) tell(done === 1 ? "1 image on the way." : `${done} images on the way.`);
    // What could not be taken stays in the field, to be mended.
    urls.elements.urls.value = failures.map((failure) => failure.split(": ")[0]).join("\n");
    if (failures.length > 0) tell(failures.slice(0, 3).join("; "), { time: 15_000 });
  } catch (error) {
    tell(`That could not be added: ${error.message}.`, { time: 15_000 });
  }
  button.disabled = false;
  await lookSoon();
});

// Enter adds; Shift with it makes a new line.
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

async function next() {
  while (sending < AT_ONCE && waiting.length > 0) {
    const { file, line, bar } = waiting.shift();
    sending += 1;
    upload(file, tags(), (part) => (bar.value = part))
      .then(
        () => line.remove(),
        (error) => {
          bar.remove();
          const why = document.createElement("span");
          why.className = "error";
          why.setAttribute("role", "alert");
          why.textContent = error.message;
          line.append(why);
        },
      )
      .finally(() => {
        sending -= 1;
        list.hidden = list.children.length === 0;
        lookSoon();
        next();
      });
  }
}

const isFiles = (event) => event.dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
const panel = document.querySelector(".add");

addEventListener("dragover", (event) => {
  if (!isFiles(event)) return;
  event.preventDefault();
  panel.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget === null && panel.classList.remove("over"));
addEventListener("drop", (event) => {
  if (!isFiles(event)) return;
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

/** Puts the addresses of a text into the field; returns whether there were any. */
function addText(text) {
  const lines = text.split(/\s+/).filter((line) => /^https?:\/\//.test(line));
  if (lines.length === 0) return false;
  const field = urls.elements.urls;
  field.value = [field.value.trim(), ...lines].filter(Boolean).join("\n");
  field.focus();
  return true;
}

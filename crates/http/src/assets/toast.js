// Toasts, questions, and actions that can be undone for some seconds.

import { count, say } from "./texts.js";

const TIME = 6000;
const TIME_TO_UNDO = 8000;

/** How many failures a message names. */
const NAMED = 3;

/** The first failures, and how many more there are, as one text. */
export function listed(failures) {
  const named = failures.slice(0, NAMED).map(({ what, why }) => `${short(what)}: ${why}`).join("; ");
  const more = failures.length - NAMED;
  return more > 0 ? count("{named}; and {n} more", "{named}; and {n} more", more, { named }) : named;
}
const short = (text) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** Shows a message; with `undo`, also a button to undo. Resolves to whether the user pressed it. */
export function toast(text, { undo, time = undo ? TIME_TO_UNDO : TIME } = {}) {
  return new Promise((resolve) => {
    const element = document.createElement("p");
    element.className = "toast";
    element.append(text);
    let timer;
    const end = (undone) => {
      clearTimeout(timer);
      element.remove();
      resolve(undone);
    };
    const run = () => (timer = setTimeout(end, time, false));
    if (undo) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = say("Undo");
      button.onclick = () => end(true);
      element.append(button);
    }
    // The message stays while the pointer or the focus is on it.
    for (const comes of ["pointerenter", "focusin"]) element.addEventListener(comes, () => clearTimeout(timer));
    for (const goes of ["pointerleave", "focusout"]) element.addEventListener(goes, run);
    // A page that returns from the back-forward cache has done the action already, so undo comes too late.
    addEventListener("pageshow", (event) => event.persisted && end(false));
    document.getElementById("toasts").append(element);
    run();
  });
}

/** Removes the notice of a form, and what is to be added once, from the address, so that loading the page again does not repeat it. */
export function forget() {
  const here = new URL(location.href);
  const once = ["told", "count", "add"].filter((name) => here.searchParams.has(name));
  if (once.length === 0) return;
  for (const name of once) here.searchParams.delete(name);
  history.replaceState(history.state, "", here);
}

/** Asks the user; resolves to whether the answer was yes. */
export function ask(question, yes) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const text = document.createElement("p");
    text.textContent = question;
    text.id = "question";
    dialog.setAttribute("aria-labelledby", "question");
    const row = document.createElement("form");
    row.method = "dialog";
    row.className = "row";
    for (const [label, value, style] of [[yes, "yes", "bad"], [say("Keep"), "no", ""]]) {
      const button = document.createElement("button");
      button.textContent = label;
      button.value = value;
      button.className = style;
      // Enter alone must not delete anything.
      button.autofocus = value === "no";
      row.append(button);
    }
    dialog.append(text, row);
    dialog.onclose = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}

const pending = new Set();

/** Calls `act` unless the user undoes it in time; at once if the page goes away. Resolves to whether it was called. */
export async function unlessUndone(text, act) {
  let begun = false;
  const once = (options) => {
    if (begun) return undefined;
    begun = true;
    pending.delete(once);
    return act(options);
  };
  pending.add(once);
  const undone = await toast(text, { undo: true });
  if (undone && !begun) {
    begun = true;
    pending.delete(once);
    return false;
  }
  await once({});
  return true;
}

// With `keepalive`, a request outlives its page.
addEventListener("pagehide", () => pending.forEach((act) => act({ keepalive: true })));

// What is told in passing, what is asked, and what can be undone for a while.

const TIME = 6000;
const TIME_TO_UNDO = 8000;

/** A number of images. */
export const images = (count) => (count === 1 ? "1 image" : `${count} images`);

/** What could not be done, the first few. */
export const listed = (failures) => failures.slice(0, 3).map(({ what, why }) => `${short(what)}: ${why}`).join("; ");
const short = (text) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** Tells something; with `undo`, a button that takes it back. Resolves to whether it was taken back. */
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
      button.textContent = "Undo";
      button.onclick = () => end(true);
      element.append(button);
    }
    // Who is reading it, or about to click, is not hurried.
    for (const comes of ["pointerenter", "focusin"]) element.addEventListener(comes, () => clearTimeout(timer));
    for (const goes of ["pointerleave", "focusout"]) element.addEventListener(goes, run);
    // A page that comes back from the browser's memory has done what this told of.
    addEventListener("pageshow", (event) => event.persisted && end(false));
    document.getElementById("toasts").append(element);
    run();
  });
}

/** Asks; resolves to whether the answer was yes. */
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
    for (const [label, value, style] of [[yes, "yes", "bad"], ["Keep", "no", ""]]) {
      const button = document.createElement("button");
      button.textContent = label;
      button.value = value;
      button.className = style;
      // Enter alone loses nothing.
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

/** Does something after a while in which it can be undone; at once if the page goes away meanwhile. */
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

// A request that outlives its page.
addEventListener("pagehide", () => pending.forEach((act) => act({ keepalive: true })));

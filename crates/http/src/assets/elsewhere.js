// Texts for use elsewhere: copies them, and gives them the address under which the browser knows this site.

import { say } from "./texts.js";
import { toast } from "./toast.js";

/** Corrects addresses within `part`: the server cannot always know whether the browser reaches it by https. */
export function correct(part) {
  for (const element of part.querySelectorAll("[data-address]")) {
    const here = (text) => text.replaceAll(element.dataset.address || location.origin, location.origin);
    if (element.href) element.href = here(element.href);
    for (const field of element.querySelectorAll("input")) field.value = here(field.value);
  }
}

correct(document);

// On this page the bookmark would only open a form that is here already.
document.getElementById("bookmarklet")?.addEventListener("click", (event) => {
  event.preventDefault();
  toast(say("Drag it to your bookmarks, and use it on other pages."));
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    toast(say("Copied."));
  } catch {
    toast(say("The text is selected: press Ctrl+C to copy it."));
  }
});

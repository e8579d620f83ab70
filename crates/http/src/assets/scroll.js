// Loads more images when the user scrolls near the end of the page.

import { append } from "./cards.js";
import { page } from "./server.js";
import { say } from "./texts.js";
import { toast } from "./toast.js";

const watcher = new IntersectionObserver(
  (entries) => entries.some((entry) => entry.isIntersecting) && more(entries[0].target),
  { rootMargin: "1200px" },
);

async function more(link) {
  watcher.disconnect();
  link.textContent = say("Loading…");
  try {
    const { page: next } = await page(link.href);
    // The user may have begun another search meanwhile.
    if (!link.isConnected) return;
    append(next);
    watch();
  } catch (error) {
    // The link stays, to be clicked or scrolled to again.
    link.textContent = say("More images");
    if (navigator.onLine) toast(say("More images could not be loaded: {why}.", { why: error.message }));
    setTimeout(watch, 10_000);
  }
}

/** Watches for the end of the images on the page. */
export function watch() {
  watcher.disconnect();
  const link = document.getElementById("more");
  if (link) watcher.observe(link);
}

addEventListener("online", watch);
watch();

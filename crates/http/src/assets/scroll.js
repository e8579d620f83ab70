// More images come as one scrolls to the end of those that are there.

import { append } from "./cards.js";
import { page } from "./server.js";
import { toast } from "./toast.js";

const watcher = new IntersectionObserver(
  (entries) => entries.some((entry) => entry.isIntersecting) && more(entries[0].target),
  { rootMargin: "1200px" },
);

async function more(link) {
  watcher.disconnect();
  link.textContent = "Loading…";
  try {
    const { page: next } = await page(link.href);
    // Meanwhile something else may have been looked for.
    if (!link.isConnected) return;
    append(next);
    watch();
  } catch (error) {
    // It stays a link, to be clicked or scrolled to again.
    link.textContent = "More images";
    if (navigator.onLine) toast(`More images could not be loaded: ${error.message}.`);
    setTimeout(watch, 10_000);
  }
}

/** Watches for the end of the images that are there. */
export function watch() {
  watcher.disconnect();
  const link = document.getElementById("more");
  if (link) watcher.observe(link);
}

addEventListener("online", watch);
watch();

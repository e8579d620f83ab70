// More images come as one scrolls to the end of those that are there.

import { append, times } from "./cards.js";
import { page } from "./server.js";
import { tell } from "./tell.js";

const watcher = new IntersectionObserver(
  (entries) => entries.some((entry) => entry.isIntersecting) && more(entries[0].target),
  { rootMargin: "1200px" },
);

async function more(link) {
  watcher.disconnect();
  link.textContent = "Loading…";
  try {
    const { page: next } = await page(link.href);
    append(next);
    times(document);
    const following = next.getElementById("more");
    if (!following) return link.parentElement.remove();
    link.href = following.href;
    link.textContent = "More images";
    watch(link);
  } catch (error) {
    // It stays a link, to be clicked or scrolled to again.
    link.textContent = "More images";
    tell(`More images could not be loaded: ${error.message}.`);
    setTimeout(() => watch(link), 5000);
  }
}

function watch(link) {
  if (link) watcher.observe(link);
}

watch(document.getElementById("more"));

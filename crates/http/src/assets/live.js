// Keeps the page up to date. Asks often while images are under way, otherwise seldom, and not while the page is hidden.

import { refresh, shown, waits } from "./cards.js";
import { page } from "./server.js";

const SOON = 1000;
const LATE = 30_000;

let timer;
let pause = SOON;
let etag = null;
let asking = false;

/** Asks now. */
export async function look() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const { path } = shown;
    const found = await page(path, etag);
    offline(false);
    // The user may have begun another search meanwhile.
    if (path === shown.path) {
      etag = found.etag;
      if (found.page) refresh(found.page);
    }
    // Asks often while the page changes, and less and less often while it does not.
    const soon = found.page ? SOON : Math.min(pause * 1.5, 5000);
    pause = waits() ? soon : Math.min(pause * 2, LATE);
  } catch (error) {
    // The reloaded page asks for the token.
    if (error.status === 401) location.reload();
    offline(error.status === undefined);
    pause = Math.min(pause * 2, LATE);
  } finally {
    asking = false;
    timer = setTimeout(() => !document.hidden && look(), pause);
  }
}

/** Shows or hides the message that the server cannot be reached. */
function offline(is) {
  document.getElementById("offline").hidden = !is;
}

/** Asks now, and soon again. */
export function lookSoon() {
  pause = SOON;
  return look();
}

document.addEventListener("visibilitychange", () => !document.hidden && lookSoon());
addEventListener("pageshow", (event) => event.persisted && lookSoon());
addEventListener("online", lookSoon);
addEventListener("offline", () => offline(true));
pause = waits() ? SOON : LATE;
timer = setTimeout(look, pause);

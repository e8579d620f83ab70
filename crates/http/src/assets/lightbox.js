// The lightbox: looks at images over the gallery, without leaving it. Its address is that of the image's page.

import { card, drop, isSelected, isSettled, leave, select, selected, shown } from "./cards.js";
import { lookSoon } from "./live.js";
import { say } from "./texts.js";
import { fill } from "./thin.js";

const grid = document.getElementById("grid");
const behind = [document.querySelector(".top"), document.querySelector("main")];

let place = null;
let looking = null;

/** The viewer, whose scripts and style are loaded when somebody first looks at an image. */
async function viewer() {
  if (looking) return looking;
  const style = document.createElement("link");
  Object.assign(style, { rel: "stylesheet", href: "/assets/one.css" });
  const isStyled = new Promise((resolve) => (style.onload = style.onerror = resolve));
  document.head.append(style);
  const [module] = await Promise.all([import("./viewer.js"), isStyled]);
  place = document.createElement("div");
  place.id = "lightbox";
  place.hidden = true;
  place.setAttribute("role", "dialog");
  place.setAttribute("aria-modal", "true");
  place.setAttribute("aria-label", say("Image"));
  document.body.insertBefore(place, document.getElementById("toasts"));
  looking = module.viewer(place, {
    shown: arrived,
    left: close,
    select: toggle,
    deleting: (id, is) => leave([id], is),
    deleted: (id) => {
      drop([id]);
      lookSoon();
    },
  });
  return looking;
}

async function open(path, { under, isNew = true } = {}) {
  if (isNew) history.pushState({ lightbox: true }, "", path);
  const view = await viewer();
  place.hidden = false;
  document.body.classList.add("looking");
  for (const part of behind) part.inert = true;
  if (!view.article()) {
    // What the card shows is there at once.
    const picture = new Image();
    if (under) picture.src = under;
    picture.alt = "";
    picture.className = "first";
    place.replaceChildren(picture);
  }
  await view.go(path, { under });
}

function arrived(article) {
  const { here, name, id } = article.dataset;
  if (location.pathname + location.search !== here) history.replaceState({ lightbox: true }, "", here);
  document.title = `${name} · Burrow`;
  const back = article.querySelector("#back");
  back.setAttribute("aria-label", say("Back to gallery"));
  back.title = say("Back to gallery (Esc)");
  const box = article.querySelector("[data-do=select]");
  box.hidden = !(card(id) && isSettled(card(id)));
  box.setAttribute("aria-pressed", isSelected(id));
}

function toggle(article) {
  const { id } = article.dataset;
  if (!card(id)) return;
  select([id], !isSelected(id));
  article.querySelector("[data-do=select]").setAttribute("aria-pressed", isSelected(id));
}

/** Closes the lightbox, by going back in the history to the gallery. */
function close() {
  if (place.hidden) return;
  if (history.state?.lightbox) history.back();
  else closed();
}

/** The gallery is in front again: the focus goes to the card of the image that was shown. */
function closed() {
  const article = looking.article();
  const one = article && card(article.dataset.id);
  place.hidden = true;
  place.replaceChildren();
  looking.end();
  document.title = "Burrow";
  document.body.classList.remove("looking");
  for (const part of behind) part.inert = false;
  if (article && !one) {
    // Its card is not on the page yet: a page that begins there has it.
    const back = article.querySelector("#back")?.getAttribute("href");
    if (back && document.querySelector("#more")) return location.replace(back);
  }
  if (one) {
    fill(one);
    one.querySelector("a.open").focus({ preventScroll: true });
    one.scrollIntoView({ block: "nearest" });
  }
  return lookSoon();
}

grid.addEventListener("click", (event) => {
  const link = event.target.closest("a.open");
  if (!link || event.defaultPrevented || event.button > 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  // While something is selected, a click selects, and Enter opens.
  if (selected().length > 0 && event.detail > 0) return;
  event.preventDefault();
  open(link.getAttribute("href"), { under: link.querySelector("img")?.currentSrc });
});

addEventListener("popstate", (event) => {
  if (event.state?.lightbox) open(location.pathname + location.search, { isNew: false });
  else if (place && !place.hidden) closed();
  else if (location.pathname + location.search !== shown.path) location.reload();
});

addEventListener("click", (event) => {
  if (!event.target.closest?.("#lightbox #back") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  close();
});

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !place || place.hidden || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  if (event.target.closest("#lightbox input")) return looking.article().focus();
  if (looking.isZoomed()) return looking.reset();
  return close();
});

// The page of one image, as a viewer of that image and of those beside it.

import "./pictures.js";
import { forget } from "./toast.js";
import { viewer } from "./viewer.js";

const main = document.getElementById("main");
const image = document.getElementById("image");
const came = document.referrer && new URL(document.referrer);

forget();

const view = viewer(main, {
  shown: (article) => {
    document.title = `${article.dataset.name} · Burrow`;
    history.replaceState(history.state, "", article.dataset.here);
  },
  left: () => (location.href = view.article().querySelector("#back").getAttribute("href")),
});
view.wire(image);

/** Goes back to the gallery: where it was left, if this page came from there, else where this image is. */
function back() {
  if (came?.origin === location.origin && came.pathname === "/" && history.length > 1) history.back();
  else location.href = view.article().querySelector("#back").getAttribute("href");
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open], details.drop[open]")) return;
  if (event.target.closest("input, textarea")) return view.article().focus();
  if (view.isZoomed()) return view.reset();
  return back();
});
main.addEventListener("click", (event) => {
  if (!event.target.closest("#back") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  back();
});

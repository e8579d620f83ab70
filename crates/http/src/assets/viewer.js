// Shows one image after the other in one place: over the gallery, or on the image's own page.
//
// The server renders each image as an article, with links to the images before and after it in the same search. The
// viewer replaces one article by another, and has the neighbours ready.

import { facts } from "./facts.js";
import { page, record, remove } from "./server.js";
import { isMirrored, say } from "./texts.js";
import { toast, unlessUndone } from "./toast.js";
import { times } from "./times.js";
import { prefer } from "./preferences.js";
import { zoom } from "./zoom.js";

/** How many articles are kept. */
const KEPT = 8;

/** Originals above this size are loaded only when somebody zooms in, in bytes. */
const MAX_AT_ONCE = 8 * 1024 * 1024;

/** Which image lies at which side. */
const [atLeft, atRight] = isMirrored ? ["next", "previous"] : ["previous", "next"];

/** Ids of images that are about to be deleted. */
const leaving = new Set();

/**
 * Makes `place` a viewer. `shown` is called with each new article, `left` when there is none to show, `select` by the
 * key x; `deleting` and `deleted` tell what happens to images.
 */
export function viewer(place, { shown, left, select, deleting = () => {}, deleted = () => {} }) {
  const articles = new Map();
  let [article, pictures, timer, turn] = [null, null, 0, 0];

  /** The article of a path; from those that are kept, if it is there. */
  function articleAt(path) {
    const known = articles.get(path);
    if (known) return known;
    const found = page(path).then(({ page: one }) => document.adoptNode(one.getElementById("image")));
    articles.set(path, found);
    found.catch(() => articles.delete(path));
    for (const old of articles.keys()) if (articles.size > KEPT) articles.delete(old);
    return found;
  }

  /** Shows the image of a path; `under` is a picture of it that is there already. Passes over images that leave. */
  async function go(path, { under, direction = "next", isFresh = false } = {}) {
    turn += 1;
    const mine = turn;
    if (isFresh) articles.clear();
    place.setAttribute("aria-busy", "true");
    try {
      let found = await articleAt(path);
      while (leaving.has(found.dataset.id)) {
        const beside = found.querySelector(`#${direction}`);
        if (!beside) return left();
        found = await articleAt(beside.getAttribute("href"));
      }
      if (mine !== turn) return undefined;
      articles.delete(path);
      return put(found, under);
    } catch (error) {
      if (mine === turn) toast(say("The image could not be shown: {why}.", { why: error.message }));
      return undefined;
    } finally {
      if (mine === turn) place.removeAttribute("aria-busy");
    }
  }

  function put(fresh, under) {
    const focused = article?.contains(document.activeElement) ? same(document.activeElement) : null;
    if (article) article.replaceWith(fresh);
    else place.replaceChildren(fresh);
    wire(fresh, under);
    shown(fresh);
    // The focus stays where it was, so that the next press of the same key goes on; screen readers say the name.
    ((focused && fresh.querySelector(focused)) ?? fresh).focus({ preventScroll: true });
    for (const beside of ["next", "previous"]) prepare(fresh.querySelector(`#${beside}`));
  }

  async function prepare(link) {
    if (!link) return;
    const beside = await articleAt(link.getAttribute("href")).catch(() => null);
    const picture = beside?.querySelector(".stage img");
    if (picture) new Image().src = picture.getAttribute("src");
  }

  function wire(fresh, under) {
    article = fresh;
    clearTimeout(timer);
    times("long", fresh);
    facts(fresh, () => go(fresh.dataset.here, { isFresh: true }));
    const stage = fresh.querySelector(".stage");
    const picture = stage.querySelector("img");
    pictures = null;
    if (picture) {
      if (under) putUnder(picture, under);
      const original = () => load(picture);
      pictures = zoom(stage, picture, { swiped: (by) => step(by > 0 ? atRight : atLeft), zoomed: original });
      const bytes = Number(fresh.querySelector("[data-bytes]")?.dataset.bytes ?? 0);
      if (bytes <= MAX_AT_ONCE && !navigator.connection?.saveData) {
        if (picture.complete) original();
        else picture.addEventListener("load", original, { once: true });
      }
    }
    if (["pending", "storing"].includes(fresh.dataset.status)) follow(fresh);
    const details = fresh.querySelector("[data-do=details]");
    details?.setAttribute("aria-pressed", document.documentElement.dataset.details === "on");
  }

  /** Shows the original in place of the thumbnail once it can be painted. */
  async function load(picture) {
    const { original } = picture.dataset;
    if (!original) return;
    delete picture.dataset.original;
    const whole = new Image();
    whole.src = original;
    // If it cannot be shown, the thumbnail stays.
    await whole.decode().then(() => (picture.src = original), () => {});
  }

  /** Until an image is ready, asks for its status, less and less often. */
  function follow(one, pause = 1000) {
    timer = setTimeout(async () => {
      if (one !== article) return;
      try {
        const { status, received_bytes: received } = await record(one.dataset.id);
        const isSame = status === one.dataset.status && String(received ?? "") === one.dataset.received;
        if (!isSame) return go(one.dataset.here, { isFresh: true });
      } catch (error) {
        // The image was deleted, or a token is needed: the reloaded page says so.
        if (error.status) return location.reload();
      }
      follow(one, Math.min(pause * 1.5, 10_000));
    }, pause);
  }

  function step(direction) {
    const path = article.querySelector(`#${direction}`)?.getAttribute("href");
    return path && go(path, { direction });
  }

  /** Deletes the image that is shown, and shows the next; for some seconds it can be undone. */
  async function removeShown() {
    const { id, here, after, name } = article.dataset;
    if (!place.querySelector("#delete")) return;
    leaving.add(id);
    deleting(id, true);
    articles.clear();
    if (after.startsWith("/images/")) go(after, { direction: article.querySelector("#next") ? "next" : "previous" });
    else left();
    try {
      const removed = await unlessUndone(say("Deleted {name}.", { name }), (options) => remove([id], options));
      leaving.delete(id);
      articles.clear();
      deleting(id, false);
      if (removed) deleted(id);
      else if (place.isConnected && !place.hidden) await go(here);
    } catch (error) {
      leaving.delete(id);
      deleting(id, false);
      toast(say("The image could not be deleted: {why}.", { why: error.message }));
    }
  }

  function details(isWanted = document.documentElement.dataset.details !== "on") {
    prefer("details", isWanted ? "on" : "off");
    article.querySelector("[data-do=details]")?.setAttribute("aria-pressed", isWanted);
  }

  function edit(form) {
    const field = article.querySelector(`#${form} input:not([type=hidden])`);
    if (!field) return;
    details(true);
    field.focus();
    field.select();
  }

  const doing = {
    details: () => details(),
    select: () => select?.(article),
    download: () => article.querySelector("#download")?.click(),
    delete: removeShown,
  };

  const keys = {
    ArrowLeft: () => step(atLeft),
    ArrowRight: () => step(atRight),
    i: () => details(),
    t: () => edit("tag"),
    r: () => edit("rename"),
    d: doing.download,
    x: doing.select,
    Delete: removeShown,
    "+": () => pictures?.by(1.5),
    "-": () => pictures?.by(1 / 1.5),
    0: () => pictures?.reset(),
  };

  place.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) return doing[button.dataset.do]();
    const link = event.target.closest("#next, #previous");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
    event.preventDefault();
    return step(link.id);
  });

  addEventListener("keydown", (event) => {
    if (!article?.isConnected || place.hidden || document.querySelector("dialog[open]")) return;
    if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
    if (event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    keys[event.key]();
  });

  return {
    go,
    wire: (one) => {
      wire(one);
      for (const beside of ["next", "previous"]) prepare(one.querySelector(`#${beside}`));
    },
    article: () => article,
    isZoomed: () => pictures?.isZoomed() ?? false,
    reset: () => pictures?.reset(),
    end: () => {
      turn += 1;
      clearTimeout(timer);
      article = null;
      articles.clear();
    },
  };
}

/** A selector of the element that takes the place of this one in another article; null if there is none. */
function same({ id, form, name }) {
  if (id) return `#${CSS.escape(id)}`;
  // Not `form.id`: that is the form's field of this name.
  const within = form?.getAttribute("id");
  return within && name ? `#${within} [name="${CSS.escape(name)}"]` : null;
}

/** Puts a small picture of an image under the larger one that is still to come. */
function putUnder(picture, under) {
  const small = new Image();
  small.src = under;
  small.className = "under";
  small.alt = "";
  picture.before(small);
  picture.addEventListener("load", () => small.remove(), { once: true });
}

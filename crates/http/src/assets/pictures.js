// Small pictures that are still being drawn, or did not come, are asked for again.

const TRIES = 6;
const PAUSE = 2000;

const again = (picture) => (picture.srcset ? (picture.srcset = picture.srcset) : (picture.src = picture.src));

// Such events do not rise to the document, but they pass it on their way down.
document.addEventListener(
  "error",
  ({ target }) => {
    if (!(target instanceof HTMLImageElement)) return;
    const tries = Number(target.dataset.tries ?? 0) + 1;
    target.dataset.tries = tries;
    if (tries < TRIES) setTimeout(again, PAUSE * tries, target);
  },
  true,
);

addEventListener("online", () => {
  for (const picture of document.images) {
    if (picture.complete && picture.naturalWidth === 0) again(picture);
  }
});

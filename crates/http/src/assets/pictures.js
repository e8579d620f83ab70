// Loads thumbnails again that were still being drawn, or failed to load.

const TRIES = 6;
const PAUSE = 2000;

const again = (picture) => (picture.srcset ? (picture.srcset = picture.srcset) : (picture.src = picture.src));

// Error events of images do not bubble to the document, but it can capture them.
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

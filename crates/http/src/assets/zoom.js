// Zooms and moves a picture in its place: wheel, double click, two fingers. A swipe at normal size leads on.

const MOST = 12;
/** How far a swipe goes, in pixels. */
const SWIPE = 60;

/**
 * Makes a picture zoom; `swiped` is called with 1 for what lies at the right, -1 for the left; `zoomed` when it
 * becomes larger. Returns what keys may do.
 */
export function zoom(stage, picture, { swiped, zoomed }) {
  const pointers = new Map();
  let [scale, x, y] = [1, 0, 0];
  let [gap, began, isMoved] = [0, null, false];

  function put() {
    // At normal size it lies in the middle; larger, it cannot leave its place.
    const [wide, high] = [picture.clientWidth, picture.clientHeight];
    const most = (length, room) => Math.max(0, (length * scale - room) / 2);
    const clamp = (value, limit) => Math.min(limit, Math.max(-limit, value));
    [x, y] = scale > 1 ? [clamp(x, most(wide, stage.clientWidth)), clamp(y, most(high, stage.clientHeight))] : [0, 0];
    picture.style.transform = scale > 1 ? `translate(${x}px, ${y}px) scale(${scale})` : "";
    stage.classList.toggle("zoomed", scale > 1);
    if (scale > 1) zoomed();
  }

  /** Zooms, and keeps the point at these coordinates of the window where it is. */
  function to(wanted, left, top) {
    const place = stage.getBoundingClientRect();
    const [dx, dy] = [left - place.left - place.width / 2, top - place.top - place.height / 2];
    const next = Math.min(MOST, Math.max(1, wanted));
    x = dx - ((dx - x) * next) / scale;
    y = dy - ((dy - y) * next) / scale;
    scale = next;
    put();
  }

  const middle = () => {
    const place = stage.getBoundingClientRect();
    return [place.left + place.width / 2, place.top + place.height / 2];
  };
  /** Between the whole picture and its pixels as they are. */
  const toggle = (left, top) => {
    const own = picture.naturalWidth / devicePixelRatio / Math.max(picture.clientWidth, 1);
    to(scale > 1 ? 1 : Math.max(2, own), left, top);
  };

  stage.addEventListener("wheel", (event) => {
    if (event.target.closest("nav")) return;
    // A page that scrolls goes on scrolling, unless a key or a zoomed picture asks for more.
    if (!event.ctrlKey && scale === 1 && !stage.closest("#lightbox")) return;
    event.preventDefault();
    to(scale * Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), event.clientX, event.clientY);
  }, { passive: false });

  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest("nav") || event.button > 0) return;
    pointers.set(event.pointerId, event);
    isMoved = false;
    began = pointers.size === 1 ? [event.clientX, event.clientY] : null;
    gap = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (began && Math.hypot(event.clientX - began[0], event.clientY - began[1]) > 4) isMoved = true;
    if (pointers.size === 2) {
      const [one, other] = [...pointers.values()];
      const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      if (gap > 0) to((scale * now) / gap, (one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2);
      [gap, isMoved] = [now, true];
    } else if (scale > 1) {
      x += event.clientX - before.clientX;
      y += event.clientY - before.clientY;
      put();
    }
  });
  function end(event) {
    if (!pointers.delete(event.pointerId) || !began || scale > 1 || event.type === "pointercancel") return;
    const [dx, dy] = [event.clientX - began[0], event.clientY - began[1]];
    if (event.pointerType !== "mouse" && Math.abs(dx) > SWIPE && Math.abs(dx) > 2 * Math.abs(dy)) swiped(dx < 0 ? 1 : -1);
  }
  stage.addEventListener("pointerup", end);
  stage.addEventListener("pointercancel", end);
  stage.addEventListener("dragstart", (event) => event.preventDefault());

  // The link around the picture leads to the original; a plain click zooms instead.
  stage.addEventListener("click", (event) => {
    if (!event.target.closest(".picture") || event.ctrlKey || event.metaKey || event.shiftKey || event.detail === 0) return;
    event.preventDefault();
    if (!isMoved) toggle(event.clientX, event.clientY);
  });

  return {
    isZoomed: () => scale > 1,
    by: (factor) => to(scale * factor, ...middle()),
    reset: () => to(1, ...middle()),
  };
}

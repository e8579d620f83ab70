// Headings of days between the cards. The server makes them of days in UTC; here they become the reader's days.

import { locale, say } from "./texts.js";

const DAY = 86_400_000;

/** Puts a heading before the first card of each day, and takes away those that head nothing. */
export function days(grid) {
  let last = null;
  for (const child of [...grid.children]) {
    if (child.matches(".day")) continue;
    const date = new Date(child.dataset.created);
    const day = date.toDateString();
    const before = child.previousElementSibling;
    const heading = before?.matches(".day") ? before : null;
    if (day === last) heading?.remove();
    else entitle(heading ?? insert(grid, child), date, day);
    last = day;
  }
  while (grid.lastElementChild?.matches(".day")) grid.lastElementChild.remove();
  for (const heading of grid.querySelectorAll(".day + .day")) heading.previousElementSibling.remove();
}

function insert(grid, card) {
  const heading = document.createElement("li");
  heading.className = "day";
  const title = document.createElement("h2");
  const time = document.createElement("time");
  time.dataset.day = "";
  title.append(time);
  heading.append(title);
  grid.insertBefore(heading, card);
  return heading;
}

function entitle(heading, date, day) {
  if (heading.dataset.is === day) return;
  heading.dataset.is = day;
  const time = heading.querySelector("time");
  time.dateTime = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  const [today, yesterday] = [new Date(), new Date(Date.now() - DAY)].map((one) => one.toDateString());
  const ago = { [today]: say("Today"), [yesterday]: say("Yesterday") }[day];
  const whole = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  time.textContent = ago ?? date.toLocaleDateString(locale, whole);
}

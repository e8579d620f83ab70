// The page of statistics: shows hours and times in the reader's time zone.

import { locale, say } from "./texts.js";
import { times } from "./times.js";

times("long");
for (const hour of document.querySelectorAll("[data-hour]")) {
  const date = new Date(`${hour.textContent.replace(" ", "T")}Z`);
  // Days and months are those of UTC.
  if (!/\d\d:\d\d$/.test(hour.textContent) || Number.isNaN(date.getTime())) continue;
  hour.textContent = date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}
const zone = document.querySelector("[data-zone]");
if (zone) zone.textContent = say("your time zone");

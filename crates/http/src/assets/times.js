// Shows times in the reader's language and time zone.

import { locale } from "./texts.js";

/** Converts every time that is not converted yet; `dateStyle` is "medium" or "long". */
export function times(dateStyle = "medium", within = document) {
  for (const time of within.querySelectorAll("time:not([title], [data-day])")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.dateTime;
    time.textContent = date.toLocaleString(locale, { dateStyle, timeStyle: "short" });
  }
}

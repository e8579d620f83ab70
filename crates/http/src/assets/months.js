// Jumps to a month: lists the months that have images, each with a link to the images from it on.

import { shown } from "./cards.js";
import { months } from "./server.js";
import { locale, number, say } from "./texts.js";

const place = document.getElementById("months");

/** The months that have images, in the order of the page: each month, its name, number of images, and path. */
export async function monthsHere() {
  const search = new URLSearchParams(shown.path.split("?")[1]);
  const isOldestFirst = search.get("order") === "oldest";
  for (const name of ["since", "until", "cursor"]) search.delete(name);
  const all = (await months()).map(({ month, images }) => {
    const [year, nth] = month.split("-").map(Number);
    const here = new URLSearchParams(search);
    if (isOldestFirst) here.set("since", `${month}-01`);
    else here.set("until", new Date(Date.UTC(year, nth, 0)).toISOString().slice(0, 10));
    const name = new Date(Date.UTC(year, nth - 1, 15)).toLocaleDateString(locale, { month: "long", year: "numeric" });
    return { month, name, images, path: `/?${here}` };
  });
  return isOldestFirst ? all : all.reverse();
}

place.addEventListener("toggle", async () => {
  if (!place.open) return;
  const list = place.querySelector("ul");
  const all = await monthsHere().catch(() => []);
  const items = all.map(({ name, images, path }) => {
    const link = document.createElement("a");
    link.href = path;
    const count = document.createElement("span");
    count.className = "quiet";
    count.textContent = number(images);
    link.append(name, count);
    const item = document.createElement("li");
    item.append(link);
    return item;
  });
  list.replaceChildren(...(items.length > 0 ? items : [say("No months are known.")]));
});

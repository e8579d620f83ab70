// Jumps to a month: lists the months that have images, each with a link to the images up to its end.

import { shown } from "./cards.js";
import { months } from "./server.js";

const place = document.getElementById("months");

place.addEventListener("toggle", async () => {
  if (!place.open) return;
  const list = place.querySelector("ul");
  const all = await months().catch(() => []);
  const items = all.reverse().map(({ month, images }) => {
    const [year, number] = month.split("-").map(Number);
    const search = new URLSearchParams(shown.path.split("?")[1]);
    for (const name of ["since", "until", "cursor"]) search.delete(name);
    search.set("until", new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10));
    const link = document.createElement("a");
    link.href = `/?${search}`;
    const name = new Date(Date.UTC(year, number - 1, 15)).toLocaleDateString(undefined, { month: "long", year: "numeric" });
    const count = document.createElement("span");
    count.className = "quiet";
    count.textContent = images.toLocaleString();
    link.append(name, count);
    const item = document.createElement("li");
    item.append(link);
    return item;
  });
  list.replaceChildren(...(items.length > 0 ? items : ["No months are known."]));
});

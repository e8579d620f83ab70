// Completes tags from those that images have.

import { tags } from "./server.js";
import { images } from "./texts.js";

const PAUSE = 150;

let timer;
let turn = 0;

/** Offers tags that begin with the last word of a search. */
export function completions(field) {
  const [, before, word] = /^(.*?)(\S*)$/s.exec(field.value);
  const start = word.replace(/^tag:/i, "").replaceAll('"', "");
  const isOther = /^(type|status|host|since|until):/i.test(word);
  offer(field, isOther ? "" : start, (tag) => `${before}tag:${/[\s"]/.test(tag) ? `"${tag.replaceAll('"', "")}"` : tag}`);
}

/** Offers tags that begin with the text after the last comma. */
export function tagsOf(field) {
  const [, before, start] = /^(.*[,،]\s*)?([^,،]*)$/s.exec(field.value);
  offer(field, start.trim(), (tag) => `${before ?? ""}${tag}`);
}

function offer(field, start, whole) {
  clearTimeout(timer);
  turn += 1;
  const mine = turn;
  if (start === "") return field.list.replaceChildren();
  timer = setTimeout(async () => {
    const found = await tags(start).catch(() => []);
    if (mine !== turn) return;
    const options = found.map(({ tag, images: n }) => {
      const option = document.createElement("option");
      option.value = whole(tag);
      option.label = images(n);
      return option;
    });
    field.list.replaceChildren(...options);
  }, PAUSE);
}

document.addEventListener("input", ({ target }) => {
  if (target.matches?.("input[name=tags][list]")) tagsOf(target);
});

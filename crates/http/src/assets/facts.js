// What one can do with an image beside looking at it: copy links, sign them, check its bytes, name it, tag it.

import { check } from "./check.js";
import { correct } from "./elsewhere.js";
import "./known.js";
import { act, link } from "./server.js";
import { count, locale, say } from "./texts.js";
import { listed, toast } from "./toast.js";

/** Makes a link absolute, so that it can be sent to others. */
const whole = (field) => (field.value = new URL(field.value, location.href).href);

const DONE = {
  rename: () => say("Renamed."),
  tag: (done) => (done > 0 ? say("Tags added.") : say("The tags were there already.")),
  untag: (done) => (done > 0 ? say("Tag removed.") : say("The image no longer had that tag.")),
  retry: () => count("Retrying {n} image.", "Retrying {n} images.", 1),
};

/** Gives an article's facts their scripts; `changed` is called after a change, with the form's action. */
export function facts(article, changed) {
  article.querySelectorAll("[data-link]").forEach(whole);
  correct(article);
  article.addEventListener("click", (event) => {
    const checked = event.target.closest("[data-check]");
    if (checked) check(checked);
  });
  article.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches(".sign")) {
      event.preventDefault();
      return sign(article);
    }
    const fields = new FormData(form, event.submitter);
    const action = fields.get("action");
    if (!(action in DONE)) return;
    event.preventDefault();
    try {
      const { done, failures } = await act(fields);
      toast(failures.length > 0 ? listed(failures) : DONE[action](done));
      if (failures.length === 0) await changed(action);
    } catch (error) {
      toast(say("That could not be done: {why}.", { why: error.message }));
    }
  });
}

/** Makes a signed link without leaving the page. */
async function sign(article) {
  try {
    const signed = article.querySelector(".signed");
    const { path, expires } = await link(article.dataset.id);
    const time = signed.querySelector("time");
    time.dateTime = expires;
    time.title = expires;
    time.textContent = new Date(expires).toLocaleString(locale, { dateStyle: "long", timeStyle: "short" });
    signed.querySelector("[data-link]").value = path;
    whole(signed.querySelector("[data-link]"));
    signed.hidden = false;
  } catch (error) {
    toast(say("The link could not be signed: {why}.", { why: error.message }));
  }
}

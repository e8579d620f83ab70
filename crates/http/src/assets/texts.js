// The texts of the scripts in the language of the page, and numbers as that language writes them.
//
// Scripts have their texts in English. The page's language has a catalogue, which names each translation by the English
// text; English has none.

const root = document.documentElement;

// The browser knows the reader's country: its dates are British for a reader of English in Britain.
const isOfReader = navigator.language.split("-")[0] === root.lang;

/** The locale of dates. */
export const locale = isOfReader ? navigator.language : root.dataset.locale;

/** The locale of numbers: that of the server, which writes some of them. */
export const numerals = root.dataset.locale;

/** Whether the page runs from right to left, so that what comes next is at the left. */
export const isMirrored = root.dir === "rtl";

const texts = root.lang === "en" ? {} : await catalogue();
const rules = new Intl.PluralRules(numerals);

async function catalogue() {
  try {
    const response = await fetch(`/assets/${root.lang}.json`, { signal: AbortSignal.timeout(5000) });
    return response.ok ? await response.json() : {};
  } catch {
    // English is better than no script.
    return {};
  }
}

/** A text; values take the place of the `{names}` in it. */
export function say(english, values = {}) {
  return filled(texts[english] ?? english, values);
}

/** A text with the number `{n}` in it, in English for 1 and for all other numbers. */
export function count(one, other, n, values = {}) {
  const forms = texts[other];
  const text = forms ? (forms[rules.select(n)] ?? forms.other) : n === 1 ? one : other;
  return filled(text, { n: number(n), ...values });
}

/** A number: its digits, in groups. */
export const number = (n) => n.toLocaleString(numerals);

/** A number of images. */
export const images = (n) => count("{n} image", "{n} images", n);

function filled(text, values) {
  // A name from left to right must not turn round what stands beside it (Unicode Standard Annex 9, section 2.4).
  const isolated = (name) => (isMirrored && name !== "n" ? `\u2068${values[name]}\u2069` : String(values[name]));
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? isolated(name) : all));
}

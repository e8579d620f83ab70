use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::*;

/// The texts in the sources: each, and whether it has forms for numbers.
fn used() -> BTreeMap<String, bool> {
    let mut used = BTreeMap::new();
    for directory in ["src", "templates"] {
        read(Path::new(directory), &mut used);
    }
    assert!(used.len() > 150, "{} texts", used.len());
    used
}

fn read(path: &Path, used: &mut BTreeMap<String, bool>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), used);
        }
        return;
    }
    let is_source = path.extension().is_some_and(|it| ["rs", "js", "html"].iter().any(|known| it == *known));
    if !is_source || path.ends_with("texts.rs") || path.ends_with("texts/tests.rs") {
        return;
    }
    let source = fs::read_to_string(path).unwrap();
    for (call, has_forms) in [("say(", false), ("count(", true)] {
        for (at, _) in source.match_indices(call) {
            let before = source[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let Some((first, rest)) = literal(&source[at + call.len()..]) else { continue };
            if !has_forms {
                used.insert(first, false);
            } else if let Some((second, _)) = rest.trim_start().strip_prefix(',').and_then(literal) {
                used.insert(second, true);
            }
        }
    }
}

/// The string at the beginning of a piece of source, and what comes after it.
fn literal(source: &str) -> Option<(String, &str)> {
    let (text, rest) = source.trim_start().strip_prefix('"')?.split_once('"')?;
    assert!(!text.contains('\\'), "{text:?} is not plain");
    Some((text.into(), rest))
}

/// The `{names}` in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0)).collect()
}

/// The numbers that show each plural category of a language.
fn categories(language: Language) -> BTreeSet<&'static str> {
    let rules = PluralRules::try_new_cardinal(language.locale().into()).unwrap();
    (0..200_u32).map(|n| name(rules.category_for(n))).collect()
}

#[test]
fn every_text_has_a_translation_and_every_translation_a_text() {
    let used = used();
    for language in [Language::German, Language::Arabic] {
        let catalogue: Catalogue = serde_json::from_slice(language.file().unwrap()).unwrap();
        let missing: Vec<_> = used.keys().filter(|text| !catalogue.contains_key(text.as_str())).collect();
        assert!(missing.is_empty(), "{language:?} lacks {missing:#?}");
        for (english, entry) in &catalogue {
            let has_forms = used.get(english.as_ref()).unwrap_or_else(|| panic!("nothing says {english:?}"));
            match entry {
                Entry::Text(text) => {
                    assert!(!has_forms, "{language:?} has one form of {english:?}");
                    assert_eq!(names(text), names(english), "{language:?}: {english:?}");
                }
                Entry::Forms(forms) => {
                    assert!(has_forms, "{language:?} has forms of {english:?}");
                    let known: BTreeSet<_> = forms.keys().map(AsRef::as_ref).collect();
                    assert_eq!(known, categories(language), "{language:?}: {english:?}");
                    // A form may have the number as a word: "two images".
                    let without = |text| names(text).into_iter().filter(|name| *name != "n").collect::<BTreeSet<_>>();
                    for form in forms.values() {
                        assert_eq!(without(form), without(english), "{language:?}: {english:?}");
                    }
                    assert_eq!(names(&forms["other"]), names(english), "{language:?}: {english:?}");
                }
            }
        }
    }
}

#[test]
fn a_text_is_said_in_each_language() {
    let said = Language::ALL.map(|language| language.say("Images").to_string());
    assert_eq!(said[..2], ["Images", "Bilder"]);
    assert!(said[2].chars().all(|c| ('\u{600}'..'\u{700}').contains(&c)), "{said:?}");
    let counted = |language: Language, n| language.count("{n} image", "{n} images", n).to_string();
    assert_eq!([0, 1, 2].map(|n| counted(Language::English, n)), ["0 images", "1 image", "2 images"]);
    assert_eq!([0, 1, 2].map(|n| counted(Language::German, n)), ["0 Bilder", "1 Bild", "2 Bilder"]);
    let arabic: BTreeSet<_> = [0, 1, 2, 3, 11, 100].map(|n| counted(Language::Arabic, n)).into_iter().collect();
    assert_eq!(arabic.len(), 6, "{arabic:?}");
}

#[test]
fn what_has_no_translation_is_said_in_english() {
    assert_eq!(Language::German.say("no such text").to_string(), "no such text");
    assert_eq!(Language::German.count("one {n}", "many {n}", 1).to_string(), "one 1");
}

#[test]
fn values_take_the_place_of_names_once() {
    let said = |language: Language| language.say("{a} and {b}, {c} {").with("a", "{b}").with("b", 2).to_string();
    assert_eq!(said(Language::English), "{b} and 2, {c} {");
    assert_eq!(said(Language::Arabic), "\u{2068}{b}\u{2069} and \u{2068}2\u{2069}, {c} {");
}

#[test]
fn numbers_are_written_as_the_language_does() {
    let numbers = [0, 7, 999, 1000, 50_000, 1_234_567, u64::MAX];
    let shown = ["0", "7", "999", "1,000", "50,000", "1,234,567", "18,446,744,073,709,551,615"];
    assert_eq!(numbers.map(|n| Language::English.number(n)), shown);
    assert_eq!(Language::German.number(50_000), "50.000");
    assert_eq!(Language::Arabic.number(50_000), "٥٠٬٠٠٠");
    let sizes = Language::ALL.map(|language| language.bytes(2_100_000));
    assert_eq!(sizes, ["2.1 MB", "2,1 MB", "\u{2067}٢٫١ MB\u{2069}"]);
    assert_eq!(Language::English.bytes(999), "999 B");
}

#[test]
fn the_reader_s_language_is_the_chosen_one_or_the_most_accepted() {
    let of = |accepted: &str, cookie: &str| {
        let pairs = [(header::ACCEPT_LANGUAGE, accepted), (header::COOKIE, cookie)];
        Language::of(&pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect())
    };
    assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    assert_eq!(of("de-AT,de;q=0.9,en;q=0.8", ""), Language::German);
    assert_eq!(of("en;q=0.1, ar;q=0.2, fr", ""), Language::Arabic);
    assert_eq!(of("ar;q=0, fr, *", ""), Language::English);
    assert_eq!(of("de", "a=b; burrow_language=ar"), Language::Arabic);
    assert_eq!(of("de", "burrow_language=xx; b"), Language::German);
    assert_eq!(Language::cookie(None), "burrow_language=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert!(Language::cookie(Some(Language::German)).starts_with("burrow_language=de; Path=/; Max-Age=31536000;"));
}

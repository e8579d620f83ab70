//! The texts of the pages in the reader's language, and numbers as that language writes them.
//!
//! Pages and scripts have their texts in English, where they are used. A catalogue of each other language, in `texts/`,
//! has a translation for every one of them, under the English text; a test holds it to that. Scripts load the same file
//! from `/assets/`. What has no translation, such as the reason of a failure, is shown in English.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use bytesize::ByteSize;
use http::{HeaderMap, header};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_decimal::options::DecimalFormatterOptions;
use icu_locale_core::{Locale, locale};
use icu_plurals::{PluralCategory, PluralRules};
use serde::Deserialize;

use crate::protocol::negotiation::languages;

/// The cookie of a reader who chose a language.
const COOKIE: &str = "burrow_language";

/// Seconds for which a browser remembers the language: a year.
const SECONDS: u64 = 365 * 86_400;

/// A language that the pages have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    German,
    Arabic,
}

/// Texts by their English ones.
type Catalogue = HashMap<Cow<'static, str>, Entry>;

/// The translation of a text, or its forms if it has a number in it (CLDR's plural categories).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entry {
    Text(Cow<'static, str>),
    Forms(HashMap<Cow<'static, str>, Cow<'static, str>>),
}

/// A text in which values take the place of `{names}`.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    template: &'static str,
    values: Vec<(&'static str, String)>,
    /// Whether values are isolated, so that a name from left to right does not turn round what stands beside it (Unicode
    /// Standard Annex 9, section 2.4).
    isolates: bool,
}

impl Language {
    /// Every language.
    pub(crate) const ALL: [Self; 3] = [Self::English, Self::German, Self::Arabic];

    /// The language of the reader who sent these headers: the one they chose, else the one that they accept most (RFC
    /// 9110 section 12.5.4), else English.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self::chosen(headers)
            .unwrap_or_else(|| languages(headers).iter().find_map(|range| Self::named(range)).unwrap_or_default())
    }

    /// The language that the reader chose, if they did.
    pub(crate) fn chosen(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        Self::named(pairs.find(|(name, _)| *name == COOKIE)?.1)
    }

    /// The language of a tag such as `de-AT` (RFC 5646).
    pub(crate) fn named(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The field that keeps the choice of a language in the browser; without one, it ends the choice.
    pub(crate) fn cookie(chosen: Option<Self>) -> String {
        let (tag, seconds) = chosen.map_or(("", 0), |language| (language.tag(), SECONDS));
        format!("{COOKIE}={tag}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
    }

    /// Its tag (RFC 5646).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Arabic => "ar",
        }
    }

    /// Its name in itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Arabic => "العربية",
        }
    }

    /// The direction of its script, as HTML names it.
    pub(crate) fn direction(self) -> &'static str {
        match self {
            Self::English | Self::German => "ltr",
            Self::Arabic => "rtl",
        }
    }

    /// The locale by whose rules it writes numbers. Arabic has several systems of digits, so it is that of Egypt.
    pub(crate) fn locale(self) -> Locale {
        match self {
            Self::English => locale!("en"),
            Self::German => locale!("de"),
            Self::Arabic => locale!("ar-EG"),
        }
    }

    /// The bytes of its catalogue; English has none.
    pub(crate) fn file(self) -> Option<&'static [u8]> {
        match self {
            Self::English => None,
            Self::German => Some(include_bytes!("texts/de.json")),
            Self::Arabic => Some(include_bytes!("texts/ar.json")),
        }
    }

    fn entry(self, english: &str) -> Option<&'static Entry> {
        static PARSED: [OnceLock<Catalogue>; Language::ALL.len()] = [const { OnceLock::new() }; Language::ALL.len()];
        let file = self.file()?;
        let catalogue = PARSED.get(self as usize)?.get_or_init(|| serde_json::from_slice(file).unwrap_or_default());
        catalogue.get(english)
    }

    /// A text; values take the place of the `{names}` in it.
    pub(crate) fn say(self, english: &'static str) -> Text {
        match self.entry(english) {
            Some(Entry::Text(text)) => self.text(text),
            _ => self.text(english),
        }
    }

    /// A text with the number `{n}` in it, in English for 1 and for all other numbers.
    pub(crate) fn count(self, one: &'static str, other: &'static str, n: u64) -> Text {
        let rules = || PluralRules::try_new_cardinal(self.locale().into()).ok();
        let text = match self.entry(other) {
            Some(Entry::Forms(forms)) => {
                let category = rules().map_or(PluralCategory::Other, |rules| rules.category_for(n));
                forms.get(name(category)).or_else(|| forms.get("other")).map(AsRef::as_ref)
            }
            _ => None,
        };
        self.text(text.unwrap_or(if n == 1 { one } else { other })).with("n", self.number(n))
    }

    fn text(self, template: &'static str) -> Text {
        Text { template, values: Vec::new(), isolates: self.direction() == "rtl" }
    }

    /// A number: its digits, in groups.
    pub(crate) fn number(self, n: u64) -> String {
        self.decimal(&Decimal::from(n)).unwrap_or_else(|| n.to_string())
    }

    /// A size in bytes, such as "2.1 MB".
    pub(crate) fn bytes(self, bytes: u64) -> String {
        let english = ByteSize(bytes).display().si().to_string();
        let localized = english.split_once(' ').and_then(|(digits, unit)| {
            let number = self.decimal(&Decimal::try_from_str(digits).ok()?)?;
            Some(format!("{number} {unit}"))
        });
        let size = localized.unwrap_or(english);
        // The Latin unit must not turn the size round.
        if self.direction() == "rtl" { format!("\u{2067}{size}\u{2069}") } else { size }
    }

    fn decimal(self, decimal: &Decimal) -> Option<String> {
        let formatter = DecimalFormatter::try_new(self.locale().into(), DecimalFormatterOptions::default()).ok()?;
        Some(formatter.format(decimal).to_string())
    }
}

impl Text {
    /// The same text with this value in the place of `{name}`.
    pub(crate) fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.template;
        while let Some((before, after)) = rest.split_once('{')
            && let Some((name, behind)) = after.split_once('}')
        {
            f.write_str(before)?;
            match self.values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) if self.isolates && name != "n" => write!(f, "\u{2068}{value}\u{2069}")?,
                Some((_, value)) => f.write_str(value)?,
                None => write!(f, "{{{name}}}")?,
            }
            rest = behind;
        }
        f.write_str(rest)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.to_string()
    }
}

/// The name of a plural category, as CLDR and `Intl.PluralRules` have it.
fn name(category: PluralCategory) -> &'static str {
    match category {
        PluralCategory::Zero => "zero",
        PluralCategory::One => "one",
        PluralCategory::Two => "two",
        PluralCategory::Few => "few",
        PluralCategory::Many => "many",
        PluralCategory::Other => "other",
    }
}

#[cfg(test)]
mod tests;

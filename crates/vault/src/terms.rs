//! Terms: what an image is found by: words of its name and URL, tags, host, type, status, month and likeness.
//!
//! A term is a letter, a colon and a text. The index has a list of images for each term; that an image is in such a list
//! is a hint, and its record decides.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use burrow_model::name::normal;
use burrow_model::record::{Content, Counts, ImageRecord, LogEntry, Manifest, State};
use burrow_model::time::instant;
use jiff::tz::TimeZone;
use url::Url;

pub use words::{Phrase, Words};

use crate::sniff::extension;
use crate::thumbnail::likeness::VERSION;

/// The most words of a URL's path that count.
const MAX_PATH_WORDS: usize = 64;

/// The most words of a name that count: more than a name can have.
const MAX_NAME_WORDS: usize = 2048;

/// The most characters of a word that a term has. Records are compared by whole words.
const MAX_WORD: usize = 32;

/// The beginnings of words have terms of their own up to this many characters: so short a beginning may be that of very
/// many words.
pub const SHORT: usize = 3;

/// The words by which an image is found: those of its name, and of the path of its URL.
pub fn words_of(image: &ImageRecord) -> Words {
    let mut words = Words::default();
    words.add(&image.name, MAX_NAME_WORDS);
    if let Some(url) = image.source.as_deref().and_then(|source| Url::parse(source).ok()) {
        let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
        let most = words.words.len().max(words.runs.len()) + MAX_PATH_WORDS;
        words.add(&path, most);
    }
    words
}

/// The host of the URL that an image came from.
pub fn host_of(image: &ImageRecord) -> Option<String> {
    Url::parse(image.source.as_deref()?).ok()?.host_str().map(str::to_owned)
}

/// Whether a content is of a type: a media type, or the usual extension of its files.
pub fn is_of_type(content: &Content, asked: &str) -> bool {
    content.media_type == asked || extension(&content.media_type) == asked
}

/// The month of a time in UTC, such as `2026-11`; `None` if it is after the year 9999.
fn month(millis: u64) -> Option<String> {
    Some(instant(millis)?.to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string())
}

/// The first characters of a word.
fn start(word: &str, chars: usize) -> &str {
    word.char_indices().nth(chars).and_then(|(end, _)| word.get(..end)).unwrap_or(word)
}

/// The terms of an image, sorted. Unfinished jobs have no term of their status: the feed leads to them, and a job would
/// leave this term behind.
pub fn terms_of(image: &ImageRecord) -> BTreeSet<String> {
    let mut terms: BTreeSet<String> = image.tags.iter().map(|tag| format!("t:{}", normal(tag))).collect();
    let words = words_of(image);
    for word in &words.words {
        terms.insert(format!("w:{}", start(word, MAX_WORD)));
        terms.extend((1..=SHORT).map(|chars| format!("p:{}", start(word, chars))));
    }
    for run in &words.runs {
        terms.extend(run.chars().map(|one| format!("g:{one}")));
        terms.extend(run.chars().zip(run.chars().skip(1)).map(|(one, next)| format!("g:{one}{next}")));
    }
    terms.extend(host_of(image).map(|host| format!("h:{host}")));
    terms.extend(month(image.created).map(|month| format!("c:{month}")));
    match &image.state {
        State::Ready(content) => {
            terms.insert("s:ready".into());
            terms.insert(format!("m:{}", content.media_type));
            terms.insert(format!("m:{}", extension(&content.media_type)));
        }
        State::Failed { .. } => drop(terms.insert("s:failed".into())),
        State::Pending { .. } | State::Storing { .. } => {}
    }
    terms
}

/// The prefix of terms under which counts are kept, and not images.
pub const COUNTED: &str = "#";

/// The terms under which a ready image and its bytes are counted: its media type, and the day of its acceptance.
pub fn kinds_of(image: &ImageRecord) -> Vec<String> {
    let State::Ready(content) = &image.state else { return Vec::new() };
    let day = instant(image.created).map(|day| day.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string());
    let media_type = format!("{COUNTED}m:{}", content.media_type);
    std::iter::once(media_type).chain(day.map(|day| format!("{COUNTED}d:{day}"))).collect()
}

/// What an image counts as: its tags, and, once it is ready, its kinds.
fn counts_of(image: &ImageRecord) -> Vec<(String, Counts)> {
    let mut counts: Vec<_> = image.tags.iter().map(|tag| (format!("{COUNTED}t:{}", normal(tag)), [1, 0, 0])).collect();
    if let State::Ready(content) = &image.state {
        let [size, stored] = [content.size, content.stored_size].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        counts.extend(kinds_of(image).into_iter().map(|kind| (kind, [1, size, stored])));
    }
    counts
}

/// What repacking a blob takes from the counts of stored bytes.
pub fn saved_by(manifest: &Manifest) -> Vec<(String, Counts)> {
    let saved = i64::try_from(manifest.saved()).unwrap_or(i64::MAX);
    let kinds = manifest.repacked.iter().flat_map(|repacked| &repacked.counted);
    kinds.map(|kind| (kind.clone(), [0, 0, -saved])).collect()
}

/// The log entry that only adds to counts.
pub fn only(counts: Vec<(String, Counts)>) -> LogEntry {
    LogEntry { counts, ..LogEntry::default() }
}

/// What is added to the counts when `before` becomes `after`; `None` is no image.
pub fn counted(before: Option<&ImageRecord>, after: Option<&ImageRecord>) -> Vec<(String, Counts)> {
    let mut counts: BTreeMap<String, Counts> = after.map(counts_of).unwrap_or_default().into_iter().collect();
    for (term, [images, size, stored]) in before.map(counts_of).unwrap_or_default() {
        let sum = counts.entry(term).or_default();
        *sum = [sum[0] - images, sum[1].saturating_sub(size), sum[2].saturating_sub(stored)];
    }
    counts.into_iter().filter(|(_, sum)| *sum != [0; 3]).collect()
}

/// The log entry of a change from `before` to `after`, to be written before the record. As long as the record may say
/// either, the image must be found by the terms of both.
pub fn change(before: Option<&ImageRecord>, after: &ImageRecord) -> LogEntry {
    let mut terms = terms_of(after);
    if let Some(before) = before.filter(|before| before.seq == after.seq) {
        terms.append(&mut terms_of(before));
    }
    let counts = counted(before, Some(after));
    LogEntry { seq: Some(after.seq), terms: Some(terms.into_iter().collect()), counts }
}

/// The log entry that only counts a change from `before` to `after`.
pub fn count(before: Option<&ImageRecord>, after: Option<&ImageRecord>) -> LogEntry {
    only(counted(before, after))
}

/// The log entry that no image has this feed number any more.
pub fn gone(seq: u64) -> LogEntry {
    LogEntry { seq: Some(seq), terms: None, counts: Vec::new() }
}

/// The likeness of the image with a feed number has its terms under that number with this bit: a likeness is made long
/// after the image, and an image can change without it.
pub const LIKENESS: u64 = 1 << 63;

/// Pictures look alike if at most so many bits of their likenesses differ. Of four parts of the bits then one differs in
/// one bit at most.
pub const NEAR: u32 = 7;

/// The bits of a part of a likeness, and the parts.
const PART: u32 = 16;
const PARTS: u32 = u64::BITS / PART;

/// The term of a likeness's part.
fn part(bits: u64, n: u32) -> String {
    format!("l:{VERSION}{n}:{:04x}", (bits >> (PART * n)) & 0xffff)
}

/// The terms of a likeness, sorted.
pub fn likeness_terms(bits: u64) -> Vec<String> {
    (0..PARTS).map(|n| part(bits, n)).collect()
}

/// The terms of which every likeness that is [`NEAR`] has one: those of the parts, and of the parts with one bit changed.
pub fn near(bits: u64) -> Vec<String> {
    let changed = (0..u64::BITS).map(|bit| part(bits ^ (1 << bit), bit / PART));
    likeness_terms(bits).into_iter().chain(changed).collect()
}

/// The log entry of the likeness of the image with a feed number.
pub fn of_likeness(seq: u64, bits: u64) -> LogEntry {
    LogEntry { seq: Some(LIKENESS | seq), terms: Some(likeness_terms(bits)), counts: Vec::new() }
}

/// One condition on terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// The image has this term.
    Term(String),
    /// The image has a term from `from` on and before `end`. If these are too many to look at, all images that have the
    /// term `or` are looked at, if there is one.
    Range {
        /// The first term.
        from: String,
        /// The term before which the range ends.
        end: String,
        /// A term that every image has that has one of the range.
        or: Option<String>,
    },
}

impl Clause {
    /// The images that have a word of this beginning.
    fn beginning(word: &str) -> Self {
        if word.chars().count() <= SHORT {
            return Self::Term(format!("p:{word}"));
        }
        let from = format!("w:{}", start(word, MAX_WORD));
        // No character is greater.
        let end = format!("{from}{}", char::MAX);
        Self::Range { from, end, or: Some(format!("p:{}", start(word, SHORT))) }
    }

    /// The images accepted in the months from that of `since` to that of `until`, in milliseconds since 1970.
    pub fn months(since: Option<u64>, until: Option<u64>) -> Self {
        let month = |time: Option<u64>| time.and_then(month);
        let from = format!("c:{}", month(since).unwrap_or_default());
        let end = month(until).map_or_else(|| "c;".into(), |last| format!("c:{last};"));
        Self::Range { from, end, or: None }
    }

    /// The conditions that every image with this phrase meets, those that leave out most images first, as far as that
    /// can be guessed.
    pub fn of_phrase(phrase: &Phrase) -> Vec<Self> {
        let mut words: Vec<&String> = phrase.whole.words.iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
        let mut clauses: Vec<_> = words.iter().map(|word| Self::Term(format!("w:{}", start(word, MAX_WORD)))).collect();
        for run in &phrase.whole.runs {
            let mut chars = run.chars();
            match (chars.next(), chars.next()) {
                (Some(one), None) => clauses.push(Self::Term(format!("g:{one}"))),
                _ => clauses.extend(
                    run.chars().zip(run.chars().skip(1)).map(|(one, next)| Self::Term(format!("g:{one}{next}"))),
                ),
            }
        }
        clauses.extend(phrase.beginning.as_deref().map(Self::beginning));
        clauses
    }
}

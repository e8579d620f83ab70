//! Words: cuts text in any script into what people search for, without regard to case.
//!
//! Scripts with spaces give words. Scripts without (Chinese, Japanese, Thai, ...) and emoji give runs, of which any part
//! can be searched for.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// The words of a text, without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Words of scripts with spaces.
    pub words: Vec<String>,
    /// Runs of scripts without spaces.
    pub runs: Vec<String>,
}

/// What a person searches for: every word, every run, and a word that may still be incomplete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrase {
    /// The words that must match as a whole, and the runs that must occur in runs.
    pub whole: Words,
    /// The beginning of a word: the last word of the text, if it ends with a word.
    pub beginning: Option<String>,
}

/// The text in the form in which texts are compared: case folded, in NFKC.
///
/// Folding is by character, over upper case: `ß` becomes `ss`, and every sigma the same.
fn folded(text: &str) -> String {
    let normalizer = const { ComposingNormalizerBorrowed::new_nfkc() };
    let text = normalizer.normalize(text);
    let cased: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    normalizer.normalize(&cased).into_owned()
}

/// The part that a character plays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Word,
    Run,
    /// It belongs to the character before it.
    Mark,
    /// It counts as if it were not there: joiners and variation selectors.
    Nothing,
    Gap,
}

fn part(c: char) -> Part {
    use GeneralCategory as Category;
    if matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}') {
        return Part::Nothing;
    }
    let category = const { CodePointMapData::<GeneralCategory>::new() }.get(c);
    if category == Category::OtherSymbol || matches!(c, '\u{1f3fb}'..='\u{1f3ff}') {
        return Part::Run;
    }
    let is_mark = matches!(category, Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark);
    if !is_mark && !c.is_alphanumeric() {
        return Part::Gap;
    }
    match c {
        // Thai, Lao, Tibetan, Myanmar, Khmer; kana, ideographs.
        '\u{e00}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Part::Run,
        _ if is_mark => Part::Mark,
        _ => Part::Word,
    }
}

/// Cuts a text. Returns its tokens in order; each is a run or a word.
fn tokens(text: &str) -> Vec<(Part, String)> {
    let (mut tokens, mut open) = (Vec::<(Part, String)>::new(), false);
    for c in folded(text).chars() {
        match (part(c), tokens.last_mut().filter(|_| open)) {
            (Part::Nothing, _) | (Part::Mark, None) => {}
            (Part::Gap, _) => open = false,
            (Part::Mark, Some((_, token))) => token.push(c),
            (kind, Some((last, token))) if *last == kind => token.push(c),
            (kind, _) => {
                tokens.push((kind, c.to_string()));
                open = true;
            }
        }
    }
    tokens
}

impl Words {
    /// Adds the words of a text, as long as there are fewer than `max`.
    pub fn add(&mut self, text: &str, max: usize) {
        for (kind, token) in tokens(text) {
            let list = if kind == Part::Run { &mut self.runs } else { &mut self.words };
            if list.len() < max && !list.contains(&token) {
                list.push(token);
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.runs.is_empty()
    }
}

impl Phrase {
    /// Cuts what a person typed. The last word may be incomplete, since people see results while they type.
    pub fn new(text: &str) -> Self {
        let mut tokens = tokens(text);
        let beginning = tokens.pop_if(|(kind, _)| *kind == Part::Word).map(|(_, word)| word);
        let mut whole = Words::default();
        for (kind, token) in tokens {
            let list = if kind == Part::Run { &mut whole.runs } else { &mut whole.words };
            if !list.contains(&token) {
                list.push(token);
            }
        }
        Self { whole, beginning }
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.beginning.is_none()
    }

    /// Whether words match.
    pub fn matches(&self, words: &Words) -> bool {
        self.whole.words.iter().all(|word| words.words.contains(word))
            && self.whole.runs.iter().all(|run| words.runs.iter().any(|other| other.contains(run.as_str())))
            && self.beginning.as_ref().is_none_or(|start| words.words.iter().any(|word| word.starts_with(start)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        let mut words = Words::default();
        words.add(text, usize::MAX);
        words
    }

    fn finds(query: &str, text: &str) -> bool {
        Phrase::new(query).matches(&words(text))
    }

    #[test]
    fn names_are_cut_into_words() {
        let cut = |text: &str| words(text).words.join(" ");
        assert_eq!(cut("Otter_2.PNG"), "otter 2 png");
        assert_eq!(cut("my--photo (1).jpeg"), "my photo 1 jpeg");
        assert_eq!(cut("IMG20240101-a.IMG20240101"), "img20240101 a");
        assert_eq!(cut("Straße ΣΊΣΥΦΟΣ"), "strasse σίσυφοσ");
        assert_eq!(cut("\u{202e}\u{2066}שלום عالم\u{2069}"), "שלום عالم");
        assert_eq!(cut("naïve e\u{301}te\u{301} ﬁsh Ａ１"), "naïve été fish a1");
        assert_eq!(cut("\u{301}\u{301} ... !? \u{fe0f}"), "");
        assert_eq!(cut(&"a".repeat(255)).len(), 255);
        assert_eq!(cut("हिन्दी"), "हिन्दी");
        assert_eq!(cut("می\u{200c}خواهم"), "میخواهم");
    }

    #[test]
    fn scripts_without_spaces_give_runs() {
        let runs = |text: &str| words(text).runs.join(" ");
        assert_eq!(runs("東京タワー2024夜.jpg"), "東京タワー 夜");
        assert_eq!(words("東京タワー2024夜.jpg").words, ["2024", "jpg"]);
        assert_eq!(runs("แมวน้ำ.png"), folded("แมวน้ำ"));
        assert_eq!(runs("❤\u{fe0f}👩\u{200d}🚀 ok 🦦"), "❤👩🚀 🦦");
    }

    #[test]
    fn every_word_must_match_and_the_last_may_be_a_beginning() {
        assert!(finds("otter", "Otter_2.PNG") && finds("2", "Otter_2.PNG") && finds("2 OTT", "Otter_2.PNG"));
        assert!(!finds("ott 2", "Otter_2.PNG") && !finds("otter 3", "Otter_2.PNG") && !finds("tter", "Otter_2.PNG"));
        assert!(finds("京タ", "東京タワー") && finds("京", "東京タワー") && !finds("京東", "東京タワー"));
        assert!(finds("แมว", "แมวน้ำ.png") && finds("🦦", "an 🦦🦦 otter") && finds("STRASSE", "straße"));
        assert!(finds("", "anything") && finds("?!", "anything"));
        assert!(Phrase::new("?! .").is_empty());
    }
}

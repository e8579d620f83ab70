//! Names of images: how they are compared, shortened, and made into file names.
//!
//! A name is kept as it came. macOS writes `é` as two characters, keyboards type one: both are the same name.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// The most bytes of a name in UTF-8, and of a file name on Linux.
pub const MAX_BYTES: usize = 255;

/// The most bytes of a file name's extension, with its dot, that is kept when the name is shortened.
const MAX_EXTENSION: usize = 16;

/// The name in Normalization Form C (Unicode Standard Annex #15). Two names are the same if their forms are.
pub fn normal(name: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(name)
}

/// The text without regard to case, for a search: the Unicode Standard, section 3.13.5, D145. `ß` is `ss`, and `ς` is
/// `σ`. It also takes `ı` for `i`.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Character by character, because `str::to_lowercase` regards the end of a word. To lower case first for `ẞ`, whose
    // upper case is itself.
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
    let upper: String = lower(&normal(text)).chars().flat_map(char::to_uppercase).collect();
    normal(&lower(&upper)).into_owned()
}

/// Makes a name of a text that nobody typed as a name, such as a file name or a part of a URL: with spaces for control
/// characters, and not too long. Empty if the text names nothing.
pub fn derived(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.trim() {
        "." | ".." => String::new(),
        name => shortened(name, MAX_BYTES).trim_end().to_owned(),
    }
}

/// The name in at most `max` bytes: its end is left out, but not its extension.
pub fn shortened(name: &str, max: usize) -> Cow<'_, str> {
    if name.len() <= max {
        return name.into();
    }
    let dot = name.rfind('.').filter(|&dot| dot > 0 && name.len() - dot <= MAX_EXTENSION.min(max));
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let end = (0..=max - extension.len()).rev().find(|&end| stem.is_char_boundary(end)).unwrap_or(0);
    let (mut kept, left) = stem.split_at(end);
    // A character goes with the marks that follow it, or not at all.
    if left.starts_with(is_mark) {
        kept = kept.trim_end_matches(is_mark);
        kept = kept.char_indices().next_back().map_or(kept, |(at, _)| kept.split_at(at).0);
    }
    format!("{}{extension}", kept.trim_end()).into()
}

/// Whether a character changes the one before it: combining marks, joiners and variation selectors.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}'
        | '\u{93c}' | '\u{94d}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{1160}'..='\u{11ff}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// A file name for an image: its name, with the first of these extensions unless it ends with one of them; at most
/// [`MAX_BYTES`]. A program that opens a file by its extension then takes it for what it is.
pub fn file_name(name: &str, extensions: &[&str]) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let has_one = file.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty() && extensions.iter().any(|extension| extension.eq_ignore_ascii_case(end))
    });
    match extensions.first() {
        Some(extension) if !has_one => {
            format!("{}.{extension}", shortened(name, MAX_BYTES.saturating_sub(extension.len() + 1)))
        }
        _ => shortened(name, MAX_BYTES).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_its_characters_are_composed() {
        for (typed, came) in [
            ("Übung.png", "U\u{308}bung.png"),
            ("が.png", "か\u{3099}.png"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
            ("ệ", "e\u{302}\u{323}"),
            ("Å", "\u{212b}"),
        ] {
            assert_eq!(normal(typed), normal(came));
            assert_eq!(folded(typed), folded(came));
            assert_ne!(typed, came);
        }
        // A ligature is another name; a search does not look for it either.
        assert_ne!(normal("ﬁ"), normal("fi"));
        assert_ne!(normal("a"), normal("A"));
    }

    #[test]
    fn a_search_does_not_regard_case() {
        for (one, other) in [
            ("ABC.png", "abc.PNG"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("σίσυφοσ", "σίσυφος"),
            ("STRASSE", "straße"),
            ("STRAẞE", "strasse"),
            ("ǅ", "ǆ"),
            ("ᾳ", "ΑΙ"),
            ("ŉ", "ʼN"),
            ("ꭰ", "Ꭰ"),
            ("U\u{308}BUNG", "übung"),
            ("ﬃ", "FFI"),
            ("ſ", "S"),
            ("\u{212a}", "k"),
            ("I\u{307}", "İ"),
            ("𐐀", "𐐨"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        assert_ne!(folded("e"), folded("é"));
        assert!(folded("Ὀδυσσεύς.jpg").contains(&folded("ΟΔΥΣΣΕΎΣ".replace('Ο', "Ὀ").as_str())));
    }

    #[test]
    fn names_that_nobody_typed_are_cleaned() {
        for (text, name) in [
            ("a\tb.png", "a b.png"),
            ("new\nline\r.png\0", "new line .png"),
            (" x\u{85}", "x"),
            ("..", ""),
            (".", ""),
            ("\u{7f}\u{9f}", ""),
            ("...", "..."),
            ("../x", "../x"),
        ] {
            assert_eq!(derived(text), name, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_keeps_its_extension_and_whole_characters() {
        let long = derived(&format!("{}.png", "画".repeat(100)));
        assert_eq!(long, format!("{}.png", "画".repeat(83)));
        assert_eq!(derived(&"n".repeat(300)), "n".repeat(255));
        // What follows the last dot is no extension if it is long.
        assert_eq!(derived(&format!("a.{}", "b".repeat(300))), format!("a.{}", "b".repeat(253)));
        assert_eq!(derived(&format!(".{}", "b".repeat(300))), format!(".{}", "b".repeat(254)));
        assert_eq!(shortened("a\u{301}\u{302}b", 3), "");
        assert_eq!(shortened("xa\u{301}\u{302}b", 4), "x");
        assert_eq!(shortened("xa\u{301}\u{302}b", 6), "xa\u{301}\u{302}");
        assert_eq!(shortened("a b", 2), "a");
        for max in 0..40 {
            let short = shortened("👩\u{200d}👩\u{200d}👧 e\u{301}.jpeg", max);
            assert!(short.len() <= max, "{max} {short}");
        }
    }

    #[test]
    fn files_have_the_endings_that_people_know() {
        for (name, extensions, file) in [
            ("cat.png", &["png"][..], "cat.png"),
            ("cat.JPEG", &["jpg", "jpeg"], "cat.JPEG"),
            ("page.html", &["svg"], "page.html.svg"),
            ("photo.php", &["gif"], "photo.php.gif"),
            ("cat.png", &["jpg", "jpeg"], "cat.png.jpg"),
            ("my cat", &["jpg", "jpeg"], "my cat.jpg"),
            ("v1.5", &["svg"], "v1.5.svg"),
            ("a. b", &["ico"], "a. b.ico"),
            (".png", &["png"], ".png.png"),
            ("a.b/c", &["qoi"], "a.b/c.qoi"),
            ("", &["webp"], ".webp"),
        ] {
            assert_eq!(file_name(name, extensions), file, "{name:?}");
        }
        assert_eq!(file_name(&"n".repeat(255), &["png"]), format!("{}.png", "n".repeat(251)));
        assert_eq!(file_name(&"é".repeat(127), &["webp"]), format!("{}.webp", "é".repeat(125)));
    }
}

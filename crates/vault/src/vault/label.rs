//! Checks names and tags where they come in.

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::name::{MAX_BYTES, derived, normal};
use url::Url;

const MAX_TAGS: usize = 32;
const MAX_TAG_BYTES: usize = 64;

/// The checked name and tags of a new image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Its name, if one was given.
    pub name: Option<String>,
    /// Its tags, without repeats.
    pub tags: Vec<String>,
}

impl Label {
    /// Checks a name and tags that a user gave. White space around them is removed; an empty name counts as no name.
    pub fn new(name: Option<&str>, tags: &[String]) -> Result<Self, Error> {
        let name = name.map(checked_name).transpose()?.filter(|name| !name.is_empty());
        Ok(Self { name, tags: checked_tags(tags)? })
    }

    /// The label of a file: the name that a user typed, if any, else the file's. A file's name that no image may have is
    /// [made into one](derived): nobody typed it for Burrow.
    pub fn of_file(typed: Option<&str>, file: &str, tags: &[String]) -> Result<Self, Error> {
        let label = Self::new(typed, tags)?;
        Ok(Self { name: label.name.or_else(|| Some(derived(file)).filter(|name| !name.is_empty())), ..label })
    }

    /// The name to use: the given one, else the last segment of the URL's path, else the id.
    pub(super) fn name_or_default(&self, source: Option<&Url>, id: ImageId) -> String {
        let from_url = || {
            let segment = source?.path_segments()?.next_back()?;
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8();
            // What is no UTF-8 stays encoded, as curl and wget leave it: so nothing is lost.
            Some(derived(decoded.as_deref().unwrap_or(segment))).filter(|name| !name.is_empty())
        };
        self.name.clone().or_else(from_url).unwrap_or_else(|| id.to_string())
    }
}

/// Checks a name.
pub(super) fn checked_name(name: &str) -> Result<String, Error> {
    checked("name", name, MAX_BYTES)
}

/// Checks tags, and removes repeats.
pub(super) fn checked_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    if tags.len() > MAX_TAGS {
        let reason = format!("an image has at most {MAX_TAGS} tags; there are {}", tags.len());
        return Err(Error::Invalid { field: "tags", reason });
    }
    let mut unique: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = checked_tag("tags", tag)?;
        if !unique.iter().any(|other| is_same_tag(other, &tag)) {
            unique.push(tag);
        }
    }
    Ok(unique)
}

/// Checks one tag.
pub(super) fn checked_tag(field: &'static str, tag: &str) -> Result<String, Error> {
    let tag = checked(field, tag, MAX_TAG_BYTES)?;
    if tag.is_empty() { Err(Error::Invalid { field, reason: "a tag is empty".into() }) } else { Ok(tag) }
}

/// Whether two tags are the same, however their characters are composed.
pub(super) fn is_same_tag(one: &str, other: &str) -> bool {
    one == other || normal(one) == normal(other)
}

/// Checks a text, and removes the white space around it. Control characters are refused first, because some of them
/// count as white space.
fn checked(field: &'static str, text: &str, max: usize) -> Result<String, Error> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let reason = format!("control characters are not allowed; there is {control:?}");
        return Err(Error::Invalid { field, reason });
    }
    let text = text.trim();
    if text.len() > max {
        let reason = format!("at most {max} bytes are allowed; there are {}", text.len());
        return Err(Error::Invalid { field, reason });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_are_checked() {
        assert!(Label::new(Some("a\0b"), &[]).is_err());
        assert!(Label::new(Some("a\u{85}b"), &[]).is_err());
        assert!(Label::new(Some("\u{85}a"), &[]).is_err());
        assert!(Label::new(None, &["a\n".into()]).is_err());
        assert!(Label::new(Some(&"ü".repeat(128)), &[]).is_err());
        assert!(Label::new(None, &vec!["x".into(); 33]).is_err());
        assert!(Label::new(None, &[" ".into()]).is_err());
        let label = Label::new(Some(" ../a \"b\" ü "), &["t".into(), " t ".into()]).unwrap();
        assert_eq!(label, Label { name: Some("../a \"b\" ü".into()), tags: vec!["t".into()] });
    }

    #[test]
    fn a_name_comes_from_the_url_or_the_id() {
        let id = ImageId::new(1, &[0; 10]);
        let named = |url: &str| Label::default().name_or_default(Some(&Url::parse(url).unwrap()), id);
        assert_eq!(named("http://example.com/a/b%20c.png?x=1"), "b c.png");
        assert_eq!(named("http://example.com/"), id.to_string());
        assert_eq!(named("http://example.com/%00"), id.to_string());
        assert_eq!(named("http://example.com/caf%E9.png"), "caf%E9.png");
        assert_eq!(named("http://example.com/a%0Ab.png"), "a b.png");
        assert_eq!(named("http://example.com/%2e%2e%2f"), "../");
        let long = format!("http://example.com/{}.jpeg", "%E7%94%BB".repeat(100));
        assert_eq!(named(&long), format!("{}.jpeg", "画".repeat(83)));
    }

    #[test]
    fn the_name_of_a_file_becomes_one_of_an_image() {
        let named = |typed: Option<&str>, file: &str| Label::of_file(typed, file, &[]).map(|label| label.name);
        assert_eq!(named(None, "a\tb.png").unwrap().as_deref(), Some("a b.png"));
        assert_eq!(named(None, &format!("{}.png", "画".repeat(100))).unwrap().unwrap().len(), 253);
        assert_eq!(named(None, " .. ").unwrap(), None);
        assert_eq!(named(Some("typed"), "a.png").unwrap().as_deref(), Some("typed"));
        assert_eq!(named(Some(" "), "a.png").unwrap().as_deref(), Some("a.png"));
        assert!(named(Some("a\tb"), "a.png").is_err() && named(Some(&"n".repeat(256)), "a.png").is_err());
    }

    #[test]
    fn a_tag_is_the_same_however_its_characters_are_composed() {
        let tags = Label::new(None, &["é".into(), "e\u{301}".into(), "É".into()]).unwrap().tags;
        assert_eq!(tags, ["é", "É"], "the first stays as it came");
    }
}

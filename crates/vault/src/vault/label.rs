//! Checks names and tags where they come in.

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use url::Url;

const MAX_NAME_BYTES: usize = 255;
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

    /// The name to use: the given one, else the last segment of the URL's path, else the id.
    pub(super) fn name_or_default(&self, source: Option<&Url>, id: ImageId) -> String {
        let from_url = || {
            let segment = source?.path_segments()?.next_back()?;
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
            checked_name(&decoded).ok().filter(|name| !name.is_empty())
        };
        self.name.clone().or_else(from_url).unwrap_or_else(|| id.to_string())
    }
}

/// Checks a name.
pub(super) fn checked_name(name: &str) -> Result<String, Error> {
    checked("name", name, MAX_NAME_BYTES)
}

/// Checks tags, and removes repeats.
pub(super) fn checked_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    if tags.len() > MAX_TAGS {
        let reason = format!("an image has at most {MAX_TAGS} tags; there are {}", tags.len());
        return Err(Error::Invalid { field: "tags", reason });
    }
    let mut unique = Vec::with_capacity(tags.len());
    for tag in tags {
        let tag = checked("tags", tag, MAX_TAG_BYTES)?;
        if tag.is_empty() {
            return Err(Error::Invalid { field: "tags", reason: "a tag is empty".into() });
        }
        if !unique.contains(&tag) {
            unique.push(tag);
        }
    }
    Ok(unique)
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
        assert_eq!(named("http://example.com/%ff"), id.to_string());
    }
}

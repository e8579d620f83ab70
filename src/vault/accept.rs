//! Accepting a job: the first step of an image's life.

use url::Url;

use super::Vault;
use crate::error::Error;
use crate::key::{ImageId, Vaultwide};
use crate::ports::Ports;
use crate::record::{ImageRecord, State};
use crate::store::LEASE;

const MAX_NAME_BYTES: usize = 255;
const MAX_TAGS: usize = 32;
const MAX_TAG_BYTES: usize = 64;

/// What to call a new image: checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    name: Option<String>,
    tags: Vec<String>,
}

impl Label {
    /// Checks a name and tags given by a user. White space around them does not count, nor does an empty name.
    pub fn new(name: Option<&str>, tags: &[String]) -> Result<Self, Error> {
        let name = match name.map(str::trim) {
            None | Some("") => None,
            Some(name) => Some(checked("name", name, MAX_NAME_BYTES)?),
        };
        if tags.len() > MAX_TAGS {
            let reason = format!("at most {MAX_TAGS} are taken; there are {}", tags.len());
            return Err(Error::Invalid { field: "tags", reason });
        }
        let mut unique = Vec::with_capacity(tags.len());
        for tag in tags {
            let tag = checked("tags", tag.trim(), MAX_TAG_BYTES)?;
            if tag.is_empty() {
                return Err(Error::Invalid { field: "tags", reason: "a tag is empty".into() });
            }
            if !unique.contains(&tag) {
                unique.push(tag);
            }
        }
        Ok(Self { name, tags: unique })
    }

    /// The name to use: the one given, else the last segment of the URL's path, else the id.
    fn name_or_default(&self, source: Option<&Url>, id: ImageId) -> String {
        let from_url = || {
            let segment = source?.path_segments()?.next_back()?;
            let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
            checked("name", decoded.trim(), MAX_NAME_BYTES).ok().filter(|name| !name.is_empty())
        };
        self.name.clone().or_else(from_url).unwrap_or_else(|| id.to_string())
    }
}

fn checked(field: &'static str, text: &str, max: usize) -> Result<String, Error> {
    if text.len() > max {
        let reason = format!("at most {max} bytes are taken; there are {}", text.len());
        return Err(Error::Invalid { field, reason });
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        let reason = format!("control characters are not taken; there is {control:?}");
        return Err(Error::Invalid { field, reason });
    }
    Ok(text.to_owned())
}

impl<P: Ports> Vault<P> {
    /// Records a job, so that it will be done even if this process dies. The caller holds its first attempt: it goes on
    /// with [`Vault::work`].
    pub async fn accept(&self, url: &str, label: &Label) -> Result<ImageRecord, Error> {
        let lease = self.ports.now() + LEASE;
        self.record_job(url, label, lease).await
    }

    /// Records a job for whoever resumes first.
    pub async fn submit(&self, url: &str, label: &Label) -> Result<ImageRecord, Error> {
        self.record_job(url, label, 0).await
    }

    async fn record_job(&self, url: &str, label: &Label, lease: u64) -> Result<ImageRecord, Error> {
        let url = self.settings.origins.parse(url)?;
        let record = self.new_record(label, Some(&url), State::Pending { lease }).await?;
        self.store.add(Vaultwide::Pending, 1).await?;
        self.store.list_image(&record).await?;
        Ok(record)
    }

    /// Makes the record of a new image, numbered but not stored.
    pub(super) async fn new_record(
        &self,
        label: &Label,
        source: Option<&Url>,
        state: State,
    ) -> Result<ImageRecord, Error> {
        let now = self.ports.now();
        let id = ImageId::new(now, &self.ports.ten_bytes());
        Ok(ImageRecord {
            id,
            seq: self.store.next_seq().await?,
            name: label.name_or_default(source, id),
            tags: label.tags.clone(),
            source: source.map(Url::to_string),
            created: now,
            updated: now,
            attempts: 0,
            state,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_are_checked() {
        assert!(Label::new(Some("a\0b"), &[]).is_err());
        assert!(Label::new(Some("a\u{85}b"), &[]).is_err());
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

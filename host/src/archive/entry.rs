//! The entries of an archive: images as JSON, and limits on what is read.

use std::io::Read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{HEAD, broken, foreign};
use crate::bindings::burrow::vault::types::{Content, Packing};
use crate::{Error, Image, Source, Status};

/// The largest JSON entry read, in bytes; a label and a URL take far less.
const MAX_JSON: u64 = 1024 * 1024;

/// The largest `SHA256SUMS` read, in bytes: some ten million entries.
const MAX_SUMS: u64 = 2 * 1024 * 1024 * 1024;

/// The most bytes read of an extended header (POSIX pax); what archivers write into it takes a few hundred.
const MAX_EXTENSIONS: u64 = 64 * 1024;

/// An image, with the field names of the HTTP interface. It omits the packing, because another vault packs it anew.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageEntry {
    id: String,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    status: String,
    #[serde(default)]
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    created: Timestamp,
    updated: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<ContentEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentEntry {
    media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    size: u64,
    sha256: String,
}

impl ImageEntry {
    pub(super) fn new(image: &Image) -> Result<Self, Error> {
        let content = image.content.as_ref().map(|content| ContentEntry {
            media_type: content.media_type.clone(),
            width: content.width,
            height: content.height,
            size: content.size,
            sha256: content.sha256.clone(),
        });
        Ok(Self {
            id: image.id.clone(),
            name: image.name.clone(),
            tags: image.tags.clone(),
            url: image.source.as_ref().map(|source| source.url.clone()),
            referrer: image.source.as_ref().and_then(|source| source.referrer.clone()),
            // The archive does not record whether a worker holds the job.
            status: if image.status == Status::Storing { Status::Pending } else { image.status }.as_str().into(),
            attempts: image.attempts,
            error: image.error.clone(),
            created: timestamp(image.created)?,
            updated: timestamp(image.updated)?,
            content,
        })
    }

    /// Returns the entry's bytes in the archive.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| Error::Archive(error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    pub(super) fn parse(json: &[u8]) -> Result<Image, Error> {
        let entry: Self =
            serde_json::from_slice(json).map_err(|error| Error::Archive(format!("it cannot be read: {error}")))?;
        let status = match entry.status.as_str() {
            "pending" | "storing" => Status::Pending,
            "failed" => Status::Failed,
            "ready" => Status::Ready,
            other => return Err(Error::Archive(format!("the status {other:?} is not known"))),
        };
        let content = entry.content.map(|content| Content {
            media_type: content.media_type,
            width: content.width,
            height: content.height,
            // The vault that takes it looks at the bytes.
            orientation: None,
            animated: None,
            size: content.size,
            stored_size: content.size,
            sha256: content.sha256,
            packing: Packing::Raw,
            unpack_ms: None,
            kept: None,
        });
        Ok(Image {
            id: entry.id,
            name: entry.name,
            tags: entry.tags,
            source: entry.url.map(|url| Source { url, referrer: entry.referrer }),
            status,
            attempts: entry.attempts,
            error: entry.error,
            created: milliseconds(entry.created),
            updated: milliseconds(entry.updated),
            content,
        })
    }
}

fn timestamp(millis: u64) -> Result<Timestamp, Error> {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.ok_or_else(|| Error::Archive(format!("{millis} ms is no time that can be written")))
}

fn milliseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

/// The usual file name extension of a media type.
pub(super) fn extension(media_type: &str) -> &str {
    let subtype = media_type.split_once('/').map_or(media_type, |(_, subtype)| subtype);
    match subtype.split('+').next().unwrap_or(subtype) {
        "jpeg" => "jpg",
        "vnd.microsoft.icon" | "x-icon" => "ico",
        plain => plain,
    }
}

/// The plain files of an archive with their names, in order. The first is [`HEAD`], and no other is.
///
/// Burrow's names are short and its files have no holes. So no header may stand for more bytes than it has: a long name
/// (GNU), a list of holes, or an extended header that changes a name or size is refused before anything of it is read.
/// What else an archiver states of a file, its times for one, is left out.
pub(super) fn files<R: Read>(
    archive: &mut tar::Archive<R>,
) -> Result<impl Iterator<Item = Result<(String, tar::Entry<'_, R>), Error>>, Error> {
    // Raw: each header comes as an entry of its own, and the tar crate acts on none of them.
    let entries = archive.entries().map_err(|error| broken(&error))?.raw(true);
    let (mut is_first_header, mut is_first_file) = (true, true);
    Ok(entries.filter_map(move |entry| {
        let is_first_header = std::mem::take(&mut is_first_header);
        let file = entry
            .map_err(|error| if is_first_header { foreign("it is no tar file") } else { broken(&error) })
            .and_then(|mut entry| {
                let kind = entry.header().entry_type();
                if kind.is_pax_local_extensions() || kind.is_pax_global_extensions() {
                    return check_extensions(&read(&mut entry, MAX_EXTENSIONS)?).map(|()| None);
                }
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                if std::mem::take(&mut is_first_file) != (name == HEAD) {
                    return Err(foreign(&format!("its first entry, and no other, must be {HEAD}")));
                }
                if !matches!(kind, tar::EntryType::Regular | tar::EntryType::Continuous) {
                    return Err(foreign(&format!("{name:?} is no plain file with a short name")));
                }
                Ok(Some((name, entry)))
            });
        file.transpose()
    }))
}

/// Refuses an extended header that changes what the plain header says.
fn check_extensions(header: &[u8]) -> Result<(), Error> {
    for extension in tar::PaxExtensions::new(header) {
        let extension = extension.map_err(|error| broken(&error))?;
        let key = extension.key().unwrap_or_default();
        if matches!(key, "path" | "size" | "linkpath" | "") || key.starts_with("GNU.sparse.") {
            return Err(foreign(&format!("a header states a {key:?} of its own")));
        }
    }
    Ok(())
}

/// Reads a small entry whole.
pub(super) fn read_small(entry: &mut impl Read) -> Result<Vec<u8>, Error> {
    read(entry, MAX_JSON)
}

pub(super) fn read_sums(entry: &mut impl Read) -> Result<String, Error> {
    String::from_utf8(read(entry, MAX_SUMS)?).map_err(|error| Error::Archive(error.to_string()))
}

fn read(entry: &mut impl Read, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    entry.take(max + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() as u64 > max {
        return Err(Error::Archive(format!("an entry is larger than {max} bytes")));
    }
    Ok(bytes)
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

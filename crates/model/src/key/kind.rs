//! Parses a key of the store: the kind of thing it is for, and the ids and numbers in it.

use uuid::Uuid;

use super::{BlobId, Family, ImageId, Job, Key, SegmentId, Sha256Hex, Vaultwide};

/// What a key of Burrow's is for. docs/storage-format.md has the form of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image's record.
    Image(ImageId),
    /// A blob's manifest.
    Manifest(BlobId),
    /// A chunk of a blob.
    Chunk(BlobId, u32),
    /// The record of a blob's object in an object store.
    Object(BlobId),
    /// The record of which object store has the objects.
    ObjectStore,
    /// The pointer from a SHA-256 to a blob.
    Digest(Sha256Hex),
    /// The counter of the images that share a blob.
    Sharers(BlobId),
    /// The counter that ends the sharing of a blob.
    SharingEnded(BlobId),
    /// The counter of the entries of a name.
    Name(Sha256Hex),
    /// An entry of a name, with its number.
    Namesake(Sha256Hex, u64),
    /// A feed entry.
    Feed(u64),
    /// The pointer from a URL to an image.
    Source(Sha256Hex),
    /// The preview of a blob.
    Preview(BlobId),
    /// A thumbnail of a blob, with its width in pixels.
    Thumbnail(BlobId, u32),
    /// What is known of a blob's repacking.
    Repacking(BlobId),
    /// A claim to repack a blob: blob, attempts that had ended, term.
    RepackingClaim(BlobId, u32, u64),
    /// The record of a job of the whole vault.
    Job(Job),
    /// A claim to write that record: the job, the version before, and the term.
    JobClaim(Job, u64, u64),
    /// A claim to take over, retry, change or restore an image: image, time of the record, term.
    Takeover(ImageId, u64, u64),
    /// The record of an idempotency key.
    Answered(Sha256Hex),
    /// A claim to answer an idempotency key in a term.
    Answering(Sha256Hex, u64),
    /// A claim to remove an image.
    Removal(ImageId),
    /// A claim to undo what a removed image was counted as, and to release its blob.
    BlobLeft(ImageId),
    /// A trash entry.
    Trash(u64),
    /// An entry of the index's log.
    Log(u64),
    /// The counter of the entries of a range of the log that are written.
    Logged(u64),
    /// A segment of the index: its level and its first range.
    Segment(u32, u64),
    /// A claim to build a segment: its level, its first range, and the window of time.
    Building(u32, u64, u64),
    /// A page of a segment.
    Postings(SegmentId, u32),
    /// A counter or mark of the whole vault.
    Vaultwide,
}

impl Kind {
    /// Parses a key; `None` if Burrow writes no such key.
    pub fn of(key: &str) -> Option<Self> {
        let family = Family::of(key)?;
        let mut parts = key.strip_prefix(family.prefix())?.split(':');
        let first = parts.next()?;
        let rest = (parts.next(), parts.next(), parts.next());
        Some(match (family, rest) {
            (Family::Image, (None, ..)) => Self::Image(image(first)?),
            (Family::Manifest, (None, ..)) => Self::Manifest(BlobId::parse(first)?),
            (Family::Chunk, (Some(n), None, _)) => Self::Chunk(BlobId::parse(first)?, number(n)?.try_into().ok()?),
            (Family::Object, (None, ..)) if first == "store" => Self::ObjectStore,
            (Family::Object, (None, ..)) => Self::Object(BlobId::parse(first)?),
            (Family::Digest, (None, ..)) => Self::Digest(Sha256Hex::parse(first)?),
            (Family::Sharing, (None, ..)) => Self::Sharers(BlobId::parse(first)?),
            (Family::Sharing, (Some("end"), None, _)) => Self::SharingEnded(BlobId::parse(first)?),
            (Family::Name, (None, ..)) => Self::Name(Sha256Hex::parse(first)?),
            (Family::Name, (Some(n), None, _)) => Self::Namesake(Sha256Hex::parse(first)?, number(n)?),
            (Family::Feed, (None, ..)) => Self::Feed(number(first)?),
            (Family::Source, (None, ..)) => Self::Source(Sha256Hex::parse(first)?),
            (Family::Preview, (None, ..)) => Self::Preview(BlobId::parse(first)?),
            (Family::Thumbnail, (Some(width), None, _)) => {
                Self::Thumbnail(BlobId::parse(first)?, number(width)?.try_into().ok()?)
            }
            (Family::Repacking, (None, ..)) => Self::Repacking(BlobId::parse(first)?),
            (Family::Repacking, (Some(ended), Some(term), None)) => {
                Self::RepackingClaim(BlobId::parse(first)?, number(ended)?.try_into().ok()?, number(term)?)
            }
            (Family::Job, (None, ..)) => Self::Job(job(first)?),
            (Family::Job, (Some(version), Some(term), None)) => {
                Self::JobClaim(job(first)?, number(version)?, number(term)?)
            }
            (Family::Takeover, (Some(updated), Some(term), None)) => {
                Self::Takeover(image(first)?, number(updated)?, number(term)?)
            }
            (Family::Idempotency, (None, ..)) => Self::Answered(Sha256Hex::parse(first)?),
            (Family::Idempotency, (Some(term), None, _)) => Self::Answering(Sha256Hex::parse(first)?, number(term)?),
            (Family::Removal, (None, ..)) => Self::Removal(image(first)?),
            (Family::Removal, (Some("left"), None, _)) => Self::BlobLeft(image(first)?),
            (Family::Trash, (None, ..)) => Self::Trash(number(first)?),
            (Family::Log, (None, ..)) => Self::Log(number(first)?),
            (Family::Log, (Some("done"), None, _)) => Self::Logged(number(first)?),
            (Family::Segment, (Some(n), None, _)) => match segment(first) {
                Some(id) => Self::Postings(id, number(n)?.try_into().ok()?),
                None => Self::Segment(number(first)?.try_into().ok()?, number(n)?),
            },
            (Family::Segment, (Some(range), Some(window), None)) => {
                Self::Building(number(first)?.try_into().ok()?, number(range)?, number(window)?)
            }
            (Family::Vaultwide, (None, ..))
                if Vaultwide::ALL.iter().any(|&what| Key::vaultwide(what).as_str() == key) =>
            {
                Self::Vaultwide
            }
            _ => return None,
        })
    }
}

fn image(text: &str) -> Option<ImageId> {
    ImageId::parse(text).filter(|id| id.to_string() == text)
}

fn job(text: &str) -> Option<Job> {
    Job::ALL.into_iter().find(|job| job.as_str() == text)
}

fn segment(text: &str) -> Option<SegmentId> {
    let id = SegmentId(Uuid::try_parse(text).ok()?);
    (id.to_string() == text).then_some(id)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_and_nothing_else_is() {
        let (id, other) = (ImageId::new(5, &[1; 10]), BlobId::new(6, &[2; 10]));
        let (sum, segment) = (Sha256Hex::of(b"x"), SegmentId::new(7, &[3; 10]));
        let keys = [
            (Key::image(id), Kind::Image(id)),
            (Key::manifest(other), Kind::Manifest(other)),
            (Key::chunk(other, 3), Kind::Chunk(other, 3)),
            (Key::object(other), Kind::Object(other)),
            (Key::object_store(), Kind::ObjectStore),
            (Key::digest(&sum), Kind::Digest(sum.clone())),
            (Key::sharers(other), Kind::Sharers(other)),
            (Key::sharing_ended(other), Kind::SharingEnded(other)),
            (Key::name(&sum), Kind::Name(sum.clone())),
            (Key::namesake(&sum, 9), Kind::Namesake(sum.clone(), 9)),
            (Key::feed(7), Kind::Feed(7)),
            (Key::source(&sum), Kind::Source(sum.clone())),
            (Key::preview(other), Kind::Preview(other)),
            (Key::thumbnail(other, 320), Kind::Thumbnail(other, 320)),
            (Key::repacking(other), Kind::Repacking(other)),
            (Key::repacking_claim(other, 1, 2), Kind::RepackingClaim(other, 1, 2)),
            (Key::job(Job::Tags), Kind::Job(Job::Tags)),
            (Key::job_claim(Job::Webhook, 3, 4), Kind::JobClaim(Job::Webhook, 3, 4)),
            (Key::takeover(id, 1, 2), Kind::Takeover(id, 1, 2)),
            (Key::answered(&sum), Kind::Answered(sum.clone())),
            (Key::answering(&sum, 4), Kind::Answering(sum, 4)),
            (Key::removal(id), Kind::Removal(id)),
            (Key::blob_left(id), Kind::BlobLeft(id)),
            (Key::trash(8), Kind::Trash(8)),
            (Key::log(10), Kind::Log(10)),
            (Key::logged(11), Kind::Logged(11)),
            (Key::segment(2, 64), Kind::Segment(2, 64)),
            (Key::building(2, 64, 5), Kind::Building(2, 64, 5)),
            (Key::postings(segment, 3), Kind::Postings(segment, 3)),
            (Key::vaultwide(Vaultwide::Feed), Kind::Vaultwide),
        ];
        for (key, kind) in keys {
            let text = key.as_str();
            assert_eq!(Kind::of(text).as_ref(), Some(&kind), "{text}");
            for wrong in [format!("{text}:"), format!("{text}:1:2:3"), text.to_uppercase(), format!("x{text}")] {
                assert_eq!(Kind::of(&wrong), None, "{wrong}");
            }
        }
        for wrong in ["b1:f:07", "b1:f:+7", "b1:f:", "b1:i:", "b1::", "b1:c:1", "b1:q:1", "b1:s:x", "", "b1", "b2:f:7"]
        {
            assert_eq!(Kind::of(wrong), None, "{wrong}");
        }
    }
}

//! `burrow:vault/vault`: the vault's operations, for programs that embed the component.

use burrow_model::appearance::Orientation;
use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::{Codec, ImageRecord, State};
use burrow_model::status::Status;
use burrow_vault::referrer::Referrer;
use burrow_vault::store::blob::Form;
use burrow_vault::terms::Phrase;
use burrow_vault::vault::{self, DayCount, Draft, Edit, FormatCount, Jobs, Label, Order, Vault, Worker};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, spawn};

use super::Component;
use crate::bindings::burrow::vault::types as wit;
use crate::bindings::exports::burrow::vault::vault::{
    Alike, Filter, Guest, Job, JobsPage, KnownLikeness, LikenessesPage, Numbers, Page, Resumed, Shown, SimilarImage,
    SmallPicture, Statistics, Sum,
};
use crate::bindings::{wit_future, wit_stream};
use crate::wasi::streams::{Bytes, write};
use crate::wasi::{Wasi, vault};

impl Guest for Component {
    async fn ingest(source: wit::Source, label: wit::Label) -> Result<wit::Image, wit::Error> {
        let vault = vault().await?;
        Ok(vault.ingest(draft(&vault, &source, label)?).await?.into())
    }

    async fn submit(source: wit::Source, label: wit::Label) -> Result<wit::Image, wit::Error> {
        let vault = vault().await?;
        Ok(vault.accept(draft(&vault, &source, label)?, Worker::Anybody).await?.into())
    }

    async fn list_jobs(after: Option<u64>, limit: u32) -> Result<JobsPage, wit::Error> {
        let vault = vault().await?;
        let Jobs { jobs, next, is_last } = vault.jobs(after, limit as usize).await?;
        let job = |record: ImageRecord| Job {
            image: record.id.to_string(),
            held: vault.is_held(&record),
            source: record.source.unwrap_or_default(),
            updated: record.updated,
        };
        Ok(JobsPage { jobs: jobs.into_iter().map(job).collect(), next, is_last })
    }

    async fn work(id: String, left: Option<u64>) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.work_on(parse(&id)?, left).await?.into())
    }

    async fn put(content: StreamReader<u8>, label: wit::Label) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.put(&mut Bytes(content), label.try_into()?).await?.into())
    }

    async fn get(id: String) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.get(parse(&id)?).await?.into())
    }

    async fn get_by_name(name: String) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.get_by_name(&name).await?.into())
    }

    async fn get_by_content(name: String, sha256: String) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.get_by_content(&name, &sha256).await?.into())
    }

    async fn get_by_source(url: String) -> Result<wit::Image, wit::Error> {
        Ok(vault().await?.get_by_source(&url).await?.into())
    }

    async fn open(
        id: String,
        range: Option<wit::ByteRange>,
    ) -> Result<(wit::Image, StreamReader<u8>, FutureReader<Result<(), wit::Error>>), wit::Error> {
        let vault = vault().await?;
        let record = vault.get(parse(&id)?).await?;
        let size = record.content()?.size;
        let range = match range {
            None => 0..size,
            Some(wit::ByteRange { first, last }) => {
                if first >= size || last.is_some_and(|last| last < first) {
                    return Err(Error::RangeNotSatisfiable { size }.into());
                }
                first..last.map_or(size, |last| last.saturating_add(1)).min(size)
            }
        };
        let mut reader = vault.open(&record).await?.read(Form::Original, range);
        let (mut stream, content) = wit_stream::new();
        let (result, completion) = wit_future::new(|| Err(wit::Error::StoreFailed("reading was given up".into())));
        spawn(async move {
            let outcome = loop {
                match reader.next().await {
                    Ok(Some(bytes)) => {
                        if !write(&mut stream, bytes).await {
                            return;
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error.into()),
                }
            };
            drop(stream);
            // If the reader is gone, nobody needs the result.
            let _ = result.write(outcome).await;
        });
        Ok((record.into(), content, completion))
    }

    async fn thumbnail(id: String, width: u32) -> Result<Shown, wit::Error> {
        let vault = vault().await?;
        let record = vault.get(parse(&id)?).await?;
        Ok(match vault.thumbnail(&record, width).await? {
            vault::Shown::Picture { media_type, size: (width, height), bytes } => {
                Shown::Picture(SmallPicture { media_type, width, height, bytes })
            }
            vault::Shown::Original => Shown::Original,
            vault::Shown::Nothing(why) | vault::Shown::UnsupportedHere(why) => Shown::Nothing(why),
            vault::Shown::NotYet => Shown::Nothing("it is being drawn".into()),
        })
    }

    async fn similar(id: String, limit: u32) -> Result<Alike, wit::Error> {
        let vault = vault().await?;
        let record = vault.get(parse(&id)?).await?;
        let vault::Alike { images, is_incomparable, unindexed } = vault.similar(&record, limit as usize).await?;
        let similar = |it: vault::Similar| SimilarImage { image: it.image.into(), distance: it.distance };
        Ok(Alike { images: images.into_iter().map(similar).collect(), incomparable: is_incomparable, unindexed })
    }

    async fn likeness(id: String) -> Result<Option<u64>, wit::Error> {
        let vault = vault().await?;
        Ok(vault.likeness(&vault.get(parse(&id)?).await?).await?)
    }

    async fn list_likenesses(after: Option<u64>, limit: u32) -> Result<LikenessesPage, wit::Error> {
        let vault::Likenesses { images, next, is_last } = vault().await?.likenesses(after, limit as usize).await?;
        let known = |vault::Known { id, name, is_made, bits }| KnownLikeness {
            image: id.to_string(),
            name,
            made: is_made,
            bits,
        };
        Ok(LikenessesPage { images: images.into_iter().map(known).collect(), next, is_last })
    }

    async fn list_images(filter: Filter, cursor: Option<String>, limit: u32) -> Result<Page, wit::Error> {
        let cursor = match cursor {
            None => None,
            Some(cursor) => Some(cursor.parse().map_err(|_| Error::Invalid {
                field: "cursor",
                reason: format!("{cursor:?} is not one that a page gave"),
            })?),
        };
        let order = if filter.oldest_first { Order::Oldest } else { Order::Newest };
        let page = vault().await?.list(&filter.try_into()?, order, cursor, limit as usize).await?;
        Ok(Page {
            images: page.images.into_iter().map(Into::into).collect(),
            next: page.next.map(|next| next.to_string()),
            unindexed: page.unindexed,
        })
    }

    async fn update(id: String, name: Option<String>, tags: Option<Vec<String>>) -> Result<wit::Image, wit::Error> {
        let vault = vault().await?;
        let edit = Edit::new(name.as_deref(), tags.as_deref())?;
        Ok(vault.edit(parse(&id)?, &edit, |_| Ok::<(), Error>(())).await?.into())
    }

    async fn retry(id: String, referrer: Option<String>) -> Result<wit::Image, wit::Error> {
        let vault = vault().await?;
        let record = try_again(&vault, &id, referrer, Worker::Recorder).await?;
        Ok(vault.work(record).await?.into())
    }

    async fn requeue(id: String, referrer: Option<String>) -> Result<wit::Image, wit::Error> {
        Ok(try_again(&vault().await?, &id, referrer, Worker::Anybody).await?.into())
    }

    async fn remove(id: String) -> Result<bool, wit::Error> {
        Ok(vault().await?.remove(parse(&id)?).await?)
    }

    async fn stats() -> Result<Statistics, wit::Error> {
        let statistics = vault().await?.statistics().await?;
        Ok(Statistics {
            images: statistics.images,
            pending: statistics.pending,
            failed: statistics.failed,
            original_bytes: statistics.original_bytes,
            stored_bytes: statistics.stored_bytes,
            repacked: statistics.repacked,
            saved_bytes: statistics.saved_bytes,
            last_uploaded: statistics.last_uploaded,
        })
    }

    async fn count_by_kind() -> Result<Option<Numbers>, wit::Error> {
        let Some(numbers) = vault().await?.numbers().await? else { return Ok(None) };
        let months = numbers.months();
        let formats = numbers.formats.into_iter().map(|format| {
            let FormatCount { media_type, images, original_bytes, stored_bytes } = format;
            (media_type, Sum { images, original_bytes, stored_bytes })
        });
        let months = months.into_iter().map(|DayCount { day, images, original_bytes, stored_bytes }| {
            (day, Sum { images, original_bytes, stored_bytes })
        });
        Ok(Some(Numbers { formats: formats.collect(), months: months.collect() }))
    }

    async fn resume() -> Result<Resumed, wit::Error> {
        let resumed = vault().await?.resume().await?;
        Ok(Resumed { ready: resumed.ready, failed: resumed.failed, busy: resumed.busy })
    }

    async fn sweep() -> Result<(), wit::Error> {
        Ok(vault().await?.sweep().await?)
    }
}

/// Drafts an image that is to be downloaded.
fn draft(vault: &Vault<Wasi>, source: &wit::Source, label: wit::Label) -> Result<Draft, Error> {
    let referrer = Referrer::given(source.referrer.as_deref())?;
    Ok(vault.draft_job(&source.url, label.try_into()?)?.found_on(referrer))
}

/// Makes a failed image a job again.
async fn try_again(
    vault: &Vault<Wasi>,
    id: &str,
    referrer: Option<String>,
    worker: Worker,
) -> Result<ImageRecord, Error> {
    let referrer = Referrer::given(referrer.as_deref())?;
    let record = vault.get(parse(id)?).await?;
    vault.retry(record, referrer, worker).await?.ok_or(Error::NotFailed(Status::Pending))
}

/// Parses an image's id.
pub(super) fn parse(id: &str) -> Result<ImageId, Error> {
    let invalid = || Error::Invalid { field: "id", reason: format!("{id:?} is not the id of an image") };
    ImageId::parse(id).ok_or_else(invalid)
}

impl TryFrom<wit::Label> for Label {
    type Error = Error;

    fn try_from(label: wit::Label) -> Result<Self, Error> {
        Self::new(label.name.as_deref(), &label.tags)
    }
}

impl TryFrom<Filter> for vault::Filter {
    type Error = Error;

    fn try_from(filter: Filter) -> Result<Self, Error> {
        let Filter { tags, status, words, host, media_type, since, until, oldest_first: _ } = filter;
        let Label { name: words, tags } = Label::new(words.as_deref(), &tags)?;
        let status = status.map(|status| match status {
            wit::Status::Pending => Status::Pending,
            wit::Status::Storing => Status::Storing,
            wit::Status::Ready => Status::Ready,
            wit::Status::Failed => Status::Failed,
        });
        Ok(Self {
            tags,
            status,
            unfinished: false,
            phrase: Phrase::new(&words.unwrap_or_default()),
            host: host.as_deref().map(Self::host).transpose()?,
            media_type: media_type.as_deref().map(Self::media_type).transpose()?,
            since,
            until,
        })
    }
}

impl From<Status> for wit::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Storing => Self::Storing,
            Status::Ready => Self::Ready,
            Status::Failed => Self::Failed,
        }
    }
}

impl From<ImageRecord> for wit::Image {
    fn from(record: ImageRecord) -> Self {
        let status = record.status().into();
        let (content, error) = match record.state {
            State::Ready(content) => {
                let content = wit::Content {
                    media_type: content.media_type,
                    width: content.appearance.dimensions.map(|(width, _)| width),
                    height: content.appearance.dimensions.map(|(_, height)| height),
                    orientation: content.appearance.orientation.map(Orientation::number),
                    animated: content.appearance.is_animated,
                    size: content.size,
                    stored_size: content.stored_size,
                    sha256: content.sha256.to_string(),
                    packing: match content.codec {
                        Codec::Raw => wit::Packing::Raw,
                        Codec::Deflate => wit::Packing::Deflate,
                        Codec::Lepton => wit::Packing::Lepton,
                        Codec::Pixels => wit::Packing::Pixels,
                        Codec::PixelsFast => wit::Packing::PixelsFast,
                        Codec::Lzma => wit::Packing::Lzma,
                    },
                    unpack_ms: content.repacking.unpack_ms,
                    kept: content.repacking.kept,
                };
                (Some(content), None)
            }
            State::Failed { error } => (None, Some(error)),
            State::Pending { .. } | State::Storing { .. } => (None, None),
        };
        Self {
            id: record.id.to_string(),
            name: record.name,
            tags: record.tags,
            source: record.source.map(|url| wit::Source { url, referrer: record.referrer }),
            status,
            attempts: record.attempts,
            error,
            created: record.created,
            updated: record.updated,
            content,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Invalid { .. }
            | Error::Interrupted(_)
            | Error::Malformed(_)
            | Error::Digest(_)
            | Error::KeyReused
            | Error::KeyBusy
            | Error::Changed
            | Error::Renaming(_)
            | Error::Setting { .. } => Self::InvalidInput(text),
            Error::NotFound | Error::Removed => Self::NotFound,
            Error::NotReady(status) | Error::NotFailed(status) | Error::Held(status) => {
                Self::WrongStatus(status.into())
            }
            Error::RangeNotSatisfiable { size } => Self::RangeNotSatisfiable(size),
            Error::Limit { limit, allowed, seen } | Error::Full { limit, allowed, seen } => {
                Self::LimitExceeded(wit::LimitExceeded { limit: limit.into(), allowed, seen })
            }
            Error::NotAnImage(_) => Self::NotAnImage(text),
            Error::Fetch(_) => Self::FetchFailed(text),
            Error::Corrupt(_) => Self::Corrupt(text),
            Error::Newer(_) => Self::Newer(text),
            Error::Store(_) | Error::Busy(_) => Self::StoreFailed(text),
        }
    }
}

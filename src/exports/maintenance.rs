//! `burrow:vault/maintenance`: verifies a vault, repacks images, and restores images from others.

use burrow_model::error::Error;
use burrow_model::key::Sha256Hex;
use burrow_vault::referrer::Referrer;
use burrow_vault::vault::{self, Archived, ArchivedState, Filter, Label, Plan};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, spawn};

use super::Component;
use super::vault::parse;
use crate::bindings::burrow::vault::types as wit;
use crate::bindings::exports::burrow::vault::maintenance::{
    Discovery, Fault, FaultKind, Guest, Repackable, Repacked, Restored, Smaller, Verified,
};
use crate::bindings::{wit_future, wit_stream};
use crate::wasi::streams::Bytes;
use crate::wasi::vault;

impl Guest for Component {
    async fn verify(
        repair: bool,
        alone: bool,
    ) -> (StreamReader<Discovery>, FutureReader<Result<Verified, wit::Error>>) {
        let (mut out, stream) = wit_stream::new();
        let (result, completion) = wit_future::new(|| Err(wit::Error::StoreFailed("verifying was given up".into())));
        spawn(async move {
            let outcome = async {
                let give = async |discovery: vault::Discovery| {
                    // If the reader is gone, nobody needs the rest.
                    let _ = out.write_all(vec![discovery.into()]).await;
                };
                vault().await?.verify(Plan { repair, alone }, give).await
            };
            let outcome = outcome.await.map(Into::into).map_err(Into::into);
            drop(out);
            // If the reader is gone, nobody needs the result.
            let _ = result.write(outcome).await;
        });
        (stream, completion)
    }

    async fn verify_content(id: String) -> Result<u64, wit::Error> {
        Ok(vault().await?.verify_content(parse(&id)?).await?)
    }

    async fn restore(image: wit::Image, content: Option<StreamReader<u8>>) -> Result<Restored, wit::Error> {
        let mut content = content.map(Bytes);
        let restored = vault().await?.restore(image.try_into()?, content.as_mut()).await?;
        Ok(match restored {
            vault::Restored::Restored => Restored::Restored,
            vault::Restored::Present => Restored::Present,
            vault::Restored::ContentNeeded => Restored::ContentNeeded,
        })
    }

    async fn list_repackable(tags: Vec<String>, after: Option<u64>, limit: u32) -> Result<Repackable, wit::Error> {
        let filter = Filter { tags: Label::new(None, &tags)?.tags, ..Filter::default() };
        let vault::Repackable { images, next, is_last } =
            vault().await?.repackable(&filter, after, limit as usize).await?;
        Ok(Repackable { images: images.iter().map(ToString::to_string).collect(), next, is_last })
    }

    async fn repack(id: String) -> Result<Repacked, wit::Error> {
        Ok(match vault().await?.repack(parse(&id)?).await? {
            vault::Outcome::Smaller { before, after } => Repacked::Smaller(Smaller { before, after }),
            vault::Outcome::Kept(why) => Repacked::Kept(why),
            vault::Outcome::Busy => Repacked::Busy,
        })
    }
}

impl TryFrom<wit::Image> for Archived {
    type Error = Error;

    fn try_from(image: wit::Image) -> Result<Self, Error> {
        let state = match (image.status, image.content, image.error) {
            (wit::Status::Ready, Some(content), _) => {
                let invalid = || Error::Invalid { field: "sha256", reason: "it is not a lower-case SHA-256".into() };
                ArchivedState::Ready(Sha256Hex::parse(&content.sha256).ok_or_else(invalid)?)
            }
            (wit::Status::Ready, None, _) => {
                return Err(Error::Invalid { field: "content", reason: "a ready image has content".into() });
            }
            (wit::Status::Failed, _, error) => ArchivedState::Failed(error.unwrap_or_default()),
            (wit::Status::Pending | wit::Status::Storing, ..) => ArchivedState::Job,
        };
        let referrer = image.source.as_ref().and_then(|source| source.referrer.as_deref());
        Ok(Self {
            id: parse(&image.id)?,
            label: Label::new(Some(&image.name), &image.tags)?,
            referrer: Referrer::given(referrer)?,
            source: image.source.map(|source| source.url),
            created: image.created,
            updated: image.updated,
            attempts: image.attempts,
            state,
        })
    }
}

impl From<vault::Verified> for Verified {
    fn from(vault::Verified { keys, images, contents }: vault::Verified) -> Self {
        Self { keys, images, contents }
    }
}

impl From<vault::Discovery> for Discovery {
    fn from(discovery: vault::Discovery) -> Self {
        match discovery {
            vault::Discovery::Content(images) => Self::Content(images.iter().map(ToString::to_string).collect()),
            vault::Discovery::Fault(fault) => Self::Fault(Fault {
                kind: fault.kind.into(),
                key: fault.key,
                image: fault.image.map(|id| id.to_string()),
                detail: fault.detail,
                repaired: fault.repaired,
            }),
        }
    }
}

impl From<vault::FaultKind> for FaultKind {
    fn from(kind: vault::FaultKind) -> Self {
        match kind {
            vault::FaultKind::DamagedRecord => Self::DamagedRecord,
            vault::FaultKind::Newer => Self::Newer,
            vault::FaultKind::DamagedContent => Self::DamagedContent,
            vault::FaultKind::Unlisted => Self::Unlisted,
            vault::FaultKind::HalfRemoved => Self::HalfRemoved,
            vault::FaultKind::Stale => Self::Stale,
            vault::FaultKind::Orphan => Self::Orphan,
            vault::FaultKind::Condemned => Self::Condemned,
            vault::FaultKind::WrongCount => Self::WrongCount,
            vault::FaultKind::UnknownKey => Self::UnknownKey,
        }
    }
}

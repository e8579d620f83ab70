//! Verifying: reads every key, says all that does not fit together, and mends what can be mended. Content itself is
//! read by `Vault::verify_content`, image by image, so that many can be read at once.
//!
//! In a vault that others write to, what is read first may be out of date when what is read last is compared with it. So
//! there only damage is told, and images that cannot be found, each after a second look. What may be somebody's work
//! under way (counters, leftovers) is compared in a vault that one has to oneself, and only there is anything mended.

mod blobs;
mod claims;
mod content;
mod counters;
mod found;
mod images;
mod indexes;
mod survey;

use std::future::Future;

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Key, Vaultwide};
use burrow_model::record::{Pointer, Record};
use futures::StreamExt as _;

use super::Store;
use crate::ports::Ports;

/// Records read together.
const AT_ONCE: usize = 32;

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether to mend what can be mended; it needs `dead_before`.
    pub repair: bool,
    /// If given, nobody else uses the vault, and whoever wrote to it before that time, in milliseconds since 1970, is
    /// dead. Counters and leftovers are looked at only then.
    pub dead_before: Option<u64>,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A stored record cannot be read. An image's is kept as it is; what only leads to images is made anew.
    DamagedRecord,
    /// A newer Burrow stored it, in a version that this one does not read. It is kept as it is.
    Newer,
    /// An image's content is damaged or missing. It is kept as it is.
    DamagedContent,
    /// An image is not in the feed, in its name or under its digest.
    Unlisted,
    /// The removal of an image was begun and not ended.
    HalfRemoved,
    /// An entry leads nowhere.
    Stale,
    /// Content or a claim that nothing refers to.
    Orphan,
    /// A blob is in the trash, though images use it.
    Condemned,
    /// A counter or mark is not what it should be.
    WrongCount,
    /// A key with Burrow's prefix that Burrow does not write. It is kept as it is.
    UnknownKey,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// Where: a key of the store.
    pub key: String,
    /// The image that it is about, if it is about one.
    pub image: Option<ImageId>,
    /// What was seen: one sentence for people.
    pub detail: String,
    /// Whether it was mended.
    pub repaired: bool,
}

/// Something that verifying came upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Something is wrong.
    Fault(Fault),
    /// These images share content whose parts are all there, and which is still to be read.
    Content(Vec<ImageId>),
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Keys of Burrow's.
    pub keys: u64,
    /// Images, in whatever state.
    pub images: u64,
    /// Contents, those shared by several images counted once.
    pub contents: u64,
}

impl<P: Ports> Store<P> {
    /// Verifies all but the content. Memory grows by about 900 bytes an image.
    pub async fn verify(&self, plan: Plan, out: impl AsyncFnMut(Discovery)) -> Result<Verified, Error> {
        let mut verifier = Verifier { store: self, plan, out, verified: Verified::default(), blind: false };
        let survey = self.survey().await?;
        verifier.verified.keys = survey.keys;
        verifier.blind = !survey.unknown.is_empty();
        for key in &survey.unknown {
            verifier.tell(FaultKind::UnknownKey, key, None, "Burrow writes no such key".into(), false).await;
        }
        verifier.marks().await?;
        let trash = verifier.trash(&survey).await?;
        let mut indexes = verifier.indexes(&survey).await?;
        let found = verifier.images(&survey, &mut indexes).await?;
        verifier.feed(&survey, indexes.feed, &found).await?;
        verifier.names(&survey, indexes.names, &found).await?;
        let blobs = verifier.blobs(&survey, &found, &trash).await?;
        if verifier.is_alone() {
            verifier.sources(indexes.sources, &found).await?;
            verifier.digests(&survey, &blobs).await?;
            verifier.claims(&survey, &trash).await?;
            verifier.counters(&found, &blobs).await?;
        }
        Ok(verifier.verified)
    }
}

/// One run.
struct Verifier<'a, P, O> {
    store: &'a Store<P>,
    plan: Plan,
    out: O,
    verified: Verified,
    /// Whether something cannot be read, or is not known here: then nobody knows what it refers to, and nothing is thrown
    /// away.
    blind: bool,
}

impl<'a, P: Ports, O: AsyncFnMut(Discovery)> Verifier<'a, P, O> {
    async fn tell(&mut self, kind: FaultKind, key: &str, image: Option<ImageId>, detail: String, repaired: bool) {
        (self.out)(Discovery::Fault(Fault { kind, key: key.to_owned(), image, detail, repaired })).await;
    }

    /// Tells of a fault, after mending it if that was asked for.
    async fn mend(
        &mut self,
        kind: FaultKind,
        key: &Key,
        image: Option<ImageId>,
        detail: String,
        how: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        if self.plan.repair {
            how.await?;
        }
        self.tell(kind, key.as_str(), image, detail, self.plan.repair).await;
        Ok(())
    }

    /// Tells of a damaged entry that can be made anew, and deletes it. A newer Burrow's stays.
    async fn forget(&mut self, key: &Key, why: Error) -> Result<(), Error> {
        let store = self.store;
        match why {
            Error::Corrupt(_) => {
                let how = async { Ok(store.ports.delete(key).await?) };
                self.mend(FaultKind::DamagedRecord, key, None, why.to_string(), how).await
            }
            Error::Newer(_) => {
                self.blind = true;
                self.tell(FaultKind::Newer, key.as_str(), None, why.to_string(), false).await;
                Ok(())
            }
            why => Err(why),
        }
    }

    /// Reads a counter that is there. Bytes that are no counter are told, and deleted: then it is 0.
    async fn counter(&mut self, key: &Key) -> Result<i64, Error> {
        let error = match self.store.ports.increment(key, 0).await {
            Ok(count) => return Ok(count),
            Err(error) => error,
        };
        // Counters are 8 bytes in some stores, decimal digits in others. If these bytes are either, it is the store that
        // fails.
        let bytes = self.store.ports.get(key).await?.unwrap_or_default();
        let is_decimal = std::str::from_utf8(&bytes).is_ok_and(|text| text.parse::<i64>().is_ok());
        if bytes.is_empty() || bytes.len() == 8 || is_decimal {
            return Err(error.into());
        }
        self.forget(key, Error::Corrupt(error.to_string())).await?;
        Ok(0)
    }

    /// Deletes marks that cannot be read.
    async fn marks(&mut self) -> Result<(), Error> {
        for mark in [Vaultwide::LastUploaded, Vaultwide::Settled, Vaultwide::Emptied] {
            let key = Key::vaultwide(mark);
            if let Err(error) = self.store.load::<Pointer>(&key).await {
                self.forget(&key, error).await?;
            }
        }
        Ok(())
    }

    /// Whether nobody else uses the vault.
    fn is_alone(&self) -> bool {
        self.plan.dead_before.is_some()
    }

    /// Reads many records; those that were deleted meanwhile are none.
    async fn load_all<T: Clone + 'a, R: Record>(
        &self,
        what: &'a [T],
        key: impl Fn(&T) -> Key,
    ) -> Result<Vec<(T, Result<Option<R>, Error>)>, Error> {
        let store = self.store;
        let loads = futures::stream::iter(what.iter().cloned()).map(|one| {
            let key = key(&one);
            async move { (one, store.load::<R>(&key).await) }
        });
        let mut loads = std::pin::pin!(loads.buffered(AT_ONCE));
        let mut all = Vec::with_capacity(what.len());
        while let Some((one, loaded)) = loads.next().await {
            match loaded {
                Err(error) if !matches!(error, Error::Corrupt(_) | Error::Newer(_)) => return Err(error),
                loaded => all.push((one, loaded)),
            }
        }
        Ok(all)
    }
}

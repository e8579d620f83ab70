//! Verifies the vault: reads every key, reports inconsistencies, and repairs what it can.
//!
//! `Vault::verify_content` reads the content itself, image by image, so that many can be read at once.
//!
//! If other processes write to the vault, a value that was read first may be out of date when it is compared with one
//! that is read last. So this then reports only damage, and images that cannot be found, each after a second look.
//! Counters and leftovers may be the unfinished work of another process: they are compared, and anything is repaired,
//! only if the caller states that no other process uses the vault.

mod blobs;
mod claims;
mod content;
mod counters;
mod found;
mod images;
mod indexes;
mod survey;
mod terms;

use std::future::Future;

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Key, Vaultwide};
use burrow_model::record::{Pointer, Record};
use futures::StreamExt as _;

use super::Store;
use crate::ports::Ports;

/// Records read at once.
const AT_ONCE: usize = 32;

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Whether to repair; it needs `alone`.
    pub repair: bool,
    /// Whether the caller states that no other process uses the vault. Only then are counters and leftovers examined.
    pub alone: bool,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A stored record cannot be read. Repair leaves an image's record as it is, and rebuilds an entry that only leads
    /// to images.
    DamagedRecord,
    /// A newer Burrow stored it, in a version that this one does not read. Repair leaves it as it is.
    Newer,
    /// An image's content is damaged or missing. Repair leaves it as it is.
    DamagedContent,
    /// The feed, the name, the digest or the index does not lead to an image.
    Unlisted,
    /// The removal of an image began and did not end.
    HalfRemoved,
    /// An entry leads to no image.
    Stale,
    /// Nothing refers to this content or claim.
    Orphan,
    /// A blob that images use is in the trash.
    Condemned,
    /// A counter or mark has the wrong value.
    WrongCount,
    /// A key has Burrow's prefix, but Burrow writes no such key. Repair leaves it as it is.
    UnknownKey,
}

impl FaultKind {
    /// The kind of fault of a value that cannot be read: a newer version is not damage.
    fn of_unreadable(error: &Error, damage: Self) -> Self {
        if matches!(error, Error::Newer(_)) { Self::Newer } else { damage }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its kind.
    pub kind: FaultKind,
    /// The key of the store at which it was found.
    pub key: String,
    /// The image that it concerns, if it concerns a single one.
    pub image: Option<ImageId>,
    /// What was found: one sentence for people.
    pub detail: String,
    /// Whether it was repaired.
    pub repaired: bool,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// A fault.
    Fault(Fault),
    /// These images share content of which no part is missing, and whose bytes are still to be read.
    Content(Vec<ImageId>),
}

/// What was examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Burrow's keys.
    pub keys: u64,
    /// Images of every status.
    pub images: u64,
    /// Contents; one that several images share counts once.
    pub contents: u64,
}

impl<P: Ports> Store<P> {
    /// Examines everything but content. Its memory grows by about 900 bytes an image.
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
        verifier.generation(&found).await?;
        verifier.feed(&survey, indexes.feed, &found).await?;
        verifier.names(&survey, indexes.names, &found).await?;
        let blobs = verifier.blobs(&survey, &found, &trash).await?;
        verifier.terms(&survey, &found, &blobs, &trash).await?;
        if verifier.is_alone() {
            verifier.sources(indexes.sources, &found).await?;
            verifier.digests(&survey, &blobs).await?;
            verifier.claims(&survey, &trash).await?;
            verifier.counters(&found, &blobs).await?;
        }
        Ok(verifier.verified)
    }
}

/// One run of [`Store::verify`].
struct Verifier<'a, P, O> {
    store: &'a Store<P>,
    plan: Plan,
    out: O,
    verified: Verified,
    /// Whether some record or key cannot be understood. What it refers to is not known then, so nothing is discarded.
    blind: bool,
}

impl<'a, P: Ports, O: AsyncFnMut(Discovery)> Verifier<'a, P, O> {
    async fn tell(&mut self, kind: FaultKind, key: &str, image: Option<ImageId>, detail: String, repaired: bool) {
        (self.out)(Discovery::Fault(Fault { kind, key: key.to_owned(), image, detail, repaired })).await;
    }

    /// Reports a fault, after repairing it if the plan says so.
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

    /// Reports a damaged entry that can be rebuilt, and deletes it. An entry of a newer Burrow stays.
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

    /// Reads a counter that exists. Bytes that are no counter are reported and deleted; the counter is then 0.
    async fn counter(&mut self, key: &Key) -> Result<i64, Error> {
        let error = match self.store.ports.increment(key, 0).await {
            Ok(count) => return Ok(count),
            Err(error) => error,
        };
        // Counters are 8 bytes in some stores, and decimal digits in others. If the bytes are either, it is the store
        // that failed.
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
        for mark in [Vaultwide::LastUploaded, Vaultwide::Settled, Vaultwide::Emptied, Vaultwide::Indexed] {
            let key = Key::vaultwide(mark);
            if let Err(error) = self.store.load::<Pointer>(&key).await {
                self.forget(&key, error).await?;
            }
        }
        Ok(())
    }

    /// Whether no other process uses the vault.
    fn is_alone(&self) -> bool {
        self.plan.alone
    }

    /// Reads many records. One that was deleted meanwhile is `None`.
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

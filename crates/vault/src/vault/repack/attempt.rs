//! An attempt to repack a blob: packs, stores, checks and switches, with one codec after the other.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Sha256Hex};
use burrow_model::lease::Lease;
use burrow_model::record::{
    Attempt, Codec, Content, ImageRecord, Manifest, Needs, Repacked, Repacking, StoredForm, Writes,
};
use burrow_model::status::Status;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::form_of;
use crate::codec::pays;
use crate::codec::whole::{self, Limits};
use crate::compression::Choice;
use crate::ports::Ports;
use crate::store::LEASE;
use crate::store::blob::Form;
use crate::terms;
use crate::vault::Vault;

/// After this many instances died of repacking one blob with one codec, no other tries that.
const TRIES: u32 = 2;

/// How many times the allowed time packing or unpacking takes at most, as the clock says: other work of the machine slows
/// it down, and packing takes about twice as long as unpacking.
const BUSY: u32 = 8;

/// Why a blob stays as it is.
pub(super) struct Kept {
    pub(super) why: String,
    pub(super) needs: Option<Needs>,
}

impl Kept {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), needs: None }
    }

    /// Packing or unpacking took more than [`BUSY`] times what unpacking may.
    fn slow(limit: Duration) -> Self {
        let allowed = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let why = format!("unpacking it takes longer than the {allowed} ms that are allowed");
        Self { why, needs: Some(Needs::Unpacking(allowed.saturating_add(1))) }
    }
}

/// The new manifest, or why the blob stays as it is.
type Packed = Result<Result<Manifest, Kept>, Error>;

/// What came of an attempt.
pub(super) struct Tried {
    /// The codec that was tried last, and its version.
    pub(super) with: (Codec, u32),
    /// What the first codec needs, if a limit forbade it.
    pub(super) better: Option<Needs>,
    pub(super) outcome: Packed,
}

/// A blob, and its form before.
pub(super) struct Old<'a> {
    /// One of the images that share it.
    pub(super) image: &'a ImageRecord,
    pub(super) content: &'a Content,
    pub(super) manifest: &'a Manifest,
}

impl Old<'_> {
    pub(super) fn blob(&self) -> BlobId {
        self.content.blob
    }
}

/// An attempt that begins.
struct Begun {
    ended: u32,
    with: (Codec, u32),
    died: u32,
    lease: Lease,
    better: Option<Needs>,
    form: Option<StoredForm>,
}

impl Begun {
    /// What is recorded of it while it writes these chunks.
    fn writing(&self, writes: Option<Writes>) -> Repacking {
        let &Self { ended, with, died, lease, better, form } = self;
        Repacking { ended, with, last: Attempt::Begun { lease, died, writes }, better, form }
    }
}

impl<P: Ports> Vault<P> {
    /// Repacks with the first of these codecs that the limits allow. `died` says of which codec instances died before,
    /// and how many.
    pub(super) async fn try_in_turn(
        &self,
        old: &Old<'_>,
        ended: u32,
        died: Option<((Codec, u32), u32)>,
        choices: &[Choice],
    ) -> Tried {
        let form = old.manifest.form();
        let mut tried = Tried {
            with: (old.manifest.codec, 1),
            better: None,
            outcome: Ok(Err(Kept::because("there is no codec for it"))),
        };
        for (n, choice) in choices.iter().enumerate() {
            let with = form_of(choice.codec);
            let died = died.filter(|(codec, _)| *codec == with).map_or(0, |(_, died)| died);
            let is_done =
                old.manifest.repacked.as_ref().is_some_and(|how| (old.manifest.codec, how.codec_version) == with);
            let outcome = if is_done {
                // An earlier attempt died after the switch, or its record is lost.
                Ok(Ok(old.manifest.clone()))
            } else if died >= TRIES {
                Ok(Err(Kept::because(format!("{} failed on it {died} times", choice.codec.as_str()))))
            } else {
                let lease = self.new_lease(LEASE);
                self.attempt_with(old, choice, &Begun { ended, with, died, lease, better: tried.better, form }).await
            };
            let is_kept = matches!(outcome, Ok(Err(_)));
            if n == 0
                && let Ok(Err(kept)) = &outcome
            {
                tried.better = kept.needs;
            }
            (tried.with, tried.outcome) = (with, outcome);
            if !is_kept {
                break;
            }
        }
        tried
    }

    /// Packs, stores, checks and switches.
    async fn attempt_with(&self, old: &Old<'_>, choice: &Choice, begun: &Begun) -> Packed {
        let limit = choice.unpack_limit;
        let limits = Limits { memory: self.settings.codec_memory, unpacking: limit };
        let (blob, with) = (old.blob(), begun.with);
        // No codec takes less than the original, its packed form and a copy of either.
        if 3 * old.manifest.size > limits.memory {
            let needs = Some(Needs::Memory(3 * old.manifest.size));
            let why = format!("it has {} bytes, too many to repack here", old.manifest.size);
            return Ok(Err(Kept { why, needs }));
        }
        let original = self.original_to_pack(old).await?;
        // If packing kills this instance, this record says so.
        self.store.save_repacking(blob, &begun.writing(None)).await?;
        let memory = self.store.memory_to_pack().await?;
        let pause = async || self.ports.yield_now().await;
        let packed = match self.within(BUSY * limit, whole::pack(with.0, &original, limits, &pause)).await {
            Ok(Ok(packed)) => packed,
            Ok(Err(refused)) => return Ok(Err(Kept { why: refused.why, needs: refused.needs })),
            Err(_) => return Ok(Err(Kept::slow(limit))),
        };
        drop(original);
        drop(memory);
        let stored: usize = packed.packed.iter().map(Vec::len).sum();
        let before = usize::try_from(old.manifest.stored_size()).unwrap_or(usize::MAX);
        if !pays(before, stored) {
            return Ok(Err(Kept::because(format!("{} would save less than 2 %", with.0.as_str()))));
        }
        let chunks: Vec<(u32, u64)> = packed.packed.iter().map(|piece| (len32(piece.len()), xxh3_64(piece))).collect();
        let place = BlobId::new(self.ports.now(), &self.ports.ten_bytes());
        let replaces = (old.manifest.place(blob), len32(old.manifest.chunks.len()));
        let count = len32(chunks.len());
        self.store.save_repacking(blob, &begun.writing(Some(Writes { place, chunks: count, replaces }))).await?;
        for (n, piece) in (0..).zip(packed.packed) {
            self.store.put_chunk(place, n, piece).await?;
        }
        let stored_before = old.manifest.repacked.as_ref().map_or(before as u64, |how| how.stored_before);
        let (codec, codec_version) = with;
        let counted = terms::kinds_of(old.image);
        let how = Repacked { place, codec_version, memory: packed.memory, unpack_ms: 0, stored_before, counted };
        let mut after = Manifest { codec, chunks, repacked: Some(how), ..old.manifest.clone() };
        let refused = match self.check_unpacking(old, &mut after, limit).await {
            Ok(Ok(())) if !begun.lease.is_mine(self.ports.now(), self.settings.host.generation, LEASE) => {
                Err(Error::Held(Status::Ready))
            }
            Ok(Ok(())) if self.store.switch(blob, old.manifest, &after).await? => return Ok(Ok(after)),
            Ok(Ok(())) => Err(Error::Removed),
            Ok(Err(kept)) => Ok(Err(kept)),
            Err(error @ Error::Busy(_)) => Err(error),
            Err(error) => return Err(error),
        };
        self.store.delete_chunks(place, count).await?;
        refused
    }

    /// Reads an original, and checks its SHA-256.
    async fn original_to_pack(&self, old: &Old<'_>) -> Result<Vec<u8>, Error> {
        let mut original = Vec::with_capacity(usize::try_from(old.manifest.size).unwrap_or_default());
        let mut reader =
            self.store.open_blob(old.image.id, old.content).await?.read(Form::Original, 0..old.manifest.size);
        let mut sha256 = Sha256::new();
        while let Some(piece) = reader.next().await? {
            sha256.update(&piece);
            original.extend_from_slice(&piece);
            self.ports.yield_now().await;
        }
        if Sha256Hex::from_digest(&sha256.finalize()) == old.manifest.sha256 {
            return Ok(original);
        }
        Err(Error::Corrupt(format!("the content of image {}: its SHA-256 differs from the manifest's", old.image.id)))
    }

    /// Reads the stored packed form back, unpacks it, compares it with the original's SHA-256, and notes how long that
    /// took.
    async fn check_unpacking(
        &self,
        old: &Old<'_>,
        after: &mut Manifest,
        limit: Duration,
    ) -> Result<Result<(), Kept>, Error> {
        let began = self.ports.now();
        let blob = self.store.blob_of_manifest(old.image.id, old.blob(), after.clone());
        match self.within(BUSY * limit, blob.verify()).await {
            Ok(Ok(_)) => {}
            Ok(Err(Error::Corrupt(_))) => {
                return Ok(Err(Kept::because(format!("{} does not give it back exactly", after.codec.as_str()))));
            }
            Ok(Err(error)) => return Err(error),
            Err(TooLate) => return Ok(Err(Kept::slow(limit))),
        }
        let took = self.ports.now().saturating_sub(began);
        if let Some(how) = &mut after.repacked {
            how.unpack_ms = took;
        }
        Ok(Ok(()))
    }

    /// Waits for a future; gives it up once so much time has passed and it lets other tasks run.
    async fn within<T>(&self, time: Duration, future: impl Future<Output = T>) -> Result<T, TooLate> {
        let began = self.ports.now();
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending if u128::from(self.ports.now().saturating_sub(began)) > time.as_millis() => {
                Poll::Ready(Err(TooLate))
            }
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// It was given up.
struct TooLate;

fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

//! A store that counts the writes of image records, so that answers can be kept until then.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burrow_model::key::{Family, ImageId, Kind};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::{KeyValue, Result};

/// Slots of [`RecordWrites`]. Images share a slot by chance. A write to one makes answers of the others
/// in its slot stale too, which costs time and nothing else.
const SLOTS: usize = 1 << 16;

/// A store that no other process can write to, and the writes of image records in it.
#[derive(Debug)]
pub struct Watched<S> {
    store: S,
    writes: Arc<RecordWrites>,
}

impl<S: KeyValue> Watched<S> {
    /// Watches a store. Every write to the store must go through the result.
    pub fn new(store: S) -> Self {
        Self { store, writes: Arc::default() }
    }

    /// Does a write. It counts as ended only if it succeeded: a failed or abandoned write may still take effect later.
    async fn write(&self, key: &str, write: impl Future<Output = Result<()>>) -> Result<()> {
        if Family::of(key) != Some(Family::Image) {
            return write.await;
        }
        let Some(Kind::Image(image)) = Kind::of(key) else { return write.await };
        let Some(slot) = self.writes.slot(image) else { return write.await };
        slot.begun.fetch_add(1, Ordering::SeqCst);
        write.await?;
        slot.ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl<S: KeyValue> KeyValue for Watched<S> {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        self.store.get(key)
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        self.write(key, self.store.set(key, value)).boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.write(key, self.store.delete(key)).boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        self.store.increment(key, delta)
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        self.store.keys(prefix)
    }

    fn record_writes(&self) -> Option<Arc<RecordWrites>> {
        Some(self.writes.clone())
    }
}

/// Counts the writes of image records.
pub struct RecordWrites(Vec<Slot>);

#[derive(Default)]
struct Slot {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A moment at which no write of an image's record was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet(u64);

impl RecordWrites {
    /// Returns this moment, unless a write of the image's record is under way or may still take effect.
    pub fn quiet(&self, image: ImageId) -> Option<Quiet> {
        let slot = self.slot(image)?;
        // In this order: writes that had ended at the first reading are all that have begun at the second, so none
        // was under way in between.
        let ended = slot.ended.load(Ordering::SeqCst);
        let begun = slot.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(Quiet(begun))
    }

    /// Whether no write of the image's record has begun since `then`.
    pub fn is_unchanged(&self, image: ImageId, then: Quiet) -> bool {
        self.slot(image).is_some_and(|slot| slot.begun.load(Ordering::SeqCst) == then.0)
    }

    fn slot(&self, image: ImageId) -> Option<&Slot> {
        let mut hasher = DefaultHasher::new();
        image.hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or_default();
        self.0.get(number)
    }
}

impl Default for RecordWrites {
    fn default() -> Self {
        Self((0..SLOTS).map(|_| Slot::default()).collect())
    }
}

impl fmt::Debug for RecordWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordWrites").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KvError, Memory};
    use super::*;

    #[tokio::test]
    async fn a_write_is_seen_from_its_beginning() {
        let store = Watched::new(Memory::default());
        let writes = store.record_writes().unwrap();
        let (image, other) = (ImageId::new(7, &[0; 10]), ImageId::new(8, &[0; 10]));
        let key = format!("b1:i:{image}");
        let before = writes.quiet(image).unwrap();

        let mut writing = std::pin::pin!(store.write(&key, std::future::pending()));
        assert!(futures::poll!(&mut writing).is_pending());
        assert!(!writes.is_unchanged(image, before));
        assert_eq!(writes.quiet(image), None, "the write is under way");
        assert!(writes.quiet(other).is_some());
    }

    #[tokio::test]
    async fn only_a_write_that_succeeded_has_ended() {
        let store = Watched::new(Memory::default());
        let writes = store.record_writes().unwrap();
        let image = ImageId::new(7, &[0; 10]);
        let key = format!("b1:i:{image}");

        store.set(&key, vec![1]).await.unwrap();
        let after = writes.quiet(image).unwrap();
        store.get(&key).await.unwrap();
        store.set("b1:f:1", vec![1]).await.unwrap();
        assert!(writes.is_unchanged(image, after), "other keys are no records");
        store.delete(&key).await.unwrap();
        assert!(!writes.is_unchanged(image, after));

        let failing = async { Err(KvError("full".into())) };
        store.write(&key, failing).await.unwrap_err();
        assert_eq!(writes.quiet(image), None, "a failed write may still take effect");
    }
}

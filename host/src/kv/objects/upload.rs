//! The writing of one object: a task that takes a blob's chunks, one after the other, until the object is complete.
//!
//! A small object is written at once, a large one in parts while its chunks arrive. The task answers each message, so
//! whoever sends chunks waits while two parts are on their way.

use std::sync::{Arc, Weak};
use std::time::Duration;

use burrow_model::key::BlobId;
use burrow_model::record::Object;
use bytes::Bytes;
use object_store::PutPayload;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;

use super::super::{KvError, Result};
use super::Shared;
use super::bucket::Parts;

/// Bytes of a part. S3 takes no smaller ones than 5 MiB, and at most 10,000.
const PART: usize = 8 * 1024 * 1024;

/// Parts of one object on their way at once.
const AT_ONCE: usize = 2;

/// How long an object waits for its next chunk. No job takes that long; the one that wrote it has died.
const PATIENCE: Duration = Duration::from_hours(1);

/// What a task is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Append a chunk. The permit counts its bytes while they are in memory.
    Append(u32, Bytes, OwnedSemaphorePermit),
    /// Leave a chunk out. The answer says whether there was one.
    Remove(u32),
    /// Complete the object, and write its record.
    Finish,
}

type Message = (Order, oneshot::Sender<Result<bool>>);

/// A task that writes an object.
#[derive(Clone, Debug)]
pub(super) struct Upload(mpsc::Sender<Message>);

impl Upload {
    /// Starts the task. It takes itself from the table of uploads before it ends.
    pub(super) fn start(shared: &Arc<Shared>, blob: BlobId) -> Self {
        let (sender, orders) = mpsc::channel(1);
        let writing = Writing::new(Arc::downgrade(shared), blob);
        shared.runtime.spawn(writing.run(orders));
        Self(sender)
    }

    /// Has an order done. `None` if the task ended before: the object is complete, or given up because no chunk was left
    /// in it.
    pub(super) async fn order(&self, order: Order) -> Option<Result<bool>> {
        let (done, outcome) = oneshot::channel();
        self.0.send((order, done)).await.ok()?;
        outcome.await.ok()
    }

    /// Whether both are the same task.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// The state of a task.
struct Writing {
    shared: Weak<Shared>,
    blob: BlobId,
    object: Object,
    /// Bytes of the object so far.
    len: u64,
    /// Chunks that no part has yet.
    rest: Vec<Bytes>,
    rest_len: usize,
    permits: Option<OwnedSemaphorePermit>,
    parts: Option<Parts>,
    on_their_way: JoinSet<Result<()>>,
    /// Why the object cannot be completed.
    failed: Option<KvError>,
}

impl Writing {
    fn new(shared: Weak<Shared>, blob: BlobId) -> Self {
        Self {
            shared,
            blob,
            object: Object::default(),
            len: 0,
            rest: Vec::new(),
            rest_len: 0,
            permits: None,
            parts: None,
            on_their_way: JoinSet::new(),
            failed: None,
        }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Message>) {
        loop {
            let Ok(message) = tokio::time::timeout(PATIENCE, orders.recv()).await else {
                // The blob must not be completed without these chunks, so the failure stays.
                if self.failed.is_none() {
                    let why = "no chunk came for an hour, so it was given up";
                    self.fail(KvError(format!("cannot write the object of blob {}: {why}", self.blob))).await;
                }
                continue;
            };
            // While a task waits, it does not keep the store open.
            let (Some((order, done)), Some(shared)) = (message, self.shared.upgrade()) else { break };
            let is_last = matches!(order, Order::Finish);
            let result = self.obey(&shared, order).await;
            let is_over = match &result {
                Ok(_) => is_last || self.object.chunks.is_empty(),
                Err(_) => self.object.chunks.is_empty(),
            };
            if is_over {
                shared.uploads().remove(&self.blob);
            }
            // The caller may be gone.
            let _ = done.send(result);
            if is_over {
                break;
            }
        }
        self.on_their_way.abort_all();
        if let Some(parts) = self.parts.take() {
            parts.abort().await;
        }
    }

    async fn obey(&mut self, shared: &Shared, order: Order) -> Result<bool> {
        if let Order::Remove(n) = order {
            return Ok(self.object.chunks.remove(&n).is_some());
        }
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = match order {
            Order::Append(n, chunk, permit) => {
                let appended = self.append(shared, n, chunk, permit).await;
                // Its writer does not count it, and will not remove it.
                if appended.is_err() {
                    self.object.chunks.remove(&n);
                }
                appended
            }
            _ => self.finish(shared).await,
        };
        if let Err(error) = &result {
            self.fail(error.clone()).await;
        }
        result.map(|()| true)
    }

    async fn append(&mut self, shared: &Shared, n: u32, chunk: Bytes, permit: OwnedSemaphorePermit) -> Result<()> {
        let len = u32::try_from(chunk.len()).map_err(|error| KvError(error.to_string()))?;
        self.object.chunks.insert(n, (self.len, len));
        self.len += u64::from(len);
        self.rest_len += chunk.len();
        self.rest.push(chunk);
        match &mut self.permits {
            Some(permits) => permits.merge(permit),
            none => *none = Some(permit),
        }
        if self.rest_len < PART { Ok(()) } else { self.send_part(shared).await }
    }

    /// Sends the chunks that no part has yet as a part.
    async fn send_part(&mut self, shared: &Shared) -> Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(shared.client.begin(self.blob).await?),
        };
        let part = parts.put(self.rest.drain(..).collect());
        let permits = self.permits.take();
        self.rest_len = 0;
        self.on_their_way.spawn(async move {
            let sent = part.await;
            drop(permits);
            sent
        });
        self.wait_for(AT_ONCE).await
    }

    /// Waits until fewer parts than this are on their way.
    async fn wait_for(&mut self, fewer: usize) -> Result<()> {
        while self.on_their_way.len() >= fewer
            && let Some(sent) = self.on_their_way.join_next().await
        {
            sent.unwrap_or_else(|error| Err(KvError(format!("a part of an object was not written: {error}"))))?;
        }
        Ok(())
    }

    /// Completes the object, and then writes the record that says where its chunks are.
    async fn finish(&mut self, shared: &Shared) -> Result<()> {
        if self.object.chunks.is_empty() {
            return Ok(());
        }
        if self.parts.is_none() {
            let content: PutPayload = self.rest.drain(..).collect();
            shared.client.put(self.blob, content).await?;
        } else {
            if !self.rest.is_empty() {
                self.send_part(shared).await?;
            }
            self.wait_for(1).await?;
            if let Some(parts) = self.parts.take() {
                parts.complete().await?;
            }
        }
        self.permits = None;
        shared.record(self.blob, self.object.clone()).await
    }

    /// Gives the object up. It stays in the table, and says why to all who ask, until its chunks are removed.
    async fn fail(&mut self, error: KvError) {
        self.failed = Some(error);
        self.on_their_way.abort_all();
        (self.rest, self.rest_len, self.permits) = (Vec::new(), 0, None);
        if let Some(parts) = self.parts.take() {
            parts.abort().await;
        }
    }
}

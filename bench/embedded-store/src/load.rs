//! Workloads: group commit under concurrent writers, and random reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::data::{CHUNK, RECORD, Random, chunk_key, record_key, value_of};
use crate::store::{Op, Store};

/// A commit takes operations from the queue until it has one of these.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
const GROUP_OPS: usize = 1024;

/// The shape of one acknowledged unit of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value of this many bytes, set durably.
    Value(usize),
    /// Two chunks, set without waiting, then a record, set durably.
    Ingest,
}

impl Shape {
    pub fn bytes(self) -> u64 {
        match self {
            Self::Value(len) => len as u64,
            Self::Ingest => (2 * CHUNK + RECORD) as u64,
        }
    }

    /// Returns keys and value lengths of unit `id`. The writer waits for the last.
    pub fn parts(self, id: u64) -> Vec<(String, usize)> {
        match self {
            Self::Value(RECORD) => vec![(record_key(id), RECORD)],
            Self::Value(len) => vec![(chunk_key(id, 0), len)],
            Self::Ingest => vec![(chunk_key(id, 0), CHUNK), (chunk_key(id, 1), CHUNK), (record_key(id), RECORD)],
        }
    }
}

struct Request {
    op: Op,
    /// Receives the answer when the change is on disk; `None` if no writer waits.
    ack: Option<SyncSender<()>>,
}

/// Takes all queued changes, commits them at once and answers the waiting writers, until every sender is gone.
fn commit_groups(store: &dyn Store, queue: &Receiver<Request>) -> Result<()> {
    while let Ok(first) = queue.recv() {
        let mut ops = Vec::new();
        let mut acks = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(Request { op, ack }) = next {
            bytes += op.value.as_ref().map_or(0, Vec::len);
            ops.push(op);
            acks.extend(ack);
            let room = bytes < GROUP_BYTES && ops.len() < GROUP_OPS;
            next = room.then(|| queue.try_recv().ok()).flatten();
        }
        store.write(ops, !acks.is_empty())?;
        for ack in acks {
            ack.send(()).context("a writer left before its answer")?;
        }
    }
    Ok(())
}

/// When writers stop: at the time or the number of units, whichever comes first.
#[derive(Clone, Copy)]
pub struct Limit {
    pub time: Duration,
    pub units: u64,
}

pub struct Outcome {
    pub units: u64,
    pub elapsed: Duration,
    /// Milliseconds from the first send of a unit to its answer, sorted.
    pub latencies: Vec<f64>,
}

/// Runs writers that set units `first_id..` and wait for each. Calls `acked` after every answer.
pub fn write_load(
    store: &dyn Store,
    shape: Shape,
    writers: usize,
    first_id: u64,
    limit: Limit,
    acked: &(dyn Fn(u64) + Sync),
) -> Result<Outcome> {
    let ids = AtomicU64::new(first_id);
    let start = Instant::now();
    let (requests, queue) = channel();
    let mut latencies = thread::scope(|scope| -> Result<Vec<f64>> {
        let committer = scope.spawn(move || commit_groups(store, &queue));
        let threads: Vec<_> = (0..writers)
            .map(|_| {
                let (requests, ids) = (requests.clone(), &ids);
                scope.spawn(move || {
                    let mut latencies = Vec::new();
                    while start.elapsed() < limit.time {
                        let id = ids.fetch_add(1, Ordering::Relaxed);
                        if id >= first_id.saturating_add(limit.units) {
                            break;
                        }
                        latencies.push(set_unit(&requests, shape, id)?);
                        acked(id);
                    }
                    Ok(latencies)
                })
            })
            .collect();
        drop(requests);
        let mut all = Vec::new();
        let mut failure = None;
        for thread in threads {
            match thread.join().map_err(|_| anyhow!("a writer panicked"))? {
                Ok(some) => all.extend::<Vec<f64>>(some),
                Err(error) => failure = Some(error),
            }
        }
        // The committer's error is the cause of the writers' errors.
        committer.join().map_err(|_| anyhow!("the committer panicked"))??;
        failure.map_or(Ok(all), Err)
    })?;
    latencies.sort_by(f64::total_cmp);
    Ok(Outcome { units: latencies.len() as u64, elapsed: start.elapsed(), latencies })
}

/// Sends all parts of a unit and waits for the last. Returns the milliseconds that this took.
fn set_unit(requests: &Sender<Request>, shape: Shape, id: u64) -> Result<f64> {
    let mut ops: Vec<Op> =
        shape.parts(id).into_iter().map(|(key, len)| Op { value: Some(value_of(&key, len)), key }).collect();
    let awaited = ops.pop().context("a unit has at least one part")?;
    let gone = |_| anyhow!("the committer is gone");
    let start = Instant::now();
    for op in ops {
        requests.send(Request { op, ack: None }).map_err(gone)?;
    }
    let (ack, answer) = sync_channel(1);
    let request = Request { op: awaited, ack: Some(ack) };
    requests.send(request).map_err(gone)?;
    answer.recv().context("the committer is gone")?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

/// Sets units `ids` in durable commits of the largest size.
pub fn bulk_load(store: &dyn Store, shape: Shape, ids: impl Iterator<Item = u64>) -> Result<()> {
    let mut ops = Vec::new();
    let mut bytes = 0;
    for id in ids {
        for (key, len) in shape.parts(id) {
            bytes += len;
            let value = Some(value_of(&key, len));
            ops.push(Op { key, value });
        }
        if bytes >= GROUP_BYTES || ops.len() >= GROUP_OPS {
            store.write(std::mem::take(&mut ops), true)?;
            bytes = 0;
        }
    }
    store.write(ops, true)
}

/// Reads random units of `0..units` for the given time; returns reads per second.
pub fn read_load(store: &dyn Store, shape: Shape, units: u64, threads: usize, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let reads = thread::scope(|scope| -> Result<u64> {
        let readers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || -> Result<u64> {
                    let mut random = Random::new(thread as u64 + 1);
                    let mut copy = Vec::new();
                    let mut reads = 0;
                    while start.elapsed() < time {
                        for (key, len) in shape.parts(random.below(units)) {
                            copy.clear();
                            store.read(&key, &mut |value| copy.extend_from_slice(value))?;
                            ensure!(copy.len() == len, "{key} is {} bytes", copy.len());
                            reads += 1;
                        }
                    }
                    Ok(reads)
                })
            })
            .collect();
        let mut total = 0;
        for reader in readers {
            total += reader.join().map_err(|_| anyhow!("a reader panicked"))??;
        }
        Ok(total)
    })?;
    Ok(reads as f64 / start.elapsed().as_secs_f64())
}

/// Compares the stored parts of units with the written ones. Returns the numbers (exact, missing, wrong).
pub fn check(store: &dyn Store, shape: Shape, ids: impl Iterator<Item = u64>) -> Result<(u64, u64, u64)> {
    let (mut exact, mut missing, mut wrong) = (0, 0, 0);
    for id in ids {
        for (key, len) in shape.parts(id) {
            let expected = value_of(&key, len);
            let mut same = false;
            if !store.read(&key, &mut |value| same = value == expected)? {
                missing += 1;
            } else if same {
                exact += 1;
            } else {
                wrong += 1;
            }
        }
    }
    Ok((exact, missing, wrong))
}

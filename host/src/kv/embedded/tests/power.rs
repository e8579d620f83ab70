//! Power cuts at random moments, each losing random unsynced writes, break no promise.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use burrow_model::key::{BlobId, Durability, Family, Key};
use futures::executor::block_on;
use futures::future::join_all;

use super::super::{Embedded, VaultFile};
use super::simulation::{Random, Simulated, seed};
use crate::kv::KeyValue as _;

fn open(disk: &Simulated) -> Embedded {
    Embedded::over(VaultFile::over(PathBuf::from("simulated"), disk.disk()).unwrap(), disk.blobs()).unwrap()
}

/// A write of the run. The log has the writes in the order in which they began.
#[derive(Debug)]
struct Begun {
    key: String,
    /// The value that it wrote; `None` if it removed the key.
    value: Option<Vec<u8>>,
    /// Whether its writer was told that it is durable.
    acknowledged: bool,
}

type Log = Arc<Mutex<Vec<Begun>>>;

/// Begins a few writes at once and waits for them. One thread begins them, so the log has their order.
async fn write_some(store: &Embedded, log: &Log, random: &mut Random) {
    let mut begun = Vec::new();
    for _ in 0..=random.below(7) {
        let n = log.lock().unwrap().len();
        if random.below(4) == 0 {
            let key = format!("b1:u:{}", random.below(3));
            let sum = store.increment(&key, 1).await.unwrap();
            log.lock().unwrap().push(Begun { key, value: Some(sum.to_le_bytes().to_vec()), acknowledged: false });
            continue;
        }
        let blob = BlobId::from_u128(random.below(3).into());
        let key = match random.below(6) {
            0 => format!("b1:i:{}", random.below(6)),
            1 => format!("b1:k:{}", random.below(6)),
            2 => Key::manifest(blob).as_str().to_owned(),
            // Chunks in files, and chunks that are small enough for the table.
            _ => Key::chunk(blob, u32::try_from(random.below(3)).unwrap()).as_str().to_owned(),
        };
        let mut value = n.to_le_bytes().to_vec();
        value.resize(8 + usize::try_from(random.below(25_000)).unwrap(), b'x');
        let value = Some(value).filter(|_| random.below(4) > 0);
        log.lock().unwrap().push(Begun { key: key.clone(), value: value.clone(), acknowledged: false });
        let mut write = Box::pin(async move {
            match value {
                Some(value) => store.set(&key, value).await.unwrap(),
                None => store.delete(&key).await.unwrap(),
            }
            if Family::durability_of(&key) == Durability::Acknowledged {
                log.lock().unwrap()[n].acknowledged = true;
            }
        });
        // A write begins when it is first polled.
        if futures::poll!(&mut write).is_pending() {
            begun.push(write);
        }
    }
    join_all(begun).await;
}

/// The store after a cut must equal the state after some prefix of the log that includes every acknowledged write. So a
/// write survives if a later one does, and no counter falls behind the other values.
fn check(disk: &Simulated, log: &[Begun], acknowledged: usize) {
    let store = open(disk);
    let keys: Vec<String> = log.iter().map(|begun| begun.key.clone()).collect();
    let found: HashMap<&str, Option<Vec<u8>>> =
        keys.iter().map(|key| (key.as_str(), block_on(store.get(key)).unwrap())).collect();
    let mut now: HashMap<&str, Option<&[u8]>> = HashMap::new();
    let matches = |now: &HashMap<&str, Option<&[u8]>>| {
        found.iter().all(|(key, value)| now.get(key).copied().flatten() == value.as_deref())
    };
    let mut fits = acknowledged == 0 && matches(&now);
    for (n, begun) in log.iter().enumerate() {
        now.insert(&begun.key, begun.value.as_deref());
        fits |= n + 1 >= acknowledged && matches(&now);
    }
    if !fits {
        let found: Vec<_> = found.iter().map(|(key, value)| (key, value.as_ref().map(|value| &value[..8]))).collect();
        panic!("no moment after write {acknowledged} of {} had what is there: {found:?}", log.len());
    }
}

#[test]
fn a_power_cut_takes_back_nothing_that_was_promised() {
    let mut random = Random(seed());
    let mut cuts = 0;
    for _ in 0..80 {
        let disk = Simulated::new();
        let store = open(&disk);
        let log = Log::default();
        let (sender, taken) = std::sync::mpsc::channel();
        disk.watch({
            let (log, mut random) = (log.clone(), Random(random.below(u64::MAX) | 1));
            move |disk| {
                if random.below(5) == 0 {
                    let acknowledged = log.lock().unwrap().iter().rposition(|begun| begun.acknowledged);
                    let odds = random.below(11);
                    let cut = disk.cut(|| random.below(10) < odds);
                    sender.send((cut, acknowledged.map_or(0, |n| n + 1))).unwrap();
                }
            }
        });
        for _ in 0..12 {
            block_on(write_some(&store, &log, &mut random));
        }
        // Closing the store makes all writes durable.
        drop(store);
        let log = log.lock().unwrap();
        check(&disk.cut(|| false), &log, log.len());
        disk.watch(|_| ());
        for (disk, acknowledged) in taken {
            check(&disk, &log, acknowledged);
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 1000, "{cuts} cuts");
}

#[test]
fn what_nobody_may_be_told_of_yet_is_not_seen() {
    let disk = Simulated::new();
    let store = open(&disk);
    block_on(store.set("b1:i:one", b"old".to_vec())).unwrap();
    for n in 0..200_u8 {
        let mut write = store.set("b1:i:one", vec![n]);
        if block_on(async { futures::poll!(&mut write) }).is_ready() {
            continue;
        }
        // A cut now cannot take back what a reader sees now.
        let read = block_on(store.get("b1:i:one")).unwrap();
        let left = open(&disk.cut(|| false));
        if read == Some(vec![n]) {
            assert_eq!(block_on(left.get("b1:i:one")).unwrap(), read);
        }
        block_on(write).unwrap();
        assert_eq!(block_on(open(&disk.cut(|| false)).get("b1:i:one")).unwrap(), Some(vec![n]));
    }
}

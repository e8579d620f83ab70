//! The two stores behind one trait.

use std::path::Path;

use anyhow::{Context, Result, bail};
use fjall::{KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use redb::{Durability, ReadableDatabase, TableDefinition};

/// Chunks have a table of their own, so changing a small record never rewrites a chunk.
const CHUNK_PREFIX: &str = "b1:c:";
const CHUNKS: TableDefinition<&str, &[u8]> = TableDefinition::new("chunks");
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
const MIB: usize = 1024 * 1024;
const SMALL_CACHE: usize = 64 * MIB;
const BIG_CACHE: usize = 512 * MIB;

/// One change: a new value for the key, or its deletion.
pub struct Op {
    pub key: String,
    pub value: Option<Vec<u8>>,
}

pub trait Store: Send + Sync {
    /// Applies the changes atomically. If `durable`, they and all earlier changes are on disk when it returns.
    fn write(&self, ops: Vec<Op>, durable: bool) -> Result<()>;

    /// Passes the value to `visit`; returns false if the key has no value.
    fn read(&self, key: &str, visit: &mut dyn FnMut(&[u8])) -> Result<bool>;

    /// Gives space back to the file system as thoroughly as the store can.
    fn reclaim(&mut self) -> Result<()>;

    /// Checks the whole store; returns whether it is sound, or `None` if the store has no such function.
    fn verify(&mut self) -> Result<Option<bool>>;

    fn close(self: Box<Self>) -> Result<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// redb, one-phase commit.
    Redb,
    /// redb, `set_two_phase_commit(true)`.
    Redb2pc,
    /// redb, `set_quick_repair(true)`, which implies two-phase commit.
    RedbQuick,
    /// redb, one-phase commit, a larger cache.
    RedbBigCache,
    /// fjall, values inside the tables.
    Fjall,
    /// fjall, chunk values in blob files.
    FjallBlob,
    /// The same, with blob files collected as soon as a tenth of one is dead, however young.
    FjallBlobGc,
}

impl Engine {
    pub const ALL: [Self; 7] = [
        Self::Redb,
        Self::Redb2pc,
        Self::RedbQuick,
        Self::RedbBigCache,
        Self::Fjall,
        Self::FjallBlob,
        Self::FjallBlobGc,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Redb => "redb",
            Self::Redb2pc => "redb-2pc",
            Self::RedbQuick => "redb-quick-repair",
            Self::RedbBigCache => "redb-cache-512M",
            Self::Fjall => "fjall",
            Self::FjallBlob => "fjall-blob",
            Self::FjallBlobGc => "fjall-blob-gc",
        }
    }

    pub fn parse(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|engine| engine.name() == name) {
            Some(engine) => Ok(engine),
            None => bail!("no engine is called {name:?}"),
        }
    }

    pub fn is_redb(self) -> bool {
        !matches!(self, Self::Fjall | Self::FjallBlob | Self::FjallBlobGc)
    }

    /// Opens the store in the directory, or creates it.
    pub fn open(self, dir: &Path) -> Result<Box<dyn Store>> {
        std::fs::create_dir_all(dir)?;
        if self.is_redb() {
            let file = dir.join("data.redb");
            Ok(Box::new(RedbStore::new(self.redb_builder().create(file)?, self)?))
        } else {
            Ok(Box::new(FjallStore::open(dir, self)?))
        }
    }

    /// Opens redb on the caller's storage backend.
    pub fn open_redb_on(self, backend: impl redb::StorageBackend) -> Result<Box<dyn Store>> {
        let db = self.redb_builder().create_with_backend(backend)?;
        Ok(Box::new(RedbStore::new(db, self)?))
    }

    fn redb_builder(self) -> redb::Builder {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(match self {
            Self::RedbBigCache => BIG_CACHE,
            _ => SMALL_CACHE,
        });
        builder
    }
}

struct RedbStore {
    db: redb::Database,
    two_phase: bool,
    quick_repair: bool,
}

impl RedbStore {
    fn new(db: redb::Database, engine: Engine) -> Result<Self> {
        let store = Self { db, two_phase: engine == Engine::Redb2pc, quick_repair: engine == Engine::RedbQuick };
        // Create both tables, so that reads need not handle a missing table.
        store.write(Vec::new(), true)?;
        Ok(store)
    }
}

impl Store for RedbStore {
    fn write(&self, ops: Vec<Op>, durable: bool) -> Result<()> {
        let mut txn = self.db.begin_write()?;
        if durable {
            txn.set_two_phase_commit(self.two_phase);
            txn.set_quick_repair(self.quick_repair);
        } else {
            txn.set_durability(Durability::None)?;
        }
        {
            let mut chunks = txn.open_table(CHUNKS)?;
            let mut records = txn.open_table(RECORDS)?;
            for op in &ops {
                let table = if op.key.starts_with(CHUNK_PREFIX) { &mut chunks } else { &mut records };
                match &op.value {
                    Some(value) => drop(table.insert(op.key.as_str(), value.as_slice())?),
                    None => drop(table.remove(op.key.as_str())?),
                }
            }
        }
        Ok(txn.commit()?)
    }

    fn read(&self, key: &str, visit: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let txn = self.db.begin_read()?;
        let definition = if key.starts_with(CHUNK_PREFIX) { CHUNKS } else { RECORDS };
        let value = txn.open_table(definition)?.get_owned(key)?;
        Ok(value.map(|value| visit(value.value())).is_some())
    }

    fn reclaim(&mut self) -> Result<()> {
        self.db.compact()?;
        Ok(())
    }

    fn verify(&mut self) -> Result<Option<bool>> {
        Ok(Some(self.db.check_integrity()?))
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.db.close()?)
    }
}

struct FjallStore {
    db: fjall::Database,
    chunks: fjall::Keyspace,
    records: fjall::Keyspace,
}

impl FjallStore {
    fn open(dir: &Path, engine: Engine) -> Result<Self> {
        let db = fjall::Database::builder(dir).cache_size(SMALL_CACHE as u64).open().context("opening fjall")?;
        let blobs = KvSeparationOptions::default();
        let separation = match engine {
            Engine::FjallBlob => Some(blobs),
            Engine::FjallBlobGc => Some(blobs.age_cutoff(1.0).staleness_threshold(0.1)),
            _ => None,
        };
        let chunks =
            db.keyspace("chunks", || KeyspaceCreateOptions::default().with_kv_separation(separation.clone()))?;
        let records = db.keyspace("records", KeyspaceCreateOptions::default)?;
        Ok(Self { db, chunks, records })
    }

    fn keyspace(&self, key: &str) -> &fjall::Keyspace {
        if key.starts_with(CHUNK_PREFIX) { &self.chunks } else { &self.records }
    }
}

impl Store for FjallStore {
    fn write(&self, ops: Vec<Op>, durable: bool) -> Result<()> {
        let mode = if durable { PersistMode::SyncAll } else { PersistMode::Buffer };
        let mut batch = self.db.batch().durability(Some(mode));
        for op in ops {
            let keyspace = self.keyspace(&op.key);
            match op.value {
                Some(value) => batch.insert(keyspace, op.key, value),
                None => batch.remove(keyspace, op.key),
            }
        }
        Ok(batch.commit()?)
    }

    fn read(&self, key: &str, visit: &mut dyn FnMut(&[u8])) -> Result<bool> {
        let value = self.keyspace(key).get(key)?;
        Ok(value.map(|value| visit(&value)).is_some())
    }

    fn reclaim(&mut self) -> Result<()> {
        for keyspace in [&self.chunks, &self.records] {
            keyspace.rotate_memtable_and_wait()?;
            // The first compaction finds dead blobs, the second drops them.
            keyspace.major_compact()?;
            keyspace.major_compact()?;
        }
        Ok(())
    }

    fn verify(&mut self) -> Result<Option<bool>> {
        Ok(None)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.db.persist(PersistMode::SyncAll)?;
        Ok(())
    }
}

//! The embedded store's tables, and its transactions over them.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeInclusive};

use burrow_model::key::{BlobId, Family, Key, Kind};
use redb::{
    Database, Error, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, TableDefinition, TableError,
};

use super::disk::Disk;
use super::writer::Write;
use crate::blobs::Place;

const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
/// The chunks that are in files: blob and number to offset and length. They have no value in `values`.
const PLACES: TableDefinition<'_, ChunkId, (u64, u32)> = TableDefinition::new("places");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The format of a store that has had a file of a blob.
const WITH_FILES: u64 = 2;
/// The formats that this Burrow reads and writes.
const FORMATS: RangeInclusive<u64> = 1..=WITH_FILES;

const FORMAT: &str = "format";
/// Whether files may lie beside the store that nothing needs: 1 from before the first change of a file until the store is
/// closed.
const UNSWEPT: &str = "unswept";

type Result<T> = std::result::Result<T, Error>;

/// A blob and the number of a chunk of it.
type ChunkId = (u128, u32);

/// What the store has under a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Value(Vec<u8>),
    /// A chunk in its blob's file.
    Chunk(BlobId, Place),
}

/// Writes the tables of a new store and the number of its format.
pub(super) fn initialize(disk: Disk) -> Result<()> {
    let database = redb::Builder::new().create_with_backend(disk)?;
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(VALUES)?;
    transaction.open_table(META)?.insert(FORMAT, FORMATS.start())?;
    Ok(transaction.commit()?)
}

/// Checks that a redb file is a store of ours, in a format that this Burrow reads.
pub(super) fn check(database: &Database) -> std::result::Result<(), String> {
    let read = database.begin_read().map_err(|error| error.to_string())?;
    let foreign = |_| "it is a redb file of another program; name another directory".to_owned();
    match read.open_table(META).and_then(|meta| Ok(meta.get(FORMAT)?.map(|format| format.value()))) {
        Ok(Some(format)) if FORMATS.contains(&format) => read.open_table(VALUES).map(|_| ()).map_err(foreign),
        Ok(Some(format)) => Err(format!(
            "it has format {format}, and this Burrow knows none above {WITH_FILES}; use the Burrow that made it"
        )),
        Ok(None) => Err("it is a redb file of another program; name another directory".into()),
        Err(TableError::Storage(error)) => Err(format!("it is damaged: {error}; restore a copy of it")),
        Err(error) => Err(foreign(error)),
    }
}

pub(super) fn find(database: &Database, key: &str) -> Result<Option<Stored>> {
    let read = database.begin_read()?;
    if let Some(Kind::Chunk(blob, n)) = Kind::of(key)
        && let Some(places) = places(&read)?
        && let Some(place) = places.get((blob.to_u128(), n))?
    {
        let (offset, len) = place.value();
        return Ok(Some(Stored::Chunk(blob, Place { offset, len })));
    }
    let value = read.open_table(VALUES)?.get(key)?;
    Ok(value.map(|value| Stored::Value(value.value().to_vec())))
}

/// A store of format 1 may lack this table.
fn places(read: &ReadTransaction) -> Result<Option<ReadOnlyTable<ChunkId, (u64, u32)>>> {
    match read.open_table(PLACES) {
        Ok(places) => Ok(Some(places)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Passes all keys that begin with a prefix to `give`, in batches of about `limit`, until it returns false. The keys
/// are those of one snapshot, read in one walk of each table, with checks: a damaged page must not pass for the end of
/// the list.
pub(super) fn keys(database: &Database, prefix: &str, limit: usize, give: impl Fn(Vec<String>) -> bool) -> Result<()> {
    let damaged = |why: &str| Error::Corrupted(format!("{why}, so some are missing"));
    let read = database.begin_read()?;
    let values = read.open_table(VALUES)?;
    let (mut batch, mut count, mut last) = (Vec::new(), 0, None::<String>);
    for entry in values.range::<&str>((Bound::Included(prefix), Bound::Unbounded))? {
        let (key, _) = entry?;
        if last.as_deref().is_some_and(|last| key.value() <= last) {
            return Err(damaged("its keys are out of order"));
        }
        if !key.value().starts_with(prefix) {
            break;
        }
        count += 1;
        last = Some(key.value().to_owned());
        batch.extend(last.clone());
        if batch.len() == limit && !give(std::mem::take(&mut batch)) {
            return Ok(());
        }
    }
    if prefix.is_empty() && count != values.len()? {
        return Err(damaged("it has fewer keys than it should have"));
    }
    let chunks = Family::Chunk.prefix();
    if let Some(places) = places(&read)?
        && (chunks.starts_with(prefix) || prefix.starts_with(chunks))
    {
        let (mut count, mut last) = (0, None);
        for entry in places.iter()? {
            let (blob, n) = entry?.0.value();
            if last.is_some_and(|last| (blob, n) <= last) {
                return Err(damaged("its chunks are out of order"));
            }
            (count, last) = (count + 1, Some((blob, n)));
            let key = Key::chunk(BlobId::from_u128(blob), n);
            if key.as_str().starts_with(prefix) {
                batch.push(key.as_str().to_owned());
            }
            if batch.len() == limit && !give(std::mem::take(&mut batch)) {
                return Ok(());
            }
        }
        if count != places.len()? {
            return Err(damaged("it has fewer chunks than it should have"));
        }
    }
    give(batch);
    Ok(())
}

/// Whether a blob's file may be needed: a chunk is in it, or the blob has a manifest. The second alone would do only if
/// the table of chunks is damaged; then the file must stay.
pub(super) fn needs_file(database: &Database, blob: BlobId) -> Result<bool> {
    let read = database.begin_read()?;
    if let Some(places) = places(&read)?
        && places.range(all_of(blob))?.next().transpose()?.is_some()
    {
        return Ok(true);
    }
    Ok(read.open_table(VALUES)?.get(Key::manifest(blob).as_str())?.is_some())
}

fn all_of(blob: BlobId) -> RangeInclusive<ChunkId> {
    (blob.to_u128(), 0)..=(blob.to_u128(), u32::MAX)
}

/// Whether any chunk is in a file.
pub(super) fn has_files(database: &Database) -> Result<bool> {
    let places = places(&database.begin_read()?)?;
    Ok(places.map(|places| places.is_empty()).transpose()? == Some(false))
}

pub(super) fn is_unswept(database: &Database) -> Result<bool> {
    let unswept = database.begin_read()?.open_table(META)?.get(UNSWEPT)?;
    Ok(unswept.is_some_and(|unswept| unswept.value() != 0))
}

/// Records whether files may lie beside the store that nothing needs. A store with files is of format 2.
pub(super) fn set_unswept(database: &Database, unswept: bool) -> Result<()> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut meta = transaction.open_table(META)?;
        if unswept {
            transaction.open_table(PLACES)?;
            meta.insert(FORMAT, WITH_FILES)?;
            meta.insert(UNSWEPT, 1)?;
        } else {
            meta.remove(UNSWEPT)?;
        }
    }
    Ok(transaction.commit()?)
}

/// Applies the writes in order, all or nothing. They are durable when it returns. Returns blobs of which chunks were
/// removed and none is in a file now.
pub(super) fn apply(database: &Database, writes: &[Write]) -> Result<Vec<BlobId>> {
    let mut transaction = database.begin_write()?;
    // Each commit waits once more for the disk. In return a file of any size opens in milliseconds after a crash.
    transaction.set_quick_repair(true);
    let mut emptied = Vec::new();
    {
        let mut values = transaction.open_table(VALUES)?;
        let has_chunks = writes.iter().any(|write| matches!(write.kind, Some(Kind::Chunk(..))));
        let mut places = if has_chunks { Some(transaction.open_table(PLACES)?) } else { None };
        let mut removed = BTreeSet::new();
        for write in writes {
            let key = write.key.as_str();
            if let (Some(places), Some(Kind::Chunk(blob, n))) = (&mut places, &write.kind) {
                let id = (blob.to_u128(), *n);
                if let Some(Place { offset, len }) = write.place {
                    values.remove(key)?;
                    places.insert(id, (offset, len))?;
                    continue;
                }
                let had_place = places.remove(id)?.is_some();
                // A crash may have left the file after its last chunk was removed.
                if had_place || write.value.is_none() {
                    removed.insert(*blob);
                }
            }
            match &write.value {
                Some(value) => values.insert(key, value.as_ref())?,
                None => values.remove(key)?,
            };
        }
        for blob in removed {
            if let Some(places) = &places
                && places.range(all_of(blob))?.next().transpose()?.is_none()
            {
                emptied.push(blob);
            }
        }
    }
    transaction.commit()?;
    Ok(emptied)
}

//! The mark of a store whose larger blobs are elsewhere. Without them it must not be opened.

use burrow_model::envelope::decode;
use burrow_model::key::Key;
use burrow_model::record::ObjectStore;

use super::{KeyValue, KvError, Result};

/// The store's mark, if it has one.
pub(super) async fn mark(kv: &dyn KeyValue) -> Result<Option<ObjectStore>> {
    let key = Key::object_store();
    let value = kv.get(key.as_str()).await?;
    value.map(|value| decode(&key, &value)).transpose().map_err(|error| KvError(error.to_string()))
}

/// Checks that all blobs of a store are in it.
///
/// # Errors
///
/// The larger ones are elsewhere; the text says where.
pub(super) async fn has_all(kv: &dyn KeyValue) -> Result<()> {
    match mark(kv).await? {
        None => Ok(()),
        Some(mark) => {
            Err(KvError(format!("the larger contents of this store are in {}; name that with --blobs", mark.name)))
        }
    }
}

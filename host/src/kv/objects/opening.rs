//! Opens a store with its larger blobs in a bucket. Vault and bucket know each other, so neither is taken for another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use burrow_model::envelope::encode;
use burrow_model::key::Key;
use burrow_model::record::ObjectStore;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::super::elsewhere::mark;
use super::super::{KeyValue, KvError, Result};
use super::bucket::{Bucket, Client};
use super::reader::Reader;
use super::removal::Removals;
use super::{Objects, Shared, WRITING_BYTES};

/// Checks that a place belongs to a vault, and makes it the vault's own if it belongs to none.
///
/// # Errors
///
/// It belongs to another vault, or cannot be read or written.
pub(super) async fn is_ours(client: &Client, vault: &str) -> Result<()> {
    match client.owner().await? {
        Some(owner) => is_owner(client, &owner, vault),
        None => client.claim(vault).await,
    }
}

fn is_owner(client: &Client, owner: &str, vault: &str) -> Result<()> {
    if owner == vault {
        return Ok(());
    }
    let place = client.place();
    Err(KvError(format!("{place} has the blobs of another vault; give each vault a prefix of its own")))
}

impl Objects {
    /// Opens a store whose larger blobs are, or from now on will be, in this place. The variables `AWS_*` say how to
    /// reach it. Call it within a Tokio runtime, which then drives the connections.
    ///
    /// # Errors
    ///
    /// The store has its blobs elsewhere, or the place has those of another vault. If the store is new to the place:
    /// the place cannot be read or written.
    pub async fn open(below: Arc<dyn KeyValue>, place: &Bucket) -> Result<Self> {
        Self::over(below, place.client()?).await
    }

    pub(super) async fn over(below: Arc<dyn KeyValue>, client: Client) -> Result<Self> {
        let (place, key) = (client.place().to_string(), Key::object_store());
        let vault = match mark(&*below).await? {
            Some(mark) if mark.name != place => {
                return Err(KvError(format!(
                    "the larger contents of this store are in {}, not in {place}; to move them, export the vault and \
                     import it into a new store",
                    mark.name
                )));
            }
            Some(mark) => {
                match client.owner().await {
                    Ok(Some(owner)) => is_owner(&client, &owner, &mark.vault)?,
                    Ok(None) => client.claim(&mark.vault).await?,
                    // Everything but the larger contents works without it.
                    Err(error) => tracing::error!("{error}; the larger contents can neither be read nor stored"),
                }
                mark.vault
            }
            None => {
                if let Some(owner) = client.owner().await? {
                    is_owner(&client, &owner, "")?;
                }
                let vault = uuid::Uuid::now_v7().to_string();
                let mark = ObjectStore { name: place, vault: vault.clone() };
                let value = encode(&key, &mark).map_err(|error| KvError(error.to_string()))?;
                below.set(key.as_str(), value).await?;
                if let Err(error) = client.claim(&vault).await {
                    // The store is not bound to a place that it cannot use.
                    below.delete(key.as_str()).await?;
                    return Err(error);
                }
                vault
            }
        };
        let runtime = Handle::try_current().map_err(|error| KvError(error.to_string()))?;
        Ok(Self(Arc::new(Shared {
            below,
            client,
            runtime,
            vault,
            uploads: Mutex::new(HashMap::new()),
            reader: Reader::new(),
            removals: Removals::default(),
            writing: Arc::new(Semaphore::new(WRITING_BYTES)),
        })))
    }
}

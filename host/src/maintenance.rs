//! Verifies, repairs and restores: the component's `burrow:vault/maintenance` for programs.

use burrow_model::key::Family;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::StreamReader;

use crate::bindings::exports::burrow::vault::maintenance::{Discovery, Fault, FaultKind, Restored, Verified};
use crate::pool::Running;
use crate::streams::{Completion, FromGuest, ToGuest};
use crate::vault::{call, watched};
use crate::{Burrow, Error, Image};

/// A verification that runs: its discoveries, one batch after the other.
#[derive(Debug)]
pub struct Verification {
    discoveries: mpsc::Receiver<Result<Vec<Discovery>, Error>>,
    done: Running<Result<Verified, Error>>,
}

impl Verification {
    /// Returns the next discoveries; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] if the component failed.
    pub async fn next(&mut self) -> Result<Option<Vec<Discovery>>, Error> {
        self.discoveries.recv().await.transpose()
    }

    /// Waits for the end, and returns the counts of what was examined.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` for `repair` without `alone`, `store-failed`; [`Error::Component`] if
    /// the component failed.
    pub async fn finish(mut self) -> Result<Verified, Error> {
        // Discoveries that the caller did not read are dropped.
        self.discoveries.close();
        self.done.end().await?
    }
}

impl Burrow {
    /// Examines everything in the vault except content, and with `repair` repairs what can be repaired. By
    /// `alone` the caller states that no other process uses the vault now. `repair` needs that statement.
    ///
    /// It goes on while [`Verification::next`] is called.
    pub fn verify(&self, repair: bool, alone: bool) -> Verification {
        let (sender, discoveries) = mpsc::channel(16);
        let burrow = self.clone();
        let done = self.pool.spawn(async move { burrow.run_verify(repair, alone, sender).await });
        Verification { discoveries, done }
    }

    async fn run_verify(
        &self,
        repair: bool,
        alone: bool,
        discoveries: mpsc::Sender<Result<Vec<Discovery>, Error>>,
    ) -> Result<Verified, Error> {
        let (mut store, instance) = self.instantiate_in(self.factory.large_store()).await?;
        let verified = store
            .run_concurrent(async |accessor| -> Result<Verified, Error> {
                let maintenance = instance.burrow_vault_maintenance();
                let (stream, completion) = maintenance.call_verify(accessor, repair, alone).await?;
                let (sender, outcome) = oneshot::channel();
                accessor.with(|mut access| -> wasmtime::Result<()> {
                    stream.pipe(&mut access, FromGuest::into(discoveries))?;
                    completion.pipe(&mut access, Completion::into(sender))
                })?;
                Ok(outcome.await.map_err(|_| Error::Interrupted)??)
            })
            .await;
        watched(verified.map_err(Error::from).and_then(|verified| verified))
    }

    /// Reads and hashes the content of a ready image. Returns its size in bytes if it is the original.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `not-found`, `wrong-status`, `corrupt` with what is damaged,
    /// `store-failed`.
    pub async fn verify_content(&self, id: &str) -> Result<u64, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        self.compute(async move { Ok(call!(burrow, burrow_vault_maintenance.call_verify_content(id))) }).await
    }

    /// Restores an image that another vault exported. Call it without `content` first; pass the content, piece by
    /// piece, if the result is [`Restored::ContentNeeded`]. If the content breaks off, its digest differs, and the
    /// vault refuses it.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input`, `not-an-image`, `limit-exceeded`, `store-failed`. Nothing has changed then.
    pub async fn restore(&self, image: Image, content: Option<BoxStream<'static, Vec<u8>>>) -> Result<Restored, Error> {
        let burrow = self.clone();
        let restore = async move {
            let (mut store, instance) = burrow.instantiate().await?;
            let content = content.map(|content| StreamReader::new(&mut store, ToGuest(content.map(Ok).boxed())));
            let content = content.transpose()?;
            let maintenance = instance.burrow_vault_maintenance();
            let restored = store
                .run_concurrent(async |accessor| maintenance.call_restore(accessor, image, content).await)
                .await
                .and_then(|restored| restored);
            Ok(watched(restored.map_err(Error::from))??)
        };
        self.compute(restore).await
    }
}

/// Makes the fault of an image whose content cannot be read; `detail` says why.
pub fn damaged_content(image: String, detail: String) -> Fault {
    let key = format!("{}{image}", Family::Image.prefix());
    Fault { kind: FaultKind::DamagedContent, key, image: Some(image), detail, repaired: false }
}

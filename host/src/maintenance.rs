//! Care of a whole vault: the component's `burrow:vault/maintenance`.

use std::time::SystemTime;

use burrow_model::key::Family;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::StreamReader;

use crate::bindings::exports::burrow::vault::maintenance::{Discovery, Fault, FaultKind, Restored, Verified};
use crate::pool::Running;
use crate::streams::{Completion, FromGuest, ToGuest};
use crate::vault::call;
use crate::{Burrow, Error, Image, millis};

/// What a verification comes upon, as it goes on.
#[derive(Debug)]
pub struct Verification {
    discoveries: mpsc::Receiver<Result<Vec<Discovery>, Error>>,
    done: Running<Result<Verified, Error>>,
}

impl Verification {
    /// Returns what was come upon next, or none at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] if the component broke off.
    pub async fn next(&mut self) -> Result<Option<Vec<Discovery>>, Error> {
        self.discoveries.recv().await.transpose()
    }

    /// Returns what was looked at, once all is.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`] if the store failed, or it was asked to repair without being alone.
    pub async fn finish(mut self) -> Result<Verified, Error> {
        // Whoever finishes early does not want to know the rest.
        self.discoveries.close();
        self.done.end().await?
    }
}

impl Burrow {
    /// Looks at everything in the vault but content, and mends what can be mended if `repair` is set. If nobody else
    /// uses the vault, `dead_before` is the time since when: whoever wrote before is dead. Repairing needs it.
    ///
    /// It goes on while [`Verification::next`] is called.
    pub fn verify(&self, repair: bool, dead_before: Option<SystemTime>) -> Verification {
        let (sender, discoveries) = mpsc::channel(16);
        let burrow = self.clone();
        let done = self.pool.spawn(async move { burrow.run_verify(repair, dead_before, sender).await });
        Verification { discoveries, done }
    }

    async fn run_verify(
        &self,
        repair: bool,
        dead_before: Option<SystemTime>,
        discoveries: mpsc::Sender<Result<Vec<Discovery>, Error>>,
    ) -> Result<Verified, Error> {
        let (mut store, instance) = self.instantiate_in(self.factory.large_store()).await?;
        store
            .run_concurrent(async |accessor| -> Result<Verified, Error> {
                let maintenance = instance.burrow_vault_maintenance();
                let dead_before = dead_before.and_then(millis);
                let (stream, completion) = maintenance.call_verify(accessor, repair, dead_before).await?;
                let (sender, outcome) = oneshot::channel();
                accessor.with(|mut access| -> wasmtime::Result<()> {
                    stream.pipe(&mut access, FromGuest::into(discoveries))?;
                    completion.pipe(&mut access, Completion::into(sender))
                })?;
                Ok(outcome.await.map_err(|_| Error::Interrupted)??)
            })
            .await?
    }

    /// Reads and hashes all content of a ready image; returns its size in bytes if it is what it was.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt` says what is damaged.
    pub async fn verify_content(&self, id: &str) -> Result<u64, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        self.compute(async move { Ok(call!(burrow, burrow_vault_maintenance.call_verify_content(id))) }).await
    }

    /// Puts back an image that another vault gave. Its content, piece by piece, is needed only if this says so. A content
    /// that breaks off is noticed: its digest differs.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]; nothing is changed then.
    pub async fn restore(&self, image: Image, content: Option<BoxStream<'static, Vec<u8>>>) -> Result<Restored, Error> {
        let burrow = self.clone();
        let restore = async move {
            let (mut store, instance) = burrow.instantiate().await?;
            let content = content.map(|content| StreamReader::new(&mut store, ToGuest(content.map(Ok).boxed())));
            let content = content.transpose()?;
            let maintenance = instance.burrow_vault_maintenance();
            Ok(store
                .run_concurrent(async |accessor| maintenance.call_restore(accessor, image, content).await)
                .await???)
        };
        self.compute(restore).await
    }
}

/// The fault of an image whose content cannot be read, as `detail` says.
pub fn damaged_content(image: String, detail: String) -> Fault {
    let key = format!("{}{image}", Family::Image.prefix());
    Fault { kind: FaultKind::DamagedContent, key, image: Some(image), detail, repaired: false }
}

//! The vault for programs: the component's `burrow:vault/vault`, each call in an instance of its own.

use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use wasmtime::Store;
use wasmtime::component::StreamReader;

use crate::bindings::Burrow as Instance;
use crate::bindings::exports::burrow::vault::vault::{Filter, Page, Resumed, Statistics};
use crate::state::State;
use crate::streams::{Completion, Taken};
use crate::{Burrow, ByteRange, Error, Image, Label, millis};

/// Calls an export in a fresh instance.
macro_rules! call {
    ($burrow:expr, $interface:ident . $function:ident ( $($argument:expr),* )) => {{
        let (mut store, instance) = $burrow.instantiate().await?;
        store
            .run_concurrent(async |accessor| instance.$interface().$function(accessor, $($argument),*).await)
            .await???
    }};
}
pub(crate) use call;

impl Burrow {
    pub(crate) async fn instantiate(&self) -> Result<(Store<State>, Instance), Error> {
        self.instantiate_in(self.factory.store()).await
    }

    pub(crate) async fn instantiate_in(&self, mut store: Store<State>) -> Result<(Store<State>, Instance), Error> {
        let instance = self.factory.pre.instantiate_async(&mut store).await?;
        let instance = Instance::new(&mut store, &instance)?;
        Ok((store, instance))
    }

    /// Records a new image and downloads, packs and stores it; returns its record, ready or failed.
    pub async fn ingest(&self, url: &str, label: Label) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_ingest(url.to_owned(), label)))
    }

    /// Records a new image for [`Burrow::resume`] to download.
    pub async fn submit(&self, url: &str, label: Label) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_submit(url.to_owned(), label)))
    }

    /// Stores bytes as a new image.
    pub async fn put(&self, content: Bytes, label: Label) -> Result<Image, Error> {
        let (mut store, instance) = self.instantiate().await?;
        let content = StreamReader::new(&mut store, content)?;
        let image = store
            .run_concurrent(async |accessor| instance.burrow_vault_vault().call_put(accessor, content, label).await)
            .await???;
        Ok(image)
    }

    /// Returns the record of an image.
    pub async fn get(&self, id: &str) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_get(id.to_owned())))
    }

    /// Returns the record of the newest ready image of that name.
    pub async fn get_by_name(&self, name: &str) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_get_by_name(name.to_owned())))
    }

    /// Lists images, newest first, those after `cursor`, at most `limit` (1 to 1000). A page may hold fewer, even none,
    /// and still have a `next`.
    pub async fn list(&self, filter: &Filter, cursor: Option<String>, limit: u32) -> Result<Page, Error> {
        Ok(call!(self, burrow_vault_vault.call_list_images(filter.clone(), cursor, limit)))
    }

    /// Changes a ready image's name, tags or both; what is none stays.
    pub async fn update(&self, id: &str, name: Option<String>, tags: Option<Vec<String>>) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_update(id.to_owned(), name, tags)))
    }

    /// Tries a failed image again; returns its record, ready or failed.
    pub async fn retry(&self, id: &str) -> Result<Image, Error> {
        Ok(call!(self, burrow_vault_vault.call_retry(id.to_owned())))
    }

    /// Removes an image; returns whether there was one.
    pub async fn remove(&self, id: &str) -> Result<bool, Error> {
        Ok(call!(self, burrow_vault_vault.call_remove(id.to_owned())))
    }

    /// Counts over the whole vault.
    pub async fn stats(&self) -> Result<Statistics, Error> {
        Ok(call!(self, burrow_vault_vault.call_stats()))
    }

    /// Finishes jobs that were recorded and never finished. Whoever wrote to the store before `dead_before` must be
    /// dead: give the time at which this process opened it, if it opened it for itself alone.
    pub async fn resume(&self, dead_before: Option<SystemTime>) -> Result<Resumed, Error> {
        Ok(call!(self, burrow_vault_vault.call_resume(dead_before.and_then(millis))))
    }

    /// Opens the content of a ready image, all of it or a range.
    pub async fn open(&self, id: &str, range: Option<ByteRange>) -> Result<Content, Error> {
        self.stream(Call::Open(id.to_owned(), range)).await
    }

    /// Packs bytes into one gzip stream whose blocks inflate alone.
    pub async fn pack(&self, content: Bytes) -> Result<Content, Error> {
        self.stream(Call::Pack(content)).await
    }

    /// Unpacks a gzip stream, and checks it.
    pub async fn unpack(&self, packed: Bytes) -> Result<Content, Error> {
        self.stream(Call::Unpack(packed)).await
    }

    async fn stream(&self, call: Call) -> Result<Content, Error> {
        let (head, opened) = oneshot::channel();
        // Two pieces under way: one being written, one being read.
        let (sender, pieces) = mpsc::channel(2);
        let burrow = self.clone();
        tokio::spawn(async move {
            let failed = sender.clone();
            if let Err(error) = burrow.pump(call, head, sender).await {
                // The reader may be gone.
                let _ = failed.send(Err(error)).await;
            }
        });
        let mut content = Content { image: None, pieces };
        match opened.await {
            Ok(image) => content.image = image,
            // It failed before it began, and says why.
            Err(_) => {
                content.next().await?;
            }
        }
        Ok(content)
    }

    async fn pump(
        &self,
        call: Call,
        head: oneshot::Sender<Option<Image>>,
        pieces: mpsc::Sender<Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        let (mut store, instance) = self.instantiate().await?;
        store
            .run_concurrent(async |accessor| -> Result<(), Error> {
                let (vault, codec) = (instance.burrow_vault_vault(), instance.burrow_vault_codec());
                let input = |bytes: Bytes| accessor.with(|mut access| StreamReader::new(&mut access, bytes));
                let (image, stream, completion) = match call {
                    Call::Open(id, range) => {
                        let (image, stream, completion) = vault.call_open(accessor, id, range).await??;
                        (Some(image), stream, completion)
                    }
                    Call::Pack(content) => {
                        let (stream, completion) = codec.call_pack(accessor, input(content)?).await?;
                        (None, stream, completion)
                    }
                    Call::Unpack(packed) => {
                        let (stream, completion) = codec.call_unpack(accessor, input(packed)?).await?;
                        (None, stream, completion)
                    }
                };
                // The reader may be gone.
                let _ = head.send(image);
                let (sender, outcome) = oneshot::channel();
                accessor.with(|mut access| -> wasmtime::Result<()> {
                    stream.pipe(&mut access, Taken::into(pieces))?;
                    completion.pipe(&mut access, Completion::into(sender))
                })?;
                match outcome.await {
                    Ok(outcome) => Ok(outcome?),
                    Err(_) => Err(Error::Interrupted),
                }
            })
            .await?
    }
}

/// An export that gives a stream.
enum Call {
    Open(String, Option<ByteRange>),
    Pack(Bytes),
    Unpack(Bytes),
}

/// Bytes that the component gives, piece by piece.
#[derive(Debug)]
pub struct Content {
    image: Option<Image>,
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
}

impl Content {
    /// The record of the image that was opened.
    pub fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Returns the next bytes, or none at the end; only then was all of it right.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.pieces.recv().await.transpose()
    }
}

#[cfg(test)]
mod tests;

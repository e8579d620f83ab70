//! Streams of bytes from the component: an image's content, and what the codec makes of bytes.

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::io::AsyncRead;
use tokio::sync::{mpsc, oneshot};
use wasmtime::component::StreamReader;

use crate::pool::Running;
use crate::streams::{Completion, FromGuest};
use crate::vault::watched;
use crate::{Burrow, ByteRange, Error, Image};

impl Burrow {
    /// Opens the content of a ready image, all of it or a range.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `not-found`, `wrong-status`, `range-not-satisfiable`,
    /// `corrupt`, `store-failed`. Later errors come from [`ContentStream::next`].
    pub async fn open(&self, id: &str, range: Option<ByteRange>) -> Result<ContentStream, Error> {
        self.stream(Call::Open(id.to_owned(), range)).await
    }

    /// Packs bytes into one gzip stream, whose blocks each inflate without the others.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt` if an unpacked block differs from its content; it may come from
    /// [`ContentStream::next`].
    pub async fn pack(&self, content: Bytes) -> Result<ContentStream, Error> {
        self.stream(Call::Pack(content)).await
    }

    /// Unpacks a gzip stream and checks its length and CRC-32.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt` if the stream is no gzip, damaged, cut short, or followed by more bytes; it may come
    /// from [`ContentStream::next`].
    pub async fn unpack(&self, packed: Bytes) -> Result<ContentStream, Error> {
        self.stream(Call::Unpack(packed)).await
    }

    async fn stream(&self, call: Call) -> Result<ContentStream, Error> {
        let (head, opened) = oneshot::channel();
        // Two pieces: the component writes one while the reader reads the other.
        let (sender, pieces) = mpsc::channel(2);
        let burrow = self.clone();
        let pumping = self.pool.spawn(async move {
            let failed = sender.clone();
            if let Err(error) = burrow.pump(call, head, sender).await {
                // The reader may be gone.
                let _ = failed.send(Err(error)).await;
            }
        });
        let mut content = ContentStream { image: None, pieces, pumping: Some(pumping) };
        match opened.await {
            Ok(image) => content.image = image,
            // The call failed before the stream began; the channel has its error.
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
        let mut callable = self.factory.take().await?;
        let exports = &callable.exports;
        let pumped = callable
            .store
            .run_concurrent(async |accessor| -> Result<(), Error> {
                let (vault, codec) = (exports.burrow_vault_vault(), exports.burrow_vault_codec());
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
                    stream.pipe(&mut access, FromGuest::into(pieces))?;
                    completion.pipe(&mut access, Completion::into(sender))
                })?;
                match outcome.await {
                    Ok(outcome) => Ok(outcome?),
                    Err(_) => Err(Error::Interrupted),
                }
            })
            .await;
        watched(pumped.map_err(Error::from).and_then(|pumped| pumped))?;
        self.factory.put_back(callable);
        Ok(())
    }
}

/// A call of an export that returns a stream.
enum Call {
    Open(String, Option<ByteRange>),
    Pack(Bytes),
    Unpack(Bytes),
}

/// A stream of bytes from the component.
#[derive(Debug)]
pub struct ContentStream {
    image: Option<Image>,
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
    /// The task that reads from the component, until it has ended.
    pumping: Option<Running<()>>,
}

impl ContentStream {
    /// Returns the record of the opened image; `None` for [`Burrow::pack`] and [`Burrow::unpack`].
    pub fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }

    /// Returns the next bytes, or `None` at the end. The content is complete only if the end is reached without an
    /// error.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt` if stored or packed bytes are damaged, `store-failed`. The bytes of an image before
    /// the error are correct.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.pieces.recv().await.transpose()?;
        if piece.is_none()
            && let Some(pumping) = self.pumping.take()
        {
            // The stream is complete, or the task panicked, which is an error.
            pumping.end().await?;
        }
        Ok(piece)
    }

    /// Turns the stream into an async reader. An [`Error`] becomes an error of reading. The content is complete only if
    /// the end is reached without an error.
    pub fn into_reader(self) -> impl AsyncRead + Send + Unpin + use<> {
        let pieces = futures::stream::try_unfold(self, async |mut content| {
            let next = content.next().await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(next.map(|piece| (piece, content)))
        });
        tokio_util::io::StreamReader::new(pieces.boxed())
    }
}

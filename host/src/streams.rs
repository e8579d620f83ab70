//! Connects the component's streams and futures to channels of the host.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureConsumer, Lift, Source, StreamConsumer, StreamProducer, StreamResult, VecBuffer,
};

use crate::Error;

/// The most items taken from the component at once.
const BATCH: usize = 64;

type Permit<T> = mpsc::OwnedPermit<Result<T, Error>>;
type Reserving<T> = Pin<Box<dyn Future<Output = Option<Permit<T>>> + Send>>;

/// Sends the component's stream into a channel, at the pace of the channel's reader.
pub(crate) struct FromGuest<T> {
    to: mpsc::Sender<Result<T, Error>>,
    reserving: Option<Reserving<T>>,
}

impl<T: Send + 'static> FromGuest<T> {
    pub(crate) fn into(to: mpsc::Sender<Result<T, Error>>) -> Self {
        Self { to, reserving: None }
    }

    /// Waits for room in the channel. The error is the answer to the component if there is no room.
    fn poll_room(&mut self, cx: &mut Context<'_>, finish: bool) -> Poll<Result<Permit<T>, StreamResult>> {
        let to = self.to.clone();
        let reserving = self.reserving.get_or_insert_with(|| Box::pin(async { to.reserve_owned().await.ok() }));
        let Poll::Ready(permit) = reserving.as_mut().poll(cx) else {
            return if finish { Poll::Ready(Err(StreamResult::Cancelled)) } else { Poll::Pending };
        };
        self.reserving = None;
        Poll::Ready(permit.ok_or(StreamResult::Dropped))
    }
}

impl<D> StreamConsumer<D> for FromGuest<Bytes> {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let permit = match ready!(self.poll_room(cx, finish)) {
            Ok(permit) => permit,
            Err(answer) => return Poll::Ready(Ok(answer)),
        };
        let mut source = source.as_direct(store);
        let bytes = BytesMut::from(source.remaining()).freeze();
        source.mark_read(bytes.len());
        if !bytes.is_empty() {
            permit.send(Ok(bytes));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl<T: Lift + Send + 'static, D> StreamConsumer<D> for FromGuest<Vec<T>> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let permit = match ready!(self.poll_room(cx, finish)) {
            Ok(permit) => permit,
            Err(answer) => return Poll::Ready(Ok(answer)),
        };
        let mut items = Vec::with_capacity(BATCH);
        source.read(store, &mut items)?;
        if !items.is_empty() {
            permit.send(Ok(items));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Sends the value of a component's future, the outcome of a stream, into a channel.
pub(crate) struct Completion<T>(Option<oneshot::Sender<T>>);

impl<T> Completion<T> {
    pub(crate) fn into(to: oneshot::Sender<T>) -> Self {
        Self(Some(to))
    }
}

impl<T: Lift + Send + 'static, D> FutureConsumer<D> for Completion<T> {
    type Item = T;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut source: Source<'_, T>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut outcome = None;
        source.read(store, &mut outcome)?;
        if let (Some(sender), Some(outcome)) = (self.0.take(), outcome) {
            // The reader may be gone.
            let _ = sender.send(outcome);
        }
        Poll::Ready(Ok(()))
    }
}

/// Gives the component a stream, batch by batch. An error of the stream ends the whole call with that
/// [`std::io::Error`], because the component must not take a stream that broke off for a complete one.
pub(crate) struct ToGuest<T>(pub(crate) BoxStream<'static, std::io::Result<Vec<T>>>);

impl<T: Unpin + Send + Sync + 'static, D> StreamProducer<D> for ToGuest<T> {
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        Poll::Ready(Ok(match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
            Poll::Ready(Some(Ok(batch))) => {
                destination.set_buffer(batch.into());
                StreamResult::Completed
            }
            Poll::Ready(None) => StreamResult::Dropped,
            Poll::Pending if finish => StreamResult::Cancelled,
            Poll::Pending => return Poll::Pending,
        }))
    }
}

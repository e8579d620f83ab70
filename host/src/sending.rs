//! Which instances still send a response: one that does must not be dropped, however slowly its client reads.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// One response; it is being sent as long as this lives.
#[derive(Default)]
pub(crate) struct Ticket(Arc<()>);

impl Ticket {
    /// What the instance keeps of it.
    pub(crate) fn stub(&self) -> Stub {
        Stub(Arc::downgrade(&self.0))
    }
}

/// Tells whether a response is still being sent.
pub(crate) struct Stub(Weak<()>);

/// The responses of one instance.
#[derive(Clone, Default)]
pub(crate) struct Sending(Arc<Mutex<Vec<Stub>>>);

impl Sending {
    /// Counts a response in.
    pub(crate) fn begin(&self, stub: Stub) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stub);
    }

    /// Whether any is still being sent.
    pub(crate) fn any(&self) -> bool {
        let mut stubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stubs.retain(|stub| stub.0.strong_count() > 0);
        !stubs.is_empty()
    }
}

/// A response's body with its ticket.
pub(crate) struct Ticketed {
    pub(crate) body: WasiBody,
    pub(crate) _ticket: Ticket,
}

impl http_body::Body for Ticketed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

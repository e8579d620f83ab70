//! Tracks responses being sent, so that no instance is dropped while its client still reads.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The sender's side of a response: it lives as long as the response is being sent.
#[derive(Default)]
pub(crate) struct Ticket(Arc<()>);

impl Ticket {
    /// Returns the part that the instance keeps.
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
    /// Adds a response.
    pub(crate) fn begin(&self, stub: Stub) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(stub);
    }

    /// Whether any response is still being sent.
    pub(crate) fn any(&self) -> bool {
        let mut stubs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stubs.retain(|stub| stub.0.strong_count() > 0);
        !stubs.is_empty()
    }
}

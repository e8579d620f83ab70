//! Which instances still send a response: one that does must not be dropped, however slowly its client reads.

use std::sync::{Arc, Mutex, PoisonError, Weak};

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

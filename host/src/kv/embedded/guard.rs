//! Turns panics of redb into errors. redb trusts its file, and may panic if the file is damaged.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Calls redb. Returns the message and place of a panic instead of printing them.
///
/// After a panic redb's state in memory is lost, so the database must be opened again.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> std::result::Result<T, String> {
    quiet();
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.map_err(|_| SAID.take())
}

/// Installs, once, a panic hook that stays silent for calls of [`guarded`] and calls the earlier hook for all others.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                return hook(info);
            }
            let text = info.payload_as_str().unwrap_or("it panicked").lines().next().unwrap_or_default().to_owned();
            let at = info.location().map(|at| format!(" ({}:{})", file_name(at.file()), at.line()));
            SAID.set(text + &at.unwrap_or_default());
        }));
    });
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

//! redb trusts its file, and may panic when the file is damaged. Such a panic becomes an error here.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Calls redb. A panic is not printed but returned: what it said, and where.
///
/// What redb had in its hands is lost then, so the database must be opened again.
pub(super) fn guarded<T>(call: impl FnOnce() -> T) -> std::result::Result<T, String> {
    quiet();
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    result.map_err(|_| SAID.take())
}

/// Keeps the process's panic hook for all panics but those that are caught here.
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

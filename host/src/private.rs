//! New files, directories and sockets that only their owner may use.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::Mode;
use tokio::net::UnixListener;

/// Opens a file to read and write it, and makes it with mode 0600 if it does not exist.
pub(crate) fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// Makes directories with mode 0700.
pub(crate) fn directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Makes a socket with mode 0600. No other user can connect at any time.
pub(crate) fn socket(path: &Path) -> std::io::Result<UnixListener> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The umask is that of the process, so what other threads make meanwhile is private, too.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(before);
    bound
}

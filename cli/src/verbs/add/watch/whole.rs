//! Opens files that were found in watched directories, and reads each whole or not at all.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::fs::OFlags;
use tokio::io::{AsyncRead, ReadBuf};

use super::files::Sight;

/// Opens a file for reading. `None` if it is gone, or is not as it was seen. Never waits: what looked like a file may be
/// a FIFO by now.
///
/// # Errors
///
/// It cannot be opened.
pub(crate) fn open(path: &Path, sight: Sight) -> io::Result<Option<File>> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).map_err(io::Error::other)?;
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    Ok((metadata.is_file() && Sight::of(&metadata) == sight).then_some(file))
}

/// Reads an open file. At its end, fails if it changed since it was seen: what was read may then be parts of two
/// contents.
#[derive(Debug)]
pub(crate) struct Whole {
    file: tokio::fs::File,
    /// The same file, for its metadata.
    same: File,
    sight: Sight,
}

impl Whole {
    /// # Errors
    ///
    /// Too many files are open.
    pub(crate) fn new(file: File, sight: Sight) -> io::Result<Self> {
        Ok(Self { same: file.try_clone()?, file: tokio::fs::File::from_std(file), sight })
    }
}

/// The message of the error of a file that changed.
const CHANGED: &str = "it changed while it was read";

/// Whether an error says that a file changed while it was read.
pub(crate) fn has_changed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.to_string() == CHANGED)
}

impl AsyncRead for Whole {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.file).poll_read(context, buffer))?;
        let is_at_end = buffer.filled().len() == before && buffer.remaining() > 0;
        // Its name may change.
        if is_at_end && Sight::of(&self.same.metadata()?).version != self.sight.version {
            return Poll::Ready(Err(io::Error::other(CHANGED)));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_that_changes_is_not_read_to_its_end() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one").unwrap();
        let sight = Sight::of(&file.as_file().metadata().unwrap());
        let mut read = Vec::new();
        let whole = Whole::new(open(file.path(), sight).unwrap().unwrap(), sight).unwrap();
        assert_eq!({ whole }.read_to_end(&mut read).await.unwrap(), 3);
        let mut whole = Whole::new(open(file.path(), sight).unwrap().unwrap(), sight).unwrap();
        file.write_all(b", two").unwrap();
        assert!(has_changed(&whole.read_to_end(&mut read).await.unwrap_err()));
        assert!(open(file.path(), sight).unwrap().is_none() && open("/nowhere".as_ref(), sight).unwrap().is_none());
    }
}

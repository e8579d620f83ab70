//! Reads single places of a file, wherever they are.

use burrow_model::error::Error;

/// A file in which single places are read.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Look {
    /// Fills `into` with the bytes from `at` on.
    async fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), Unknown>;

    /// Returns the bytes from `at` on.
    async fn bytes<const N: usize>(&mut self, at: u64) -> Result<[u8; N], Unknown> {
        let mut bytes = [0; N];
        self.read(at, &mut bytes).await?;
        Ok(bytes)
    }
}

/// Why something that a file should say is not known.
#[derive(Debug)]
pub enum Unknown {
    /// The file does not say it, ends before, or contradicts itself.
    Unsaid,
    /// The file cannot be read.
    Failed(Error),
}

/// What was looked for, if the file says it.
pub(super) fn said<T>(found: Result<T, Unknown>) -> Result<Option<T>, Unknown> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Unknown::Unsaid) => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// The start of a file.
#[derive(Debug)]
pub(super) struct Start<'a> {
    bytes: &'a [u8],
    /// Whether somebody looked beyond it.
    pub(super) is_too_short: bool,
}

impl<'a> Start<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, is_too_short: false }
    }
}

impl Look for Start<'_> {
    async fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), Unknown> {
        let from = usize::try_from(at).ok().and_then(|at| self.bytes.get(at..)?.get(..into.len()));
        self.is_too_short |= from.is_none();
        into.copy_from_slice(from.ok_or(Unknown::Unsaid)?);
        Ok(())
    }
}

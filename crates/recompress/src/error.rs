//! Why a file is not packed, and why a packed form is not unpacked.

/// Why a file is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has a format that nothing is known about.
    #[error("this is no file of a format that can be recompressed")]
    Format,
    /// It ends too early.
    #[error("the compressed data ends too early")]
    Truncated,
    /// Its deflated data is not as RFC 1951 says, or written in a way that nobody writes.
    #[error("the compressed data cannot be taken apart: {0}")]
    Deflate(&'static str),
    /// A block has more tokens than memory allows.
    #[error("a block of the compressed data has too many tokens for the memory that may be used")]
    LongBlock,
    /// The file or its plain data is too long.
    #[error("the file or its data is longer than {limit} bytes")]
    Long {
        /// The limit, in bytes.
        limit: u64,
    },
    /// Unpacking or packing would take too much memory.
    #[error("{needed} bytes of memory would be needed, and {limit} may be used")]
    Memory {
        /// What would be needed, in bytes.
        needed: u64,
        /// What may be used, in bytes.
        limit: u64,
    },
    /// Unpacking would take too much work.
    #[error("unpacking would take {needed} units of work, and may take {limit}")]
    Work {
        /// What would be needed.
        needed: u64,
        /// What may be used.
        limit: u64,
    },
    /// There are no pixels that the coder for pixels takes.
    #[error("the pixels cannot be coded: {0}")]
    Pixels(&'static str),
    /// The packed form is not smaller.
    #[error("the packed form would not be smaller")]
    NotSmaller,
}

/// Why a packed form is not unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// It has a version that this program does not know.
    #[error("version {0} of the packed form is unknown")]
    Version(u8),
    /// It ends too early.
    #[error("the packed form ends too early")]
    Truncated,
    /// It describes no file.
    #[error("the packed form is damaged")]
    Stream,
    /// It needs more memory than it states, or than it may use.
    #[error("the packed form needs more memory than it states or may use")]
    Memory,
    /// It needs more work than it states, or than it may take.
    #[error("the packed form needs more work than it states or may take")]
    Work,
    /// The file that it describes is longer than it states, or than it may be.
    #[error("the packed form describes a file of another length than it states")]
    Length,
    /// The file that it describes has another checksum.
    #[error("the unpacked file has a wrong checksum")]
    Checksum,
}

/// Why unpacking stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure<E> {
    /// The packed form is damaged, or not within the limits.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The sink failed.
    #[error("the unpacked bytes could not be written")]
    Sink(E),
}

//! The encoder and the decoder: rows in and packed bytes out, and back.

use crate::layout::{Depth, Layout, LayoutError};
use crate::model::{Effort, Model};
use crate::range::{Reader, Writer};
use crate::samples::{pack, unpack};

/// Why rows cannot be packed or unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A row has not as many bytes as the layout says.
    #[error("a row has {found} bytes, but its layout says {expected}")]
    Row {
        /// The bytes of a row by the layout.
        expected: usize,
        /// The bytes that the caller gave, or has room for.
        found: usize,
    },
    /// There are not as many rows as the layout says.
    #[error("row {found} was given or asked for, but the layout says {expected} rows")]
    Rows {
        /// The rows of the layout.
        expected: u32,
        /// The rows that the caller gave or asked for.
        found: u32,
    },
    /// The packed bytes are of a version that this one does not know.
    #[error("packed pixels begin with {found:#04x}; this version of Burrow knows 0x10 and 0x11 only")]
    Version {
        /// The first byte.
        found: u8,
    },
    /// The packed bytes are not what an encoder wrote.
    #[error("packed pixels are damaged: they end too early or too late for their {rows} rows")]
    Damaged {
        /// The rows of the layout.
        rows: u32,
    },
}

/// What both directions share: the layout, the model, the samples of one row, and the number of rows so far.
#[derive(Debug)]
struct State {
    layout: Layout,
    model: Model,
    /// Bits of the samples below.
    depth: Depth,
    samples: Vec<u16>,
    row: u32,
}

impl State {
    fn new(layout: Layout, effort: Effort) -> Self {
        let model = Model::new(&layout, effort);
        let depth = model.depth(&layout);
        let samples = vec![0; layout.row_bytes() * 8 / depth.bits() as usize];
        Self { layout, model, depth, samples, row: 0 }
    }

    /// Counts a row of so many bytes.
    fn count(&mut self, found: usize) -> Result<(), Error> {
        let (expected, rows) = (self.layout.row_bytes(), self.layout.rows());
        if found != expected {
            return Err(Error::Row { expected, found });
        }
        if self.row == rows {
            return Err(Error::Rows { expected: rows, found: rows.saturating_add(1) });
        }
        self.row += 1;
        Ok(())
    }
}

/// Packs the rows of one image.
#[derive(Debug)]
pub struct Encoder {
    state: State,
    writer: Writer,
}

impl Encoder {
    /// An encoder for an image of this layout.
    pub fn new(layout: Layout, effort: Effort) -> Self {
        Self { state: State::new(layout, effort), writer: Writer::new(vec![effort.byte()]) }
    }

    /// Packs the next row: [`Layout::row_bytes`] bytes.
    ///
    /// # Errors
    /// [`Error::Row`] and [`Error::Rows`], if the row has another length, or there was the last one already.
    pub fn row(&mut self, row: &[u8]) -> Result<(), Error> {
        self.state.count(row.len())?;
        unpack(row, self.state.depth, &mut self.state.samples);
        self.state.model.row(&mut self.writer, &mut self.state.samples);
        Ok(())
    }

    /// The packed bytes so far; if they are more than the rows had, the caller may as well keep those.
    pub fn packed_len(&self) -> usize {
        self.writer.len()
    }

    /// The packed bytes.
    ///
    /// # Errors
    /// [`Error::Rows`], if rows are missing.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let (expected, found) = (self.state.layout.rows(), self.state.row);
        if found == expected { Ok(self.writer.finish()) } else { Err(Error::Rows { expected, found }) }
    }
}

/// Unpacks the rows of one image.
#[derive(Debug)]
pub struct Decoder<B> {
    state: State,
    reader: Reader<B>,
}

impl<B: AsRef<[u8]>> Decoder<B> {
    /// A decoder of what an [`Encoder`] made of an image of this layout.
    ///
    /// # Errors
    /// [`Error::Version`], if these bytes are of a later version, or no packed pixels at all.
    pub fn new(layout: Layout, packed: B) -> Result<Self, Error> {
        let first = packed.as_ref().first().copied().unwrap_or(0);
        let effort = Effort::from_byte(first).ok_or(Error::Version { found: first })?;
        Ok(Self { state: State::new(layout, effort), reader: Reader::new(packed, 1) })
    }

    /// Unpacks the next row into [`Layout::row_bytes`] bytes.
    ///
    /// Damage is found if it changes where the packed bytes end. Other damage gives wrong pixels: a caller who must know
    /// keeps a checksum.
    ///
    /// # Errors
    /// [`Error::Damaged`], as said; [`Error::Row`] and [`Error::Rows`], as [`Encoder::row`] has them.
    pub fn row(&mut self, row: &mut [u8]) -> Result<(), Error> {
        self.state.count(row.len())?;
        self.state.model.row(&mut self.reader, &mut self.state.samples);
        let rows = self.state.layout.rows();
        if self.reader.is_beyond_end() || self.state.row == rows && self.reader.has_rest() {
            return Err(Error::Damaged { rows });
        }
        pack(&self.state.samples, self.state.depth, row);
        Ok(())
    }
}

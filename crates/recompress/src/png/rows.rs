//! Takes plain bytes apart into filters and pixels, and puts them together again.

use super::filters::{self, FILTERS, Filters};
use super::geometry::{Geometry, Pass};
use crate::coder;
use crate::deflate::window::Window;
use crate::{Damaged, Refused};
use burrow_pixels::{Depth, Effort, Layout};

/// The layout of a pass, if the coder for pixels takes it.
fn layout(geometry: &Geometry, pass: Pass) -> Option<Layout> {
    let depth = Depth::from_bits(geometry.depth)?;
    Layout::new(pass.width, pass.rows, geometry.channels, depth, geometry.is_palette).ok()
}

/// The bytes that coding the rows of an image takes.
pub(crate) fn memory(geometry: &Geometry, rows: u64) -> u64 {
    let pixels = |layout: Layout| Effort::ALL.into_iter().map(|effort| layout.memory(effort)).max().unwrap_or(0);
    let pass = |pass: &Pass| layout(geometry, *pass).map_or(0, pixels) + 4 * geometry.row_bytes(pass.width);
    geometry.first_rows(rows).iter().map(pass).max().unwrap_or(0)
}

/// Counts the rows at the start of plain bytes that are complete and have a filter that exists.
#[derive(Debug)]
pub(crate) struct Count {
    /// The rows that are to come: how many, and the bytes of each.
    passes: Vec<(u64, u32)>,
    /// How many bytes come before the next filter; `None` once there is none.
    until_filter: Option<u64>,
    rows: u64,
}

impl Count {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let passes = geometry.passes();
        Self {
            passes: passes.iter().rev().map(|pass| (geometry.row_bytes(pass.width), pass.rows)).collect(),
            until_filter: Some(0),
            rows: 0,
        }
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while let Some(until) = self.until_filter {
            let Some(rest) = usize::try_from(until).ok().and_then(|until| bytes.get(until..)) else { break };
            // The row before is complete.
            let Some((filter, rest)) = rest.split_first() else { break };
            bytes = rest;
            self.until_filter = match self.passes.last_mut() {
                Some((row_bytes, rows)) if *filter < FILTERS => {
                    *rows -= 1;
                    let row_bytes = *row_bytes;
                    if *rows == 0 {
                        self.passes.pop();
                    }
                    self.rows += 1;
                    Some(row_bytes)
                }
                _ => return self.until_filter = None,
            };
        }
        let passed = bytes.len() as u64;
        self.until_filter = self.until_filter.map(|until| until.saturating_sub(passed));
    }

    /// The rows, when there are no more bytes.
    pub(crate) fn finish(self) -> u64 {
        match self.until_filter {
            Some(1..) => self.rows - 1,
            _ => self.rows,
        }
    }
}

/// Rows apart from their filters, packed.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) filters: Vec<u8>,
    /// The pixels of each pass.
    pub(crate) passes: Vec<Vec<u8>>,
    /// The bytes after the rows.
    pub(crate) tail: Vec<u8>,
}

/// So many bytes may come after the rows.
const LONGEST_TAIL: usize = 64 * 1024;

/// A pass that the coder for pixels does not take.
const NO_PIXELS: Refused = Refused::Pixels("the rows are too wide");

/// Packs rows.
pub(crate) struct Packer {
    geometry: Geometry,
    effort: Effort,
    passes: std::vec::IntoIter<Pass>,
    /// The pass that is being packed.
    pass: Option<PackedPass>,
    /// Filters and guesses.
    filters: Vec<(u8, u8)>,
    packed: Vec<Vec<u8>>,
    tail: Vec<u8>,
}

struct PackedPass {
    encoder: burrow_pixels::Encoder,
    rows_left: u32,
    row_bytes: usize,
    row: Vec<u8>,
    above: Vec<u8>,
    scratch: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(geometry: Geometry, rows: u64, effort: Effort) -> Result<Self, Refused> {
        let passes = geometry.first_rows(rows).into_iter();
        let mut packer =
            Self { geometry, effort, passes, pass: None, filters: Vec::new(), packed: Vec::new(), tail: Vec::new() };
        packer.next_pass()?;
        Ok(packer)
    }

    fn next_pass(&mut self) -> Result<(), Refused> {
        if let Some(pass) = self.pass.take() {
            self.packed.push(pass.encoder.finish().map_err(|_| NO_PIXELS)?);
        }
        let Some(pass) = self.passes.next() else { return Ok(()) };
        let layout = layout(&self.geometry, pass).ok_or(NO_PIXELS)?;
        let row_bytes = layout.row_bytes();
        self.pass = Some(PackedPass {
            encoder: burrow_pixels::Encoder::new(layout, self.effort),
            rows_left: pass.rows,
            row_bytes,
            row: Vec::new(),
            above: vec![0; row_bytes],
            scratch: Vec::new(),
        });
        Ok(())
    }

    /// Takes the next plain bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        while let Some(pass) = &mut self.pass {
            let wanted = (pass.row_bytes + 1 - pass.row.len()).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
            pass.row.extend_from_slice(part);
            bytes = rest;
            if pass.row.len() <= pass.row_bytes {
                return Ok(());
            }
            let step = self.geometry.pixel_bytes();
            if let Some((filter, row)) = pass.row.split_first_mut() {
                filters::undo(*filter, step, &pass.above, row);
                self.filters.push((*filter, filters::guess(step, &pass.above, row, &mut pass.scratch)));
                pass.encoder.row(row).map_err(|_| NO_PIXELS)?;
                pass.above.copy_from_slice(row);
            }
            pass.row.clear();
            pass.rows_left -= 1;
            if pass.rows_left == 0 {
                self.next_pass()?;
            }
        }
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > LONGEST_TAIL { Err(Refused::Pixels("most of the data is not pixels")) } else { Ok(()) }
    }

    pub(crate) fn finish(self) -> Packed {
        let code = |is_guessed| {
            let mut bits = coder::Encoder::new();
            let mut filters = Filters::new(&mut bits, is_guessed);
            for (filter, guess) in &self.filters {
                filters.code(&mut bits, *filter, *guess);
            }
            bits.finish()
        };
        let (plain, guessed) = (code(false), code(true));
        let filters = if guessed.len() < plain.len() { guessed } else { plain };
        Packed { filters, passes: self.packed, tail: self.tail }
    }
}

/// Unpacks rows.
pub(crate) struct Unpacker<'a> {
    geometry: Geometry,
    passes: std::vec::IntoIter<(Pass, &'a [u8])>,
    pass: Option<UnpackedPass<'a>>,
    bits: coder::Decoder<'a>,
    filters: Filters,
    tail: &'a [u8],
    scratch: Vec<u8>,
}

struct UnpackedPass<'a> {
    decoder: burrow_pixels::Decoder<&'a [u8]>,
    rows_left: u32,
    row: Vec<u8>,
    above: Vec<u8>,
}

impl<'a> Unpacker<'a> {
    /// `packed` has the pixels of each pass.
    pub(crate) fn new(
        geometry: Geometry,
        rows: u64,
        filters: &'a [u8],
        packed: Vec<&'a [u8]>,
        tail: &'a [u8],
    ) -> Result<Self, Damaged> {
        let passes: Vec<_> = geometry.first_rows(rows).into_iter().zip(packed).collect();
        let mut bits = coder::Decoder::new(filters);
        let filters = Filters::new(&mut bits, false);
        let mut unpacker =
            Self { geometry, passes: passes.into_iter(), pass: None, bits, filters, tail, scratch: Vec::new() };
        unpacker.next_pass()?;
        Ok(unpacker)
    }

    fn next_pass(&mut self) -> Result<(), Damaged> {
        self.pass = None;
        let Some((pass, packed)) = self.passes.next() else { return Ok(()) };
        let layout = layout(&self.geometry, pass).ok_or(Damaged::Stream)?;
        let row = vec![0; layout.row_bytes()];
        let decoder = burrow_pixels::Decoder::new(layout, packed).map_err(|_| Damaged::Stream)?;
        self.pass = Some(UnpackedPass { decoder, rows_left: pass.rows, above: row.clone(), row });
        Ok(())
    }

    /// Appends the next row, or what comes after the rows; false if there is no more.
    pub(crate) fn next(&mut self, window: &mut Window) -> Result<bool, Damaged> {
        let Some(pass) = &mut self.pass else {
            let tail = std::mem::take(&mut self.tail);
            window.extend(tail);
            return Ok(!tail.is_empty());
        };
        pass.decoder.row(&mut pass.row).map_err(|_| Damaged::Stream)?;
        let step = self.geometry.pixel_bytes();
        let is_guessed = self.filters.is_guessed();
        let guess = if is_guessed { filters::guess(step, &pass.above, &pass.row, &mut self.scratch) } else { 0 };
        let filter = self.filters.code(&mut self.bits, 0, guess);
        if filter >= FILTERS {
            return Err(Damaged::Stream);
        }
        self.scratch.clear();
        self.scratch.push(filter);
        filters::apply(filter, step, &pass.above, &pass.row, &mut self.scratch);
        window.extend(&self.scratch);
        std::mem::swap(&mut pass.row, &mut pass.above);
        pass.rows_left -= 1;
        if pass.rows_left == 0 {
            self.next_pass()?;
        }
        Ok(true)
    }
}

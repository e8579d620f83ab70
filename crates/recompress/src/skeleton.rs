//! The skeleton of a file: all that is not pixels, and how its streams are packed.

use std::borrow::Cow;

use crate::Damaged;
use crate::coder::{Bits, Chance};
use crate::deflate::settings::Settings;
use crate::png::chunks::{Part, Place};
use crate::png::geometry::Geometry;
use crate::raster::Raster;
use crate::symbols::{Number, Text, Tree};

/// How a zlib stream (RFC 1950) is made from pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The two bytes before the deflated data.
    pub(crate) zlib: [u8; 2],
    pub(crate) settings: Settings,
    pub(crate) is_often_wrong: bool,
    /// The plain bytes, and how many rows of pixels they begin with.
    pub(crate) length: u32,
    pub(crate) rows: u64,
    /// The most tokens of a block.
    pub(crate) tokens: u32,
    /// The plain bytes after the rows.
    pub(crate) tail: Vec<u8>,
    /// The bits after the last block.
    pub(crate) padding: u8,
    /// The checksum, if it is not the right one.
    pub(crate) wrong_sum: Option<u32>,
    /// What comes after the checksum.
    pub(crate) rest: Vec<u8>,
}

/// The types of chunks that are known by their place in this list.
const KINDS: [[u8; 4]; 24] = [
    *b"IHDR", *b"IEND", *b"PLTE", *b"tRNS", *b"tEXt", *b"pHYs", *b"gAMA", *b"sRGB", *b"cHRM", *b"bKGD", *b"tIME",
    *b"iCCP", *b"zTXt", *b"iTXt", *b"sBIT", *b"eXIf", *b"acTL", *b"fcTL", *b"hIST", *b"oFFs", *b"vpAg", *b"IDAT",
    *b"fdAT", *b"caNv",
];

/// What a part counts for beside its bytes: the same on every machine.
const PART_MEMORY: u64 = 64;

/// The memory that parts and heads take.
pub(crate) fn memory(parts: &[Part], heads: &[Head]) -> u64 {
    let part = |part: &Part| match part {
        Part::Bytes(data) | Part::Chunk { data, .. } => data.len() as u64 + PART_MEMORY,
        Part::Stream { .. } | Part::Pieces { .. } | Part::Raster(_) => PART_MEMORY,
    };
    let head = |head: &Head| (head.tail.len() + head.rest.len()) as u64;
    parts.iter().map(part).sum::<u64>() + heads.iter().map(head).sum::<u64>() + PART_MEMORY
}

/// Passed where a raster is read.
const NO_RASTER: Raster = Raster { width: 0, rows: 0, channels: 0, depth: 0, is_palette: false, stride: 0 };

/// Codes the parts of a file and the heads of its streams.
#[derive(Debug)]
pub(crate) struct Skeleton {
    /// How many bytes the parts may still take.
    budget: u64,
    parts: Tree<8>,
    kinds: Tree<32>,
    is_wrong: Chance,
    lengths: Number,
    text: Text,
    is_frame_stream: Chance,
    is_frame: Chance,
    is_in_sequence: Chance,
    is_as_long: Chance,
    last_length: u32,
    counts: Number,
    numbers: Number,
    flags: [Chance; 7],
    image: Option<Geometry>,
    frame: Option<Geometry>,
    next_sequence: u32,
}

impl Skeleton {
    /// The skeleton may take so many bytes in memory.
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            budget,
            parts: Tree::default(),
            kinds: Tree::default(),
            is_wrong: Chance::default(),
            lengths: Number::default(),
            text: Text::default(),
            is_frame_stream: Chance::default(),
            is_frame: Chance::default(),
            is_in_sequence: Chance::default(),
            is_as_long: Chance::default(),
            last_length: 0,
            counts: Number::default(),
            numbers: Number::default(),
            flags: Default::default(),
            image: None,
            frame: None,
            next_sequence: 0,
        }
    }

    /// Codes whether the file is a PNG, before the parts.
    pub(crate) fn is_png(&mut self, bits: &mut impl Bits, is_png: bool) -> bool {
        !self.flag(bits, 6, !is_png)
    }

    fn flag(&mut self, bits: &mut impl Bits, which: usize, flag: bool) -> bool {
        self.flags.get_mut(which).is_some_and(|chance| bits.bit(chance, flag))
    }

    fn bytes(&mut self, bits: &mut impl Bits, bytes: &[u8]) -> Result<Vec<u8>, Damaged> {
        let length = self.lengths.code(bits, bytes.len() as u32);
        self.budget = self.budget.checked_sub(u64::from(length)).ok_or(Damaged::Memory)?;
        Ok((0..length as usize).map(|at| self.text.code(bits, bytes.get(at).copied().unwrap_or(0))).collect())
    }

    fn four(&mut self, bits: &mut impl Bits, bytes: [u8; 4]) -> [u8; 4] {
        bytes.map(|byte| self.text.code(bits, byte))
    }

    fn wrong_sum(&mut self, bits: &mut impl Bits, wrong_sum: Option<[u8; 4]>) -> Option<[u8; 4]> {
        let is_wrong = bits.bit(&mut self.is_wrong, wrong_sum.is_some());
        is_wrong.then(|| self.four(bits, wrong_sum.unwrap_or_default()))
    }

    /// Codes the next part; `None` is the end.
    pub(crate) fn part(&mut self, bits: &mut impl Bits, part: Option<&Part>) -> Result<Option<Part<'static>>, Damaged> {
        self.budget = self.budget.checked_sub(PART_MEMORY).ok_or(Damaged::Memory)?;
        let kind = match part {
            None => 0,
            Some(Part::Chunk { .. }) => 1,
            Some(Part::Stream { .. }) => 2,
            Some(Part::Pieces { .. }) => 3,
            Some(Part::Bytes(_)) => 4,
            Some(Part::Raster(_)) => 5,
        };
        Ok(Some(match (self.parts.code(bits, kind), part) {
            (0, _) => return Ok(None),
            (1, Some(Part::Chunk { kind, data, wrong_sum })) => self.chunk(bits, *kind, data, *wrong_sum)?,
            (1, _) => self.chunk(bits, *b"IHDR", &[], None)?,
            (2, part) => {
                let is_frame = matches!(part, Some(Part::Stream { is_frame: true, .. }));
                let is_frame = bits.bit(&mut self.is_frame_stream, is_frame);
                let geometry = if is_frame { self.frame } else { self.image };
                Part::Stream { geometry: geometry.ok_or(Damaged::Stream)?, is_frame }
            }
            (3, Some(Part::Pieces { place, length, count, wrong_sum })) => {
                self.pieces(bits, *place, *length, *count, *wrong_sum)
            }
            (3, _) => self.pieces(bits, Place::Image, 0, 0, None),
            (4, Some(Part::Bytes(bytes))) => Part::Bytes(Cow::Owned(self.bytes(bits, bytes)?)),
            (4, _) => Part::Bytes(Cow::Owned(self.bytes(bits, &[])?)),
            (5, Some(Part::Raster(raster))) => Part::Raster(self.raster(bits, raster)),
            (5, _) => Part::Raster(self.raster(bits, &NO_RASTER)),
            _ => return Err(Damaged::Stream),
        }))
    }

    fn raster(&mut self, bits: &mut impl Bits, raster: &Raster) -> Raster {
        let mut number = |number: u32| self.numbers.code(bits, number);
        Raster {
            width: number(raster.width),
            rows: number(raster.rows),
            stride: number(raster.stride),
            channels: number(u32::from(raster.channels)).min(255) as u8,
            depth: number(u32::from(raster.depth)).min(255) as u8,
            is_palette: number(u32::from(raster.is_palette)) > 0,
        }
    }

    fn chunk(
        &mut self,
        bits: &mut impl Bits,
        kind: [u8; 4],
        data: &[u8],
        wrong_sum: Option<[u8; 4]>,
    ) -> Result<Part<'static>, Damaged> {
        let known = KINDS.iter().position(|one| *one == kind).unwrap_or(31) as u32;
        let known = self.kinds.code(bits, known) as usize;
        let kind = match KINDS.get(known) {
            Some(kind) => *kind,
            None => self.four(bits, kind),
        };
        let data = self.bytes(bits, data)?;
        match &kind {
            b"IHDR" => self.image = self.image.or_else(|| Geometry::from_header(&data)),
            b"fcTL" => {
                self.frame = self.image.and_then(|image| image.of_frame(&data));
                if let Some(sequence) = data.first_chunk() {
                    self.next_sequence = u32::from_be_bytes(*sequence).wrapping_add(1);
                }
            }
            _ => {}
        }
        let wrong_sum = self.wrong_sum(bits, wrong_sum);
        Ok(Part::Chunk { kind, data: Cow::Owned(data), wrong_sum })
    }

    fn pieces(
        &mut self,
        bits: &mut impl Bits,
        place: Place,
        length: u32,
        count: u32,
        wrong_sum: Option<[u8; 4]>,
    ) -> Part<'static> {
        let sequence = match place {
            Place::Image => None,
            Place::Frame(sequence) => Some(sequence),
        };
        let place = if bits.bit(&mut self.is_frame, sequence.is_some()) {
            let sequence = sequence.unwrap_or(0);
            if !bits.bit(&mut self.is_in_sequence, sequence == self.next_sequence) {
                self.next_sequence = self.numbers.code(bits, sequence);
            }
            Place::Frame(self.next_sequence)
        } else {
            Place::Image
        };
        if !bits.bit(&mut self.is_as_long, length == self.last_length) {
            self.last_length = self.lengths.code(bits, length);
        }
        let count = self.counts.code(bits, count);
        if let Place::Frame(sequence) = place {
            self.next_sequence = sequence.wrapping_add(count);
        }
        Part::Pieces { place, length: self.last_length, count, wrong_sum: self.wrong_sum(bits, wrong_sum) }
    }

    /// Codes the head of the stream that begins.
    pub(crate) fn head(
        &mut self,
        bits: &mut impl Bits,
        geometry: &Geometry,
        head: Option<&Head>,
    ) -> Result<Head, Damaged> {
        let zlib = head.map_or([0; 2], |head| head.zlib).map(|byte| self.text.code(bits, byte));
        let settings = self.numbers.code(bits, head.map_or(0, |head| head.settings.to_u32()));
        let settings = Settings::from_u32(settings).ok_or(Damaged::Stream)?;
        let is_often_wrong = self.flag(bits, 0, head.is_some_and(|head| head.is_often_wrong));
        let (all_bytes, all_rows) = (geometry.bytes(), geometry.rows());
        let (length, rows) = head.map_or((0, 0), |head| (u64::from(head.length), head.rows));
        let (mut length_read, mut rows_read) = (all_bytes, all_rows);
        if self.flag(bits, 1, length != all_bytes || rows != all_rows) {
            length_read = self.numbers.code_u64(bits, length);
            rows_read = self.numbers.code_u64(bits, rows);
        }
        let mut tokens = settings.block_tokens();
        let most = head.map_or(0, |head| head.tokens);
        if self.flag(bits, 2, most > tokens) {
            tokens = self.numbers.code(bits, most);
        }
        let mut tail = Vec::new();
        if self.flag(bits, 3, head.is_some_and(|head| !head.tail.is_empty())) {
            tail = self.bytes(bits, head.map_or(&[], |head| &head.tail))?;
        }
        let (mut padding, mut wrong_sum, mut rest) = (0, None, Vec::new());
        let is_odd = head.is_some_and(|head| head.padding != 0 || head.wrong_sum.is_some() || !head.rest.is_empty());
        if self.flag(bits, 4, is_odd) {
            padding = self.text.code(bits, head.map_or(0, |head| head.padding));
            if self.flag(bits, 5, head.is_some_and(|head| head.wrong_sum.is_some())) {
                wrong_sum = Some(self.numbers.code(bits, head.and_then(|head| head.wrong_sum).unwrap_or(0)));
            }
            rest = self.bytes(bits, head.map_or(&[], |head| &head.rest))?;
        }
        let length =
            u32::try_from(length_read).ok().filter(|length| *length <= crate::MOST_PLAIN).ok_or(Damaged::Stream)?;
        if rows_read > all_rows {
            return Err(Damaged::Stream);
        }
        Ok(Head { zlib, settings, is_often_wrong, length, rows: rows_read, tokens, tail, padding, wrong_sum, rest })
    }
}

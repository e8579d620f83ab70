//! Unpacks files.

use crate::coder::Decoder;
use crate::deflate::blocks::{Blocks, Bounds};
use crate::deflate::predict::LOOKAHEAD;
use crate::deflate::stream::Adler;
use crate::deflate::window::{REACH, Window};
use crate::deflate::write::Writer;
use crate::format::Sections;
use crate::png::chunks::{Part, Place, SIGNATURE, sum};
use crate::png::geometry::Geometry;
use crate::png::rows;
use crate::skeleton::{Head, Skeleton};
use crate::{Damaged, Failure, Limits};
use crate::{cost, raster};

/// So many plain bytes are unpacked between two pauses, and a row.
const STEP: u32 = 32 * 1024;

/// The sink gets at most so many bytes at once.
const PART: usize = 64 * 1024;

/// A stored block must be in the window until it is written.
const LONGEST_STORED: u32 = 0xFFFF;

/// Unpacks a file, and passes it to `sink` piece by piece. `pause` is awaited at least once for every 64 KiB of plain
/// bytes, and a row of pixels.
///
/// # Errors
/// The packed form is damaged or not within the limits, or the sink failed. The sink may have got bytes before; they
/// are right only if there is no error.
pub async fn unpack<E>(
    packed: &[u8],
    limits: &Limits,
    sink: &mut impl AsyncFnMut(&[u8]) -> Result<(), E>,
    pause: impl AsyncFn(),
) -> Result<(), Failure<E>> {
    let (info, checksum, mut sections) = Sections::new(packed)?;
    if info.length > limits.length {
        return Err(Damaged::Length.into());
    }
    if info.memory > limits.memory {
        return Err(Damaged::Memory.into());
    }
    if info.work > limits.work {
        return Err(Damaged::Work.into());
    }
    let (is_png, parts, heads) = skeleton(sections.next()?, info.memory)?;
    let mut out = Out { sink, left: info.length, checksum: crc32fast::Hasher::new() };
    let (mut heads, mut work, mut stream) = (heads.iter(), info.work, None);
    if is_png {
        out.put(&SIGNATURE).await?;
    }
    for part in &parts {
        match part {
            Part::Bytes(bytes) => out.put(bytes).await?,
            Part::Chunk { kind, data, wrong_sum } => {
                out.put(&(data.len() as u32).to_be_bytes()).await?;
                out.put(kind).await?;
                out.put(data).await?;
                let right = sum(*kind, &[data]).finalize().to_be_bytes();
                out.put(&wrong_sum.unwrap_or(right)).await?;
            }
            Part::Stream { geometry, .. } => {
                work = finish(stream.take(), work)?;
                let head = heads.next().ok_or(Damaged::Stream)?;
                if cost::memory(geometry, head) > info.memory {
                    return Err(Damaged::Memory.into());
                }
                stream = Some(Stream::new(*geometry, head, &mut sections, work)?);
            }
            Part::Raster(raster) => {
                work = work.checked_sub(cost::raster_work(raster)).ok_or(Damaged::Work)?;
                if cost::raster_memory(raster).ok_or(Damaged::Stream)? > info.memory {
                    return Err(Damaged::Memory.into());
                }
                let mut rows = raster::Unpacker::new(raster, sections.next()?, sections.next()?)?;
                let mut since_pause = 0;
                for _ in 0..raster.rows {
                    out.put(rows.next()?).await?;
                    since_pause += raster.stride;
                    if since_pause >= STEP {
                        since_pause = 0;
                        pause().await;
                    }
                }
            }
            Part::Pieces { place, length, count, wrong_sum } => {
                let stream = stream.as_mut().ok_or(Damaged::Stream)?;
                for piece in 0..*count {
                    put_piece(&mut out, stream, place.after(piece), *length, *wrong_sum, &pause).await?;
                }
            }
        }
    }
    finish(stream, work)?;
    if out.left > 0 {
        return Err(Damaged::Length.into());
    }
    if out.checksum.finalize() == checksum { Ok(()) } else { Err(Damaged::Checksum.into()) }
}

/// Whether the file is a PNG, its parts, and the heads of its streams.
fn skeleton(section: &[u8], budget: u64) -> Result<(bool, Vec<Part<'static>>, Vec<Head>), Damaged> {
    let (mut bits, mut skeleton) = (Decoder::new(section), Skeleton::new(budget));
    let is_png = skeleton.is_png(&mut bits, true);
    let (mut parts, mut heads) = (Vec::new(), Vec::new());
    while let Some(part) = skeleton.part(&mut bits, None)? {
        if let Part::Stream { geometry, .. } = &part {
            heads.push(skeleton.head(&mut bits, geometry, None)?);
        }
        parts.push(part);
    }
    Ok((is_png, parts, heads))
}

/// Where the file goes.
struct Out<'a, S> {
    sink: &'a mut S,
    /// How many bytes the file may still have.
    left: u64,
    checksum: crc32fast::Hasher,
}

impl<E, S: AsyncFnMut(&[u8]) -> Result<(), E>> Out<'_, S> {
    async fn put(&mut self, bytes: &[u8]) -> Result<(), Failure<E>> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(Damaged::Length)?;
        self.checksum.update(bytes);
        for part in bytes.chunks(PART) {
            (self.sink)(part).await.map_err(Failure::Sink)?;
        }
        Ok(())
    }
}

/// Passes a chunk with a piece of a stream on.
async fn put_piece<E, S: AsyncFnMut(&[u8]) -> Result<(), E>>(
    out: &mut Out<'_, S>,
    stream: &mut Stream<'_>,
    place: Place,
    length: u32,
    wrong_sum: Option<[u8; 4]>,
    pause: &impl AsyncFn(),
) -> Result<(), Failure<E>> {
    let kind = place.chunk();
    let sequence = match place {
        Place::Image => None,
        Place::Frame(sequence) => Some(sequence.to_be_bytes()),
    };
    let sequence: &[u8] = sequence.as_ref().map_or(&[], |bytes| bytes);
    out.put(&length.wrapping_add(sequence.len() as u32).to_be_bytes()).await?;
    out.put(&kind).await?;
    out.put(sequence).await?;
    let mut sum = sum(kind, &[sequence]);
    let mut left = length as usize;
    while left > 0 {
        if stream.ready.len() == stream.passed {
            stream.advance()?;
            pause().await;
            continue;
        }
        let bytes = stream.take(left);
        sum.update(bytes);
        left -= bytes.len();
        out.put(bytes).await?;
    }
    out.put(&wrong_sum.unwrap_or(sum.finalize().to_be_bytes())).await
}

/// Ends a stream, all of which must have been passed on; returns the work that is left.
fn finish(stream: Option<Stream>, work: u64) -> Result<u64, Damaged> {
    let Some(mut stream) = stream else { return Ok(work) };
    while !stream.is_done && stream.ready.len() == stream.passed {
        stream.advance()?;
    }
    if stream.ready.len() > stream.passed {
        return Err(Damaged::Length);
    }
    work.checked_sub(cost::work(stream.head, stream.blocks.steps())).ok_or(Damaged::Work)
}

/// A zlib stream that is being made.
struct Stream<'a> {
    head: &'a Head,
    rows: rows::Unpacker<'a>,
    blocks: Blocks,
    corrections: Decoder<'a>,
    window: Window,
    writer: Writer,
    adler: Adler,
    is_done: bool,
    /// Bytes of the stream, of which so many were passed on.
    ready: Vec<u8>,
    passed: usize,
}

impl<'a> Stream<'a> {
    fn new(geometry: Geometry, head: &'a Head, sections: &mut Sections<'a>, work: u64) -> Result<Self, Damaged> {
        let steps = cost::steps(head, work).ok_or(Damaged::Work)?;
        let (corrections, filters) = (sections.next()?, sections.next()?);
        let passes = geometry.first_rows(head.rows);
        let plain = passes.iter().map(|pass| (geometry.row_bytes(pass.width) + 1) * u64::from(pass.rows)).sum::<u64>();
        if plain + head.tail.len() as u64 != u64::from(head.length) {
            return Err(Damaged::Stream);
        }
        let packed = passes.iter().map(|_| sections.next()).collect::<Result<Vec<_>, _>>()?;
        let bounds = Bounds { length: head.length, tokens: head.tokens as usize, steps };
        Ok(Self {
            head,
            rows: rows::Unpacker::new(geometry, head.rows, filters, packed, &head.tail)?,
            blocks: Blocks::new(head.settings, head.is_often_wrong, bounds),
            corrections: Decoder::new(corrections),
            window: Window::default(),
            writer: Writer::default(),
            adler: Adler::new(),
            is_done: false,
            ready: head.zlib.to_vec(),
            passed: 0,
        })
    }

    /// Up to so many bytes that are ready.
    fn take(&mut self, most: usize) -> &[u8] {
        let from = self.passed;
        self.passed = self.ready.len().min(from + most);
        self.ready.get(from..self.passed).unwrap_or_default()
    }

    /// Makes more bytes, once all were passed on.
    fn advance(&mut self) -> Result<(), Damaged> {
        if self.is_done {
            return Err(Damaged::Length);
        }
        let wanted = self.blocks.position().saturating_add(LOOKAHEAD + STEP);
        while self.window.end() < wanted {
            let before = self.window.end();
            if !self.rows.next(&mut self.window)? {
                break;
            }
            self.adler.update(self.window.from(before));
        }
        if let Some(block) = self.blocks.step(&mut self.corrections, &self.window, None)? {
            self.writer.block(&block, self.blocks.tokens(), &self.window)?;
            if block.is_final {
                self.writer.align(self.head.padding);
                self.writer.bytes(&self.head.wrong_sum.unwrap_or(self.adler.value()).to_be_bytes());
                self.writer.bytes(&self.head.rest);
                self.is_done = true;
            }
        }
        self.window.forget_before(self.blocks.position().saturating_sub(REACH + LONGEST_STORED));
        (self.ready, self.passed) = (self.writer.take(), 0);
        Ok(())
    }
}

//! Packs files.

use burrow_pixels::Effort;

use crate::coder::Encoder;
use crate::deflate::blocks::{Blocks, Bounds};
use crate::deflate::detect::detect;
use crate::deflate::stream::{Adler, Inflater};
use crate::deflate::window::{REACH, Window};
use crate::format::{self, Info, put_section};
use crate::png::chunks::{Part, SIGNATURE, Stream, split};
use crate::png::rows;
use crate::skeleton::{self, Head, Skeleton};
use crate::{Limits, MOST_PLAIN, Refused};
use crate::{bmp, cost, raster};

/// So many plain bytes are inflated between two pauses.
const STEP: usize = 32 * 1024;

/// The most tokens of a block, however much memory there is.
const MOST_TOKENS: u64 = 1 << 22;

/// The most streams of a file. An animation with more frames is left as it is.
const MOST_STREAMS: usize = 4096;

/// Packs a file, with this effort for its pixels. `pause` is awaited at least once for every 64 KiB of plain bytes.
///
/// # Errors
/// Says why the file is to be left as it is.
pub async fn pack(file: &[u8], effort: Effort, limits: &Limits, pause: impl AsyncFn()) -> Result<Vec<u8>, Refused> {
    if file.len() as u64 > limits.length.min(u64::from(MOST_PLAIN)) {
        return Err(Refused::Long { limit: limits.length.min(u64::from(MOST_PLAIN)) });
    }
    let out = match file.strip_prefix(&SIGNATURE) {
        Some(rest) => pack_png(file, rest, effort, limits, &pause).await?,
        None => pack_raster(file, effort, limits, &pause).await?,
    };
    if out.len() < file.len() { Ok(out) } else { Err(Refused::NotSmaller) }
}

/// Packs a PNG; `rest` is the file without its signature.
async fn pack_png(
    file: &[u8],
    rest: &[u8],
    effort: Effort,
    limits: &Limits,
    pause: &impl AsyncFn(),
) -> Result<Vec<u8>, Refused> {
    let mut split = split(rest);
    if split.streams.is_empty() || split.streams.len() > MOST_STREAMS {
        return Err(Refused::Pixels("there is no image data, or there are too many frames"));
    }
    let (mut packed, mut kept, mut refused) = (Vec::new(), Vec::new(), Refused::NotSmaller);
    for stream in &split.streams {
        let result = pack_stream(stream, effort, limits, pause).await;
        kept.push(result.is_ok());
        match result {
            Ok(stream) => packed.push(stream),
            Err(reason) => refused = reason,
        }
    }
    if packed.is_empty() {
        return Err(refused);
    }
    split.retain(&kept);
    let (mut cost, mut heads, mut sections) = (Cost::default(), Vec::new(), Vec::new());
    for Packed { head, memory, work, corrections, rows } in packed {
        cost.memory = cost.memory.max(memory);
        cost.work = cost.work.saturating_add(work);
        cost.spared = cost.spared.saturating_add(cost::spared(effort, head.length.into()));
        heads.push(head);
        sections.extend([corrections, rows.filters]);
        sections.extend(rows.passes);
    }
    assemble(file, &split.parts, &heads, &sections, cost, limits)
}

/// Packs a file with rows of pixels that are not compressed.
async fn pack_raster(file: &[u8], effort: Effort, limits: &Limits, pause: &impl AsyncFn()) -> Result<Vec<u8>, Refused> {
    let (offset, raster) = bmp::find(file)?.ok_or(Refused::Format)?;
    let truncated = Refused::Truncated;
    let (before, rest) = file.split_at_checked(offset).ok_or(truncated)?;
    let (rows, after) = rest.split_at_checked(raster.bytes() as usize).ok_or(truncated)?;
    let memory = cost::raster_memory(&raster).ok_or(Refused::Pixels("the coder for pixels does not take the rows"))?;
    let cost = Cost { memory, work: cost::raster_work(&raster), spared: cost::spared(effort, raster.bytes()) };
    cost.check(limits)?;
    let (pixels, filling) = raster::pack(&raster, rows, effort, pause).await?;
    let parts = [Part::Bytes(before.into()), Part::Raster(raster), Part::Bytes(after.into())];
    assemble(file, &parts, &[], &[pixels, filling], cost, limits)
}

/// What unpacking takes.
#[derive(Clone, Copy, Default)]
struct Cost {
    memory: u64,
    /// As the format states it.
    work: u64,
    /// What the effort does not take of it.
    spared: u64,
}

impl Cost {
    /// Refuses what is beyond the limits.
    fn check(self, limits: &Limits) -> Result<(), Refused> {
        if self.memory > limits.memory {
            return Err(Refused::Memory { needed: self.memory, limit: limits.memory });
        }
        let needed = self.work.saturating_sub(self.spared);
        if needed > limits.work {
            return Err(Refused::Work { needed, limit: limits.work });
        }
        Ok(())
    }
}

/// A stream, packed.
struct Packed {
    head: Head,
    memory: u64,
    work: u64,
    corrections: Vec<u8>,
    rows: rows::Packed,
}

/// Puts the packed form together.
fn assemble(
    file: &[u8],
    parts: &[Part],
    heads: &[Head],
    sections: &[Vec<u8>],
    cost: Cost,
    limits: &Limits,
) -> Result<Vec<u8>, Refused> {
    // Stated in units of 1,024, rounded up.
    let memory = (cost.memory + skeleton::memory(parts, heads)).next_multiple_of(1024);
    let work = cost.work.div_ceil(1024).saturating_mul(1024);
    Cost { memory, work, ..cost }.check(limits)?;
    let mut out = format::begin(Info { length: file.len() as u64, memory, work }, crc32fast::hash(file));
    let is_png = file.starts_with(&SIGNATURE);
    put_section(&mut out, &encode_skeleton(is_png, parts, heads).ok_or(Refused::Format)?);
    for section in sections {
        put_section(&mut out, section);
    }
    Ok(out)
}

fn encode_skeleton(is_png: bool, parts: &[Part], heads: &[Head]) -> Option<Vec<u8>> {
    let (mut bits, mut skeleton, mut heads) = (Encoder::new(), Skeleton::new(u64::MAX), heads.iter());
    skeleton.is_png(&mut bits, is_png);
    for part in parts {
        skeleton.part(&mut bits, Some(part)).ok()?;
        if let Part::Stream { geometry, .. } = part {
            skeleton.head(&mut bits, geometry, Some(heads.next()?)).ok()?;
        }
    }
    skeleton.part(&mut bits, None).ok()?;
    Some(bits.finish())
}

/// What a first pass over a stream finds.
struct Survey {
    length: u32,
    rows: u64,
    tokens: usize,
    checksum: u32,
    padding: u8,
    /// The length of the deflated data.
    end: usize,
}

/// Inflates the stream once.
async fn survey(
    stream: &Stream<'_>,
    deflated: &[u8],
    most_tokens: usize,
    limits: &Limits,
    pause: &impl AsyncFn(),
) -> Result<Survey, Refused> {
    let (mut inflater, mut window) = (Inflater::new(deflated, most_tokens), Window::default());
    let (mut rows, mut adler, mut tokens) = (rows::Count::new(&stream.geometry), Adler::new(), 0);
    let limit = limits.length.min(u64::from(MOST_PLAIN));
    loop {
        let before = window.end();
        let has_more = inflater.fill(&mut window, STEP)?;
        let bytes = window.from(before);
        rows.push(bytes);
        adler.update(bytes);
        if u64::from(window.end()) > limit {
            return Err(Refused::Long { limit });
        }
        tokens = inflater.blocks().map(|block| block.tokens.len()).fold(tokens, usize::max);
        inflater.pop_inflated();
        window.forget_before(window.end().saturating_sub(REACH));
        pause().await;
        if !has_more {
            break;
        }
    }
    let (padding, end) = inflater.end()?;
    Ok(Survey { length: window.end(), rows: rows.finish(), tokens, checksum: adler.value(), padding, end })
}

async fn pack_stream(
    stream: &Stream<'_>,
    effort: Effort,
    limits: &Limits,
    pause: &impl AsyncFn(),
) -> Result<Packed, Refused> {
    let (zlib, deflated) = stream.bytes.split_first_chunk::<2>().ok_or(Refused::Truncated)?;
    let [method, flags] = *zlib;
    if method & 15 != 8 || method >> 4 > 7 || flags & 0x20 != 0 {
        return Err(Refused::Deflate("this is no zlib stream"));
    }
    let most_tokens = MOST_TOKENS.min(limits.memory / 64) as usize;
    let survey = survey(stream, deflated, most_tokens, limits, pause).await?;
    let (sum, rest) = deflated.get(survey.end..).and_then(<[u8]>::split_first_chunk).ok_or(Refused::Truncated)?;
    let sum = u32::from_be_bytes(*sum);
    let detected = detect(deflated, most_tokens, (method >> 4) + 8)?;
    pause().await;
    let mut head = Head {
        zlib: *zlib,
        settings: detected.settings,
        is_often_wrong: detected.is_often_wrong,
        length: survey.length,
        rows: survey.rows,
        tokens: survey.tokens as u32,
        tail: Vec::new(),
        padding: survey.padding,
        wrong_sum: (sum != survey.checksum).then_some(sum),
        rest: rest.to_vec(),
    };
    let memory = cost::memory(&stream.geometry, &head);
    if memory > limits.memory {
        return Err(Refused::Memory { needed: memory, limit: limits.memory });
    }
    let (corrections, rows, steps) = code(stream, deflated, &head, effort, most_tokens, limits, pause).await?;
    head.tail.clone_from(&rows.tail);
    Ok(Packed { memory, work: cost::work(&head, steps), head, corrections, rows })
}

/// Inflates the stream again, and codes its pixels and what predictions get wrong. Returns the latter, the former, and
/// how many places predictions looked at.
async fn code(
    stream: &Stream<'_>,
    deflated: &[u8],
    head: &Head,
    effort: Effort,
    most_tokens: usize,
    limits: &Limits,
    pause: &impl AsyncFn(),
) -> Result<(Vec<u8>, rows::Packed, u64), Refused> {
    let (mut inflater, mut window) = (Inflater::new(deflated, most_tokens), Window::default());
    let mut rows = rows::Packer::new(stream.geometry, head.rows, effort)?;
    let spared = cost::spared(effort, head.length.into());
    let over = |steps| Refused::Work { needed: cost::work(head, steps).saturating_sub(spared), limit: limits.work };
    let steps = cost::steps(head, limits.work.saturating_add(spared)).ok_or_else(|| over(0))?;
    let bounds = Bounds { length: head.length, tokens: most_tokens, steps };
    let (mut blocks, mut bits) = (Blocks::new(head.settings, head.is_often_wrong, bounds), Encoder::new());
    let mut is_done = false;
    while !is_done {
        let before = window.end();
        inflater.fill(&mut window, STEP)?;
        rows.push(window.from(before))?;
        inflater.parse_first()?;
        while let Some(block) = inflater.first() {
            let coded = blocks.step(&mut bits, &window, Some(block));
            let coded = coded.map_err(|_| over(blocks.steps()))?;
            if coded.is_none() {
                break;
            }
            is_done = inflater.pop();
        }
        window.forget_before(blocks.position().saturating_sub(REACH));
        pause().await;
    }
    blocks.end(&mut bits);
    Ok((bits.finish(), rows.finish(), blocks.steps()))
}

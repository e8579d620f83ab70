//! What unpacking takes: memory and work.

use burrow_pixels::Effort;

use crate::deflate::chains::Chains;
use crate::png::geometry::Geometry;
use crate::png::rows;
use crate::raster::Raster;
use crate::skeleton::Head;

/// The window, and the tables of the coders: the same for every stream.
const BASE_MEMORY: u64 = 3 << 20;

/// The bytes that a token of the longest block takes: itself, and what it is written as.
const TOKEN_MEMORY: u64 = 16;

/// The work for a stream, for a plain byte, and for a place that a prediction looks at.
const STREAM_WORK: u64 = 300_000;
const BYTE_WORK: u64 = 400;
const STEP_WORK: u64 = 3;

/// The work for a plain byte whose pixels are packed with [`Effort::Fast`].
const FAST_BYTE_WORK: u64 = 60;

/// The memory that unpacking a stream takes.
pub(crate) fn memory(geometry: &Geometry, head: &Head) -> u64 {
    let row = geometry.row_bytes(geometry.width);
    let tokens = u64::from(head.tokens.max(head.settings.block_tokens()));
    let filters = 2 * head.rows;
    BASE_MEMORY
        + Chains::memory(head.settings)
        + rows::memory(geometry, head.rows)
        + TOKEN_MEMORY * tokens
        + 6 * row
        + filters
}

/// The work of unpacking a stream whose predictions look at so many places.
pub(crate) fn work(head: &Head, steps: u64) -> u64 {
    base_work(head).saturating_add(steps.saturating_mul(STEP_WORK))
}

/// The work of unpacking `plain` bytes that the format states and this effort does not take: the format counts each as
/// [`Effort::Best`] takes it, so that what it states is enough for both.
pub(crate) fn spared(effort: Effort, plain: u64) -> u64 {
    match effort {
        Effort::Best => 0,
        Effort::Fast => plain.saturating_mul(BYTE_WORK - FAST_BYTE_WORK),
    }
}

/// How many places the predictions for a stream may look at, for so much work; `None` if there is not enough.
pub(crate) fn steps(head: &Head, work: u64) -> Option<u64> {
    Some(work.checked_sub(base_work(head))? / STEP_WORK)
}

fn base_work(head: &Head) -> u64 {
    STREAM_WORK + u64::from(head.length) * BYTE_WORK
}

/// The memory that unpacking a raster takes; `None` if the coder for pixels does not take it.
pub(crate) fn raster_memory(raster: &Raster) -> Option<u64> {
    let layout = raster.layout()?;
    let pixels = Effort::ALL.into_iter().map(|effort| layout.memory(effort)).max().unwrap_or(0);
    Some(BASE_MEMORY + pixels + 2 * u64::from(raster.stride))
}

/// The work of unpacking a raster.
pub(crate) fn raster_work(raster: &Raster) -> u64 {
    STREAM_WORK.saturating_add(raster.bytes().saturating_mul(BYTE_WORK))
}

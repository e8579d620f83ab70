//! A lossless coder for the pixels of images: small, and the same bytes on every host.
//!
//! An [`Encoder`] takes the rows of an image, as PNG has them before its filters, and gives packed bytes. A [`Decoder`]
//! gives the rows back. The [`Layout`] is not part of the packed bytes: who keeps them keeps it too. All arithmetic is on
//! integers, so that every host gives the same bytes; docs/codecs/pixels.md specifies them. Pure; names no host.
//!
//! ```
//! use burrow_pixels::{Decoder, Depth, Effort, Encoder, Layout};
//!
//! # fn main() -> Result<(), burrow_pixels::Error> {
//! let layout = Layout::new(4, 2, 1, Depth::Eight, false)?;
//! let rows = [[1, 2, 3, 4], [2, 3, 4, 5]];
//! let mut encoder = Encoder::new(layout, Effort::Best);
//! for row in &rows {
//!     encoder.row(row)?;
//! }
//! let mut decoder = Decoder::new(layout, encoder.finish()?)?;
//! for row in &rows {
//!     let mut unpacked = [0; 4];
//!     decoder.row(&mut unpacked)?;
//!     assert_eq!(unpacked, *row);
//! }
//! # Ok(())
//! # }
//! ```

#![deny(clippy::float_arithmetic)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a coder wraps and cuts numbers on purpose; each cast says to which width"
)]
#![allow(clippy::inline_always, reason = "the model is compiled once for each direction, as one function")]
#![allow(clippy::many_single_char_names, clippy::similar_names, reason = "the compass: n, ne, nne")]

mod best;
mod codec;
mod counter;
mod fast;
mod guess;
mod layout;
mod logistic;
mod measures;
mod mixer;
mod model;
mod range;
mod rows;
mod samples;
mod table;

pub use codec::{Decoder, Encoder, Error};
pub use layout::{Depth, Layout, LayoutError};
pub use model::Effort;

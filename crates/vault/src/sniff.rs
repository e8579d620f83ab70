//! Detects the type of an image and how it is shown from its bytes, never from what anybody states.
//!
//! What is found is what decoders and browsers take it to be, or nothing. Every walk through a file is bounded.

mod boxes;
mod gif;
mod heif;
mod jpeg;
mod jxl;
mod kind;
mod look;
mod png;
mod size;
mod tiff;
mod webp;
pub(crate) mod xml;

use burrow_model::appearance::Appearance;
use burrow_model::error::Error;
use burrow_model::name;
use futures::FutureExt as _;

use kind::Kind;
use look::Start;
pub use look::{Look, Unknown};

/// What the first bytes of an image show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// Its media type.
    pub media_type: &'static str,
    /// How it is shown, as far as the bytes say.
    pub appearance: Appearance,
    /// Whether a part of that stands further behind, where [`measure`] finds it.
    pub is_further_behind: bool,
}

/// Examines the start of a file (all of it, if it is short). `None` if it is no image of a format that browsers or
/// photographers use.
pub fn sniff(start: &[u8]) -> Option<Sniffed> {
    let Some(kind) = Kind::of(start) else {
        let appearance = Appearance::default();
        let svg = Sniffed { media_type: "image/svg+xml", appearance, is_further_behind: false };
        return xml::is_svg(start).then_some(svg);
    };
    let mut look = Start::new(start);
    // Nothing is waited for, and nothing fails: the bytes are here.
    let appearance = examined(kind, &mut look).now_or_never().and_then(Result::ok).unwrap_or_default();
    Some(Sniffed { media_type: kind.media_type(), appearance, is_further_behind: look.is_too_short })
}

/// Finds how an image is shown, which begins with `start`, wherever its file says it.
///
/// # Errors
///
/// The file cannot be read.
pub async fn measure(start: &[u8], file: &mut impl Look) -> Result<Appearance, Error> {
    match Kind::of(start) {
        Some(kind) => examined(kind, file).await,
        None => Ok(Appearance::default()),
    }
}

/// What a file of this kind says of how it is shown. Where it breaks off, what it said before counts.
async fn examined(kind: Kind, look: &mut impl Look) -> Result<Appearance, Error> {
    let mut shown = Appearance::default();
    let examined = match kind {
        Kind::Avif | Kind::Heif => heif::examine(look, &mut shown).await,
        Kind::Gif => gif::examine(look, &mut shown).await,
        Kind::Jpeg => jpeg::examine(look, &mut shown).await,
        Kind::Jxl => jxl::examine(look, &mut shown).await,
        Kind::Png => png::examine(look, &mut shown).await,
        Kind::Tiff => tiff::examine(look, &mut shown).await,
        Kind::Webp => webp::examine(look, &mut shown).await,
        Kind::Bmp => still(size::bmp(look).await, &mut shown),
        Kind::Ico => still(size::ico(look).await, &mut shown),
        Kind::Qoi => still(look.bytes(4).await.map(size::big_endian), &mut shown),
    };
    let is_possible = |side: u32| (1..=i32::MAX.cast_unsigned()).contains(&side);
    shown.dimensions = shown.dimensions.filter(|&(width, height)| is_possible(width) && is_possible(height));
    match examined {
        Ok(()) | Err(Unknown::Unsaid) => Ok(shown),
        Err(Unknown::Failed(error)) => Err(error),
    }
}

/// An image of a format that has only a size.
fn still(size: Result<(u32, u32), Unknown>, shown: &mut Appearance) -> Result<(), Unknown> {
    shown.is_animated = Some(false);
    shown.dimensions = Some(size?);
    Ok(())
}

/// Describes bytes that are not an image, for people.
pub fn describe(start: &[u8]) -> String {
    if start.is_empty() {
        return "0 bytes".into();
    }
    let shown: String =
        start.iter().take(16).flat_map(|&byte| std::ascii::escape_default(byte)).map(char::from).collect();
    let more = if start.len() > 16 { "..." } else { "" };
    format!("starts with \"{shown}{more}\"")
}

/// The usual file extension of a media type.
pub fn extension(media_type: &str) -> &str {
    match media_type.trim_start_matches("image/").trim_start_matches("x-") {
        "jpeg" => "jpg",
        "svg+xml" => "svg",
        "vnd.microsoft.icon" => "ico",
        "heif" => "heic",
        plain => plain,
    }
}

/// A file name for an image: its name, which ends with an extension of its media type or gets the usual one; at most 255
/// bytes.
pub fn file_name(name: &str, media_type: &str) -> String {
    let extensions: &[&str] = match extension(media_type) {
        "bmp" => &["bmp", "dib"],
        "heic" => &["heic", "heif", "hif"],
        "jpg" => &["jpg", "jpeg", "jpe", "jfif"],
        "png" => &["png", "apng"],
        "tiff" => &["tiff", "tif"],
        other => &[other],
    };
    name::file_name(name, extensions)
}

#[cfg(test)]
mod tests;

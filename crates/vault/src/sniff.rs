//! Detects the type and size of an image from its bytes, never from what anybody states.

mod boxes;
mod jpeg;
mod kind;
mod look;
mod size;
mod tiff;
pub(crate) mod xml;

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
    /// Width and height in pixels, if the bytes have them.
    pub dimensions: Option<(u32, u32)>,
    /// Whether the size stands further behind, where [`measure`] finds it.
    pub is_further_behind: bool,
}

/// Examines the start of a file (all of it, if it is short). `None` if it is no image of a format that browsers or
/// photographers use.
pub fn sniff(start: &[u8]) -> Option<Sniffed> {
    let Some(kind) = Kind::of(start) else {
        let svg = Sniffed { media_type: "image/svg+xml", dimensions: None, is_further_behind: false };
        return xml::is_svg(start).then_some(svg);
    };
    let mut look = Start::new(start);
    // Nothing is waited for: the bytes are here.
    let dimensions = size::size(kind, &mut look).now_or_never().and_then(Result::ok);
    let is_further_behind = dimensions.is_none() && look.is_too_short;
    Some(Sniffed { media_type: kind.media_type(), dimensions, is_further_behind })
}

/// Finds the size of an image, which begins with `start`, wherever it stands in the file.
///
/// # Errors
///
/// The file cannot be read.
pub async fn measure(start: &[u8], file: &mut impl Look) -> Result<Option<(u32, u32)>, Error> {
    let Some(kind) = Kind::of(start) else { return Ok(None) };
    match size::size(kind, file).await {
        Ok(size) => Ok(Some(size)),
        Err(Unknown::Unsaid) => Ok(None),
        Err(Unknown::Failed(error)) => Err(error),
    }
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

/// A file name for an image: its name, with the extension of its media type unless it has an extension; at most 255
/// bytes.
pub fn file_name(name: &str, media_type: &str) -> String {
    name::file_name(name, extension(media_type))
}

#[cfg(test)]
mod tests;

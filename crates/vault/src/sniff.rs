//! Detects the type and size of an image from its bytes, never from what anybody states.

use burrow_model::name;
use imagesize::{Compression, ImageType};

/// What the first bytes of an image show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// Its media type.
    pub media_type: &'static str,
    /// Width and height in pixels, if the bytes have them.
    pub dimensions: Option<(u32, u32)>,
}

/// Examines the start of a file (all of it, if it is short). `None` if it is no image of a format that browsers or
/// photographers use.
pub fn sniff(start: &[u8]) -> Option<Sniffed> {
    if let Ok(kind) = imagesize::image_type(start)
        && holds(kind, start)
        && let Some(media_type) = media_type(kind)
    {
        return Some(Sniffed { media_type, dimensions: dimensions(start) });
    }
    is_svg(start).then_some(Sniffed { media_type: "image/svg+xml", dimensions: None })
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

/// Whether more than the magic bytes confirm a kind whose magic bytes other files have too.
fn holds(kind: ImageType, start: &[u8]) -> bool {
    match kind {
        // The size of the header that follows the file header (BITMAPCOREHEADER to BITMAPV5HEADER).
        ImageType::Bmp => matches!(start.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])),
        // One of the brands of ISO/IEC 23008-12 and AVIF. Files of other brands are films.
        ImageType::Heif(_) => {
            let len = start.first_chunk::<4>().map_or(0, |len| u32::from_be_bytes(*len) as usize);
            let brands = start.get(8..len.min(start.len())).unwrap_or_default().chunks_exact(4);
            brands.enumerate().any(|(n, brand)| n != 1 && BRANDS.iter().any(|known| *known == brand))
        }
        _ => true,
    }
}

const BRANDS: [&[u8; 4]; 14] = [
    b"avif", b"avis", b"avci", b"avcs", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx",
    b"mif1", b"msf1",
];

fn media_type(kind: ImageType) -> Option<&'static str> {
    Some(match kind {
        ImageType::Bmp => "image/bmp",
        ImageType::Gif => "image/gif",
        ImageType::Heif(Compression::Av1) => "image/avif",
        ImageType::Heif(_) => "image/heif",
        ImageType::Ico => "image/vnd.microsoft.icon",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Jxl => "image/jxl",
        ImageType::Png => "image/png",
        ImageType::Qoi => "image/x-qoi",
        ImageType::Tiff => "image/tiff",
        ImageType::Webp => "image/webp",
        _ => return None,
    })
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

fn dimensions(start: &[u8]) -> Option<(u32, u32)> {
    let size = imagesize::blob_size(start).ok()?;
    Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
}

/// Whether the first element is `svg`. It skips a byte order mark, declarations, comments and the document type, as far
/// as `start` goes.
fn is_svg(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut rest = start.trim_ascii_start();
    loop {
        let skipped = if let Some(comment) = rest.strip_prefix(b"<!--") {
            after(comment, b"-->")
        } else if let Some(instruction) = rest.strip_prefix(b"<?") {
            after(instruction, b"?>")
        } else if rest.starts_with(b"<!DOCTYPE svg") {
            if rest.iter().position(|&byte| byte == b'[') < rest.iter().position(|&byte| byte == b'>') {
                after(rest, b"]>").or_else(|| after(rest, b">"))
            } else {
                after(rest, b">")
            }
        } else {
            break;
        };
        let Some(skipped) = skipped else { return false };
        rest = skipped.trim_ascii_start();
    }
    let Some(name) = rest.strip_prefix(b"<") else {
        return false;
    };
    // A prefixed root, as in `<svg:svg`, is rare but valid.
    let name = name.strip_prefix(b"svg:").unwrap_or(name);
    name.strip_prefix(b"svg").is_some_and(|rest| {
        rest.first().is_some_and(|&byte| byte.is_ascii_whitespace() || byte == b'>' || byte == b'/')
    })
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(end.len()).position(|window| window == end)?;
    text.get(at + end.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svg_is_found_behind_what_xml_allows() {
        for svg in [
            "<svg>",
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a > b -->\n<svg\n>",
            "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x\"><svg />",
            "<!DOCTYPE svg [ <!ENTITY a \"b\"> ]><svg />",
            "<svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>",
        ] {
            assert_eq!(sniff(svg.as_bytes()).map(|s| s.media_type), Some("image/svg+xml"), "{svg}");
        }
    }

    #[test]
    fn files_have_the_endings_that_people_know() {
        for (media_type, file) in [
            ("image/jpeg", "x.jpg"),
            ("image/svg+xml", "x.svg"),
            ("image/vnd.microsoft.icon", "x.ico"),
            ("image/heif", "x.heic"),
            ("image/x-qoi", "x.qoi"),
        ] {
            assert_eq!(file_name("x", media_type), file);
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for text in ["", "G", "<html><svg></svg></html>", "<svgfoo>", "hello", "<!-- <svg>", "%PDF-1.7"] {
            assert_eq!(sniff(text.as_bytes()), None, "{text}");
        }
        for text in ["BMW is a car", "BMW and BMX, both of them are words", "\0\0\0\x18ftypmp42\0\0\0\0mp42isom"] {
            assert_eq!(sniff(text.as_bytes()), None, "{text}");
        }
        assert!(sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic").is_some());
        assert_eq!(describe(b""), "0 bytes");
        assert_eq!(describe(b"<html>\n"), "starts with \"<html>\\n\"");
    }
}

//! Detects the type of an image from its first bytes.

/// A format of images, by its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Avif,
    Bmp,
    Gif,
    Heif,
    Ico,
    Jpeg,
    Jxl,
    Png,
    Qoi,
    Tiff,
    Webp,
}

impl Kind {
    /// The format of a file that begins so; `None` if it is none of these.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        Some(match start {
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            // The size of the header that follows the file header: BITMAPCOREHEADER to BITMAPV5HEADER.
            [b'B', b'M', ..]
                if matches!(start.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])) =>
            {
                Self::Bmp
            }
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            // BigTIFF has 43 in place of 42.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Self::Tiff,
            [0, 0, 1, 0, ..] => Self::Ico,
            [b'q', b'o', b'i', b'f', ..] => Self::Qoi,
            [0xff, 0x0a, ..] | [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => Self::Jxl,
            [a, b, c, d, b'f', b't', b'y', b'p', ..] => return brand(u32::from_be_bytes([*a, *b, *c, *d]), start),
            _ => return None,
        })
    }

    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Avif => "image/avif",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            Self::Heif => "image/heif",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Jpeg => "image/jpeg",
            Self::Jxl => "image/jxl",
            Self::Png => "image/png",
            Self::Qoi => "image/x-qoi",
            Self::Tiff => "image/tiff",
            Self::Webp => "image/webp",
        }
    }
}

/// The format of a file with these brands (ISO/IEC 23008-12, AVIF). Files of other brands are films. The first brand
/// that names a codec counts.
fn brand(length: u32, start: &[u8]) -> Option<Kind> {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(start.len());
    let brands = start.get(8..length).unwrap_or_default().chunks_exact(4).enumerate();
    // After the first brand comes its version.
    let brands = || brands.clone().filter_map(|(n, brand)| (n != 1).then_some(brand));
    let codec = brands().find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Kind::Avif),
        b"avci" | b"avcs" | b"heic" | b"heim" | b"heis" | b"heix" | b"hevc" | b"hevm" | b"hevs" | b"hevx" => {
            Some(Kind::Heif)
        }
        _ => None,
    });
    codec.or_else(|| brands().any(|brand| matches!(brand, b"mif1" | b"msf1")).then_some(Kind::Heif))
}

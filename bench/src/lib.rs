//! Images for benches, and code that makes them: of a given kind and size, the same ones in every run.

use anyhow::Result;
use bytes::Bytes;

/// An image to measure with.
#[derive(Clone, Debug)]
pub struct Image {
    /// The last segment of its URL, and its name in every store. What follows its first dot is the subtype of its media type.
    pub name: String,
    /// The file.
    pub bytes: Bytes,
}

impl Image {
    /// The media type that its name states.
    pub fn media_type(&self) -> String {
        let subtype = self.name.split_once('.').map(|(_, subtype)| subtype);
        subtype.map_or_else(|| "application/octet-stream".to_owned(), |subtype| format!("image/{subtype}"))
    }
}

/// A picture between a drawing and a photo: areas of slowly changing colour under some noise.
struct Picture {
    width: u16,
    height: u16,
    /// Red, green and blue of each pixel, row by row.
    rgb: Vec<u8>,
}

/// Random numbers (xorshift64), the same ones for each seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

impl Picture {
    /// `grain` is the number of values that the noise takes: the more, the less can be compressed.
    fn new(width: u16, height: u16, grain: u64, seed: u64) -> Self {
        let mut noise = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut rgb = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
        for y in 0..u64::from(height) {
            for x in 0..u64::from(width) {
                for channel in 0..3 {
                    let area = x / 3 + y / 5 + seed * 7 + channel * 40;
                    rgb.push(((area + noise.next() % grain) % 256).to_le_bytes()[0]);
                }
            }
        }
        Self { width, height, rgb }
    }
}

/// A bitmap (24 bits a pixel, uncompressed) of about this size, which deflate packs to some two thirds.
pub fn bmp(name: &str, size: usize, seed: u64) -> Image {
    // A width whose rows need no padding.
    let width: u16 = if size > 4_000_000 { 4096 } else { 368 };
    let rows = size / (usize::from(width) * 3);
    let height = u16::try_from(rows.clamp(1, 65_000)).unwrap_or(u16::MAX);
    let picture = Picture::new(width, height, 6, seed);
    let mut bytes = Vec::with_capacity(54 + picture.rgb.len());
    let whole = u32::try_from(54 + picture.rgb.len()).unwrap_or_default();
    bytes.extend(b"BM");
    for field in [whole, 0, 54, 40, u32::from(width), u32::from(height), 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(picture.rgb);
    Image { name: name.to_owned(), bytes: bytes.into() }
}

/// A JPEG of this many pixels, at most 65,535 each way.
///
/// # Errors
///
/// It has no pixels.
pub fn jpeg(name: &str, width: u16, height: u16) -> Result<Image> {
    let picture = Picture::new(width, height, 60, 1);
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 85);
    encoder.encode(&picture.rgb, picture.width, picture.height, jpeg_encoder::ColorType::Rgb)?;
    Ok(Image { name: name.to_owned(), bytes: bytes.into() })
}

/// A PNG of this many pixels; each seed makes another one.
///
/// # Errors
///
/// It has no pixels.
pub fn png(name: &str, width: u16, height: u16, seed: u64) -> Result<Image> {
    let picture = Picture::new(width, height, 200, seed);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::from(picture.width), u32::from(picture.height));
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&picture.rgb)?;
    Ok(Image { name: name.to_owned(), bytes: Bytes::from(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_what_they_are_called_and_alike_in_every_run() {
        for (make, media_type) in [
            ((|| bmp("a.bmp", 407_000, 1)) as fn() -> Image, "image/bmp"),
            (|| jpeg("a.jpeg", 400, 300).unwrap(), "image/jpeg"),
            (|| png("a.png", 18, 18, 1).unwrap(), "image/png"),
        ] {
            let image = make();
            assert_eq!(burrow_vault::sniff::sniff(&image.bytes).unwrap().media_type, media_type);
            assert_eq!((image.media_type().as_str(), &image.bytes), (media_type, &make().bytes));
        }
        assert_eq!(bmp("a.bmp", 407_000, 1).bytes.len(), 54 + 368 * 368 * 3);
        assert!(png("a.png", 18, 18, 1).unwrap().bytes != png("b.png", 18, 18, 2).unwrap().bytes);
    }
}

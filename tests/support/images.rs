//! Images for tests.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::random::Random;

/// A fixture of each format, with the media type that Burrow must detect.
pub const KINDS: [(&str, &str); 9] = [
    ("photo.png", "image/png"),
    ("photo.jpg", "image/jpeg"),
    ("photo.webp", "image/webp"),
    ("photo.gif", "image/gif"),
    ("photo.bmp", "image/bmp"),
    ("photo.tiff", "image/tiff"),
    ("photo.ico", "image/vnd.microsoft.icon"),
    ("drawing.svg", "image/svg+xml"),
    ("photo.avif", "image/avif"),
];

/// The bytes of an image in `tests/fixtures/images`.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = repository().join("tests/fixtures/images").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lays out a store of version 1 in a directory. tests/fixtures/store-1/README.md describes it.
pub fn store_of_version_1(directory: &Path) {
    let packed = std::fs::File::open(repository().join("tests/fixtures/store-1/vault.redb.gz")).unwrap();
    let mut unpacked = std::fs::File::create(directory.join("vault.redb")).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(packed), &mut unpacked).unwrap();
}

/// The directory of this checkout.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A bitmap of about `size` bytes: a gradient with noise, so that deflate shrinks it, but with some effort. Another
/// `seed` makes another image.
pub fn bitmap(size: usize, seed: u64) -> Vec<u8> {
    const WIDTH: usize = 1024;
    let height = (size / (3 * WIDTH)).max(1);
    let pixels = 3 * WIDTH * height;
    let mut bytes = Vec::with_capacity(54 + pixels);
    bytes.extend(b"BM");
    bytes.extend(u32::try_from(54 + pixels).unwrap().to_le_bytes());
    bytes.extend([0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]);
    bytes.extend(u32::try_from(WIDTH).unwrap().to_le_bytes());
    bytes.extend(u32::try_from(height).unwrap().to_le_bytes());
    bytes.extend([1, 0, 24, 0, 0, 0, 0, 0]);
    bytes.extend(u32::try_from(pixels).unwrap().to_le_bytes());
    bytes.extend([0; 16]);
    let mut noise = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for n in 0..pixels {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        bytes.push(((n / 24) as u8).wrapping_add((noise >> 61) as u8));
    }
    bytes
}

/// A bitmap of about `size` bytes that deflate cannot shrink.
pub fn noise(size: usize, seed: u64) -> Vec<u8> {
    let (mut bytes, mut random) = (bitmap(size, 0), Random::new(seed));
    for pixels in bytes[54..].chunks_mut(8) {
        pixels.copy_from_slice(&random.number().to_le_bytes()[..pixels.len()]);
    }
    bytes
}

/// The SHA-256 of bytes in hexadecimal digits, as in records.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A drawing (SVG) of about `size` bytes. It can be smaller than a bitmap.
pub fn drawing(size: usize, seed: u64) -> Vec<u8> {
    let rest = "-".repeat(size.saturating_sub(72)).replace("--", "- ");
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><!--{seed:016x} {rest} --></svg>").into_bytes()
}

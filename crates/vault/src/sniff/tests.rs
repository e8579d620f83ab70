//! Types and sizes of files made by hand, and by encoders.

mod appearance;

use image::{DynamicImage, ImageFormat};

use super::*;

/// How a picture is shown that is not animated, and of which nothing says that it is turned.
fn still(size: (u32, u32)) -> Appearance {
    Appearance { dimensions: Some(size), orientation: None, is_animated: Some(false) }
}

fn size(file: &[u8]) -> Option<(u32, u32)> {
    sniff(file).and_then(|sniffed| sniffed.appearance.dimensions)
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], &kind, content].concat()
}

fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], &kind, content, b"csum"].concat()
}

fn sides(width: u32, height: u32) -> Vec<u8> {
    [width.to_be_bytes(), height.to_be_bytes()].concat()
}

#[test]
fn sizes_are_those_that_encoders_wrote() {
    for (format, media_type) in [
        (ImageFormat::Png, "image/png"),
        (ImageFormat::Jpeg, "image/jpeg"),
        (ImageFormat::Gif, "image/gif"),
        (ImageFormat::Bmp, "image/bmp"),
        (ImageFormat::Ico, "image/vnd.microsoft.icon"),
        (ImageFormat::Tiff, "image/tiff"),
        (ImageFormat::WebP, "image/webp"),
        (ImageFormat::Qoi, "image/x-qoi"),
    ] {
        let mut file = std::io::Cursor::new(Vec::new());
        let picture = DynamicImage::new_rgba8(37, 21);
        let picture = if format == ImageFormat::Jpeg { picture.to_rgb8().into() } else { picture };
        picture.write_to(&mut file, format).unwrap();
        let file = file.into_inner();
        let appearance = still((37, 21));
        let expected = Sniffed { media_type, appearance, is_further_behind: false };
        assert_eq!(sniff(&file), Some(expected), "{format:?}");
        // A file that is cut, or damaged at any place, has a size that is possible, or none.
        for n in 0..file.len() {
            let mut damaged = file.clone();
            damaged[n] ^= 0xff;
            for file in [&file[..n], &damaged] {
                assert!(size(file).is_none_or(|(wide, high)| wide > 0 && high > 0), "{format:?} {n}");
            }
        }
    }
}

#[test]
fn bitmaps_of_every_kind_have_their_size() {
    let bmp = |header: u32, sides: &[u8]| {
        [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0", &header.to_le_bytes()[..], sides, &[1, 0, 24, 0]].concat()
    };
    let signed = |width: i32, height: i32| [width.to_le_bytes(), height.to_le_bytes()].concat();
    for header in [16, 40, 52, 56, 64, 108, 124] {
        assert_eq!(size(&bmp(header, &signed(96, 64))), Some((96, 64)), "{header}");
        // Rows from the top.
        assert_eq!(size(&bmp(header, &signed(96, -64))), Some((96, 64)), "{header}");
        for (width, height) in [(-96, 64), (0, 64), (96, 0), (96, i32::MIN)] {
            assert_eq!(size(&bmp(header, &signed(width, height))), None, "{header} {width} {height}");
        }
    }
    assert_eq!(size(&bmp(12, &[96, 0, 64, 0])), Some((96, 64)));
    assert_eq!(size(&bmp(12, &[0xff, 0xff, 64, 0])), Some((65535, 64)));
}

#[test]
fn a_gif_without_a_screen_has_the_size_of_its_first_picture() {
    let picture = b"\x2c\x01\0\x02\0\x0a\0\x14\0\0";
    let comment = b"\x21\xfe\x03abc\x02de\0";
    let gif = |screen: &[u8], rest: &[&[u8]]| [b"GIF89a", screen, b"\0\0", &rest.concat()].concat();
    assert_eq!(size(&gif(b"\x05\0\x06\0\0", &[picture])), Some((5, 6)));
    assert_eq!(size(&gif(b"\0\0\0\0\0", &[picture])), Some((11, 22)));
    assert_eq!(size(&gif(b"\0\0\x06\0\x81", &[&[0; 12], comment, comment, picture])), Some((11, 22)));
    assert_eq!(size(&gif(b"\0\0\0\0\0", &[b";"])), None);
    let cut = sniff(&gif(b"\0\0\0\0\0", &[comment])).unwrap();
    assert_eq!((cut.appearance.dimensions, cut.is_further_behind), (None, true));
}

#[test]
fn png_has_its_size_behind_what_apple_adds() {
    let signature = b"\x89PNG\r\n\x1a\n";
    let header = |width, height| chunk(*b"IHDR", &[&sides(width, height)[..], &[8, 2, 0, 0, 0]].concat());
    let png = |chunks: &[Vec<u8>]| [&signature[..], &chunks.concat()].concat();
    assert_eq!(size(&png(&[header(4, 5)])), Some((4, 5)));
    assert_eq!(size(&png(&[chunk(*b"CgBI", b"\x50\0\x20\x02"), header(4, 5)])), Some((4, 5)));
    for (width, height) in [(0, 5), (5, 0), (1 << 31, 5), (5, u32::MAX)] {
        assert_eq!(size(&png(&[header(width, height)])), None, "{width} {height}");
    }
    assert_eq!(size(&png(&[chunk(*b"IDAT", b""), header(4, 5)])), None);
}

#[test]
fn an_icon_has_the_size_of_its_largest_picture() {
    let entry = |side: u8, at: u32| [&[side, side, 0, 0, 1, 0, 32, 0, 9, 0, 0, 0][..], &at.to_le_bytes()].concat();
    let icon = |entries: &[Vec<u8>]| {
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        [&[0, 0, 1, 0], &count[..], &entries.concat()].concat()
    };
    assert_eq!(size(&icon(&[entry(16, 99), entry(48, 99), entry(32, 99)])), Some((48, 48)));
    assert_eq!(size(&icon(&[entry(16, 99), entry(0, 99)])), Some((256, 256)));
    let png = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(*b"IHDR", &sides(512, 512))].concat();
    assert_eq!(size(&[icon(&[entry(0, 22)]), png].concat()), Some((512, 512)));
    assert_eq!(size(&icon(&[])), None);
}

#[test]
fn a_jpeg_has_its_size_in_its_frame() {
    let segment = |marker: u8, content: &[u8]| {
        [&[0xff, marker][..], &u16::try_from(content.len() + 2).unwrap().to_be_bytes(), content].concat()
    };
    let frame = |marker| segment(marker, &[8, 0, 64, 0, 96, 1, 1, 0x11, 0]);
    let jpeg = |segments: &[Vec<u8>]| [vec![0xff, 0xd8], segments.concat()].concat();
    let fake = segment(0xe1, &[b"Exif\0\0", &frame(0xc0)[..]].concat());
    for marker in [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc9, 0xca, 0xcf] {
        assert_eq!(size(&jpeg(&[fake.clone(), segment(0xdb, &[0; 65]), frame(marker)])), Some((96, 64)), "{marker:x}");
    }
    // Tables, fill bytes, and bytes that belong to nothing.
    assert_eq!(size(&jpeg(&[segment(0xc4, &[0; 9]), vec![0xff; 5], frame(0xc0)])), Some((96, 64)));
    assert_eq!(size(&jpeg(&[fake.clone(), vec![1, 2, 0xff, 0, 3], frame(0xc0)])), Some((96, 64)));
    for other in [segment(0xda, &[0; 4]), vec![0xff, 0xd9]] {
        assert_eq!(size(&jpeg(&[fake.clone(), other, frame(0xc0)])), None);
    }
    // Its height is said only behind the first scan.
    assert_eq!(size(&jpeg(&[segment(0xc0, &[8, 0, 0, 0, 96, 1, 1, 0x11, 0])])), None);
    let cut = sniff(&jpeg(&[fake])).unwrap();
    assert_eq!((cut.appearance.dimensions, cut.is_further_behind), (None, true));
}

#[test]
fn a_tiff_has_its_size_in_its_first_directory() {
    let little: [(&[u8], &[u8]); 2] = [
        (b"II*\0\x0a\0\0\0\0\0", b"\x03\0\x01\x01\x03\0\x01\0\0\0\x40\0\0\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"),
        (b"MM\0*\0\0\0\x0a\0\0", b"\0\x02\x01\x01\0\x03\0\0\0\x01\0\x40\0\0"),
    ];
    let widths: [&[u8]; 2] = [b"\0\x01\x04\0\x01\0\0\0\x60\0\0\0\0\0\0\0", b"\x01\0\0\x04\0\0\0\x01\0\0\0\x60\0\0\0\0"];
    for ((head, height), width) in little.into_iter().zip(widths) {
        assert_eq!(size(&[head, height, width].concat()), Some((96, 64)));
    }
    let entry = |tag: u16, value: u64| {
        [&tag.to_le_bytes()[..], &[16, 0, 1, 0, 0, 0, 0, 0, 0, 0], &value.to_le_bytes()].concat()
    };
    let big = |width, height| {
        [&b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"[..], &entry(256, width), &entry(257, height)].concat()
    };
    assert_eq!(size(&big(96, 64)), Some((96, 64)));
    assert_eq!(size(&big(1 << 40, 64)), None);
    let cut = sniff(b"II*\0\0\0\x01\0").unwrap();
    assert_eq!((cut.appearance.dimensions, cut.is_further_behind), (None, true));
    assert_eq!(size(b"MM\0+\0\x08\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), None);
}

#[test]
fn webp_has_the_size_of_its_canvas() {
    let webp = |kind: &[u8; 4], content: &[u8]| [b"RIFF\0\0\0\0WEBP", &kind[..], &[9, 0, 0, 0], content].concat();
    assert_eq!(size(&webp(b"VP8X", &[2, 0, 0, 0, 95, 0, 0, 63, 0, 0])), Some((96, 64)));
    assert_eq!(size(&webp(b"VP8L", &[&[0x2f][..], &(0x5f_u32 | (63 << 14)).to_le_bytes()].concat())), Some((96, 64)));
    assert_eq!(size(&webp(b"VP8 ", &[0, 0, 0, 0x9d, 1, 0x2a, 96, 0x40, 64, 0])), Some((96, 64)));
    assert_eq!(size(&webp(b"VP8 ", &[0, 0, 0, 0, 0, 0, 96, 0, 64, 0])), None);
    assert_eq!(size(&webp(b"ALPH", &[0; 20])), None);
}

/// A JPEG XL codestream with these fields, each a value and its number of bits.
fn codestream(fields: &[(u128, u32)]) -> Vec<u8> {
    let (mut bits, mut at) = (0x0aff_u128, 16);
    for (value, count) in fields {
        bits |= value << at;
        at += count;
    }
    bits.to_le_bytes().to_vec()
}

#[test]
fn jpeg_xl_has_its_size_in_its_codestream() {
    let all_default = (1, 1);
    for (fields, expected) in [
        (vec![(1, 1), (7, 5), (0, 3), (11, 5), all_default], (96, 64)),
        (vec![(0, 1), (0, 2), (122, 9), (0, 3), (1, 2), (999, 13), all_default], (1000, 123)),
        // A ratio of the sides, rounded down: 12 : 10.
        (vec![(0, 1), (0, 2), (122, 9), (2, 3), all_default], (147, 123)),
        (vec![(0, 1), (3, 2), (99_999, 30), (7, 3), all_default], (200_000, 100_000)),
        // Turned by its orientation, 6.
        (vec![(0, 1), (0, 2), (122, 9), (7, 3), (0, 1), (1, 1), (5, 3)], (123, 246)),
        (vec![(0, 1), (0, 2), (122, 9), (7, 3), (0, 1), (1, 1), (2, 3)], (246, 123)),
    ] {
        let stream = codestream(&fields);
        assert_eq!(size(&stream), Some(expected), "{fields:?}");
        let container = boxed(*b"JXL ", b"\r\n\x87\n");
        let rest = boxed(*b"ftyp", b"jxl \0\0\0\0jxl ");
        let whole = [&container[..], &rest, &boxed(*b"Exif", &[0; 99]), &boxed(*b"jxlc", &stream)].concat();
        assert_eq!(size(&whole), Some(expected));
        let parts = [
            &container[..],
            &rest,
            &boxed(*b"jxlp", &[&[0, 0, 0, 0][..], &stream[..5]].concat()),
            &boxed(*b"jxlp", &[&[0x80, 0, 0, 1][..], &stream[5..]].concat()),
        ];
        assert_eq!(size(&parts.concat()), Some(expected));
        let cut = sniff(&container).unwrap();
        assert_eq!((cut.media_type, cut.appearance.dimensions, cut.is_further_behind), ("image/jxl", None, true));
    }
}

/// A HEIF file whose primary item, number 2, has these of the properties.
fn heif(properties: &[Vec<u8>], of_primary: &[u8]) -> Vec<u8> {
    let count = u8::try_from(of_primary.len()).unwrap();
    let others = [0, 1, 1, 1];
    let ipma = [&[0, 0, 0, 0, 0, 0, 0, 2][..], &others, &[0, 2, count], of_primary].concat();
    let iprp = [boxed(*b"ipco", &properties.concat()), boxed(*b"ipma", &ipma)].concat();
    let meta = [vec![0; 4], boxed(*b"hdlr", &[0; 24]), boxed(*b"pitm", &[0, 0, 0, 0, 0, 2]), boxed(*b"iprp", &iprp)];
    [boxed(*b"ftyp", b"mif1\0\0\0\0mif1heic"), boxed(*b"free", &[0; 9]), boxed(*b"meta", &meta.concat())].concat()
}

#[test]
fn heif_has_the_size_of_its_primary_image() {
    let ispe = |width, height| boxed(*b"ispe", &[vec![0; 4], sides(width, height)].concat());
    let irot = |turns| boxed(*b"irot", &[turns]);
    let clap = boxed(*b"clap", &[sides(300, 1), sides(400, 2), vec![0; 16]].concat());
    // The largest is another item's.
    let all = [ispe(9999, 9999), ispe(400, 200), irot(1), irot(2), clap];
    for (of_primary, expected) in [
        (&[2][..], (400, 200)),
        (&[0x82, 3], (200, 400)),
        (&[2, 4], (400, 200)),
        (&[2, 5], (300, 200)),
        (&[2, 5, 3], (200, 300)),
    ] {
        let file = heif(&all, of_primary);
        assert_eq!(sniff(&file).map(|sniffed| sniffed.media_type), Some("image/heif"));
        assert_eq!(size(&file), Some(expected));
        for n in 0..file.len() {
            size(&file[..n]);
        }
    }
    assert_eq!(size(&heif(&all, &[4])), None);
    assert_eq!(size(&heif(&[ispe(0, 200)], &[1])), None);
    // The metadata stands behind the data.
    let cut =
        sniff(&[boxed(*b"ftyp", b"avif\0\0\0\0avif"), u32::MAX.to_be_bytes().to_vec(), b"mdat".to_vec()].concat())
            .unwrap();
    assert_eq!((cut.media_type, cut.appearance.dimensions, cut.is_further_behind), ("image/avif", None, true));
}

#[test]
fn brands_say_which_codec_a_file_is_for() {
    for (brands, media_type) in [
        ("avif\0\0\0\0avifmif1miaf", Some("image/avif")),
        ("avis\0\0\0\0msf1", Some("image/avif")),
        ("mif1\0\0\0\0mif1avifmiaf", Some("image/avif")),
        ("mif1\0\0\0\0mif1heic", Some("image/heif")),
        ("heic\0\0\0\0mif1", Some("image/heif")),
        ("mif1\0\0\0\0", Some("image/heif")),
        ("mp42\0\0\0\0mp42isom", None),
        ("isomheicisom", None),
    ] {
        let file = boxed(*b"ftyp", brands.as_bytes());
        assert_eq!(sniff(&file).map(|sniffed| sniffed.media_type), media_type, "{brands:?}");
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
    assert_eq!(file_name("x.html", "image/svg+xml"), "x.html.svg");
    assert_eq!(file_name("x.JPEG", "image/jpeg"), "x.JPEG");
}

#[test]
fn what_is_no_image_is_refused() {
    for text in ["", "G", "<html><svg></svg></html>", "<svgfoo>", "hello", "<!-- <svg>", "%PDF-1.7", "GIF88a"] {
        assert_eq!(sniff(text.as_bytes()), None, "{text}");
    }
    for text in ["BMW is a car", "BMW and BMX, both of them are words", "\0\0\0\x18ftypmp42\0\0\0\0mp42isom"] {
        assert_eq!(sniff(text.as_bytes()), None, "{text}");
    }
    assert_eq!(sniff(b"<svg/>").map(|sniffed| sniffed.media_type), Some("image/svg+xml"));
    assert_eq!(describe(b""), "0 bytes");
    assert_eq!(describe(b"<html>\n"), "starts with \"<html>\\n\"");
}

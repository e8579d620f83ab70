//! Orientation and animation, compared with what decoders say where there are decoders.

use std::io::Cursor;

use burrow_model::appearance::Orientation;
use image::codecs::gif::{GifDecoder, GifEncoder};
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::{PngDecoder, PngEncoder};
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::{WebPDecoder, WebPEncoder};
use image::{AnimationDecoder as _, ExtendedColorType, Frame, ImageDecoder, ImageEncoder, RgbaImage};

use super::{Appearance, boxed, chunk, codestream, heif, sides, sniff, still};

fn shown(file: &[u8]) -> Appearance {
    sniff(file).unwrap().appearance
}

fn orientation(file: &[u8]) -> Option<u8> {
    shown(file).orientation.map(Orientation::number)
}

fn is_animated(file: &[u8]) -> Option<bool> {
    shown(file).is_animated
}

/// Nothing that is damaged or cut at any place makes the walks fail.
fn survives_damage(file: &[u8]) {
    for n in 0..file.len() {
        for flipped in [0x01, 0x80, 0xff] {
            let mut damaged = file.to_vec();
            damaged[n] ^= flipped;
            sniff(&damaged);
        }
        sniff(&file[..n]);
    }
}

/// A TIFF of one grey pixel, or EXIF, with these entries: tag, type, number of values, value.
fn tiff(is_big_endian: bool, entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let two = |number: u16| if is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let four = |number: u32| if is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let head: &[u8] = if is_big_endian { b"MM\0\x2a" } else { b"II\x2a\0" };
    let mut file = [head, &four(8), &two(entries.len().try_into().unwrap())].concat();
    for &(tag, kind, count, value) in entries {
        let short = u16::try_from(value).map(|value| [two(value), [0, 0]].concat());
        let value = if kind == 3 { short.unwrap() } else { four(value).to_vec() };
        file.extend([&two(tag)[..], &two(kind), &four(count), &value].concat());
    }
    [&file[..], &four(0), &[128]].concat()
}

#[test]
fn orientations_are_those_that_decoders_find() {
    let with = |number: u32| [(271, 2, 4, 0x0041_4141), (274, 3, 1, number), (34665, 4, 1, 0)];
    for is_big_endian in [false, true] {
        for (entries, expected) in (0..=9)
            .map(|number| (with(number).to_vec(), u8::try_from(number).ok().filter(|number| (1..=8).contains(number))))
            .chain([
                (vec![], None),
                // Another type, several values, a number above 255, and entries in another order.
                (vec![(274, 4, 1, 6)], None),
                (vec![(274, 3, 2, 6)], None),
                (vec![(274, 3, 1, 0x0106)], None),
                (vec![(40_000, 3, 1, 1), (274, 3, 1, 3)], Some(3)),
            ])
        {
            let exif = tiff(is_big_endian, &entries);
            for (format, file, theirs) in files(&exif) {
                assert_eq!(theirs, expected, "{format} {entries:?}: the decoder");
                assert_eq!(orientation(&file), expected, "{format} {entries:?}");
                assert_eq!(shown(&file).dimensions, Some((4, 3)), "{format}");
                assert_eq!(is_animated(&file), Some(false), "{format}");
            }
        }
    }
    for (_, file, _) in files(&tiff(true, &with(6))) {
        survives_damage(&file);
    }
}

/// Files of three formats with this EXIF, and the orientation that the decoder finds.
fn files(exif: &[u8]) -> [(&'static str, Vec<u8>, Option<u8>); 3] {
    fn write(mut encoder: impl ImageEncoder, exif: &[u8]) {
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder.write_image(&[128; 4 * 3 * 3], 4, 3, ExtendedColorType::Rgb8).unwrap();
    }
    fn found(decoder: Result<impl ImageDecoder, image::ImageError>) -> Option<u8> {
        let exif = decoder.unwrap().exif_metadata().unwrap()?;
        image::metadata::Orientation::from_exif_chunk(&exif).map(image::metadata::Orientation::to_exif)
    }
    let [mut jpeg, mut png, mut webp] = [const { Vec::new() }; 3];
    write(JpegEncoder::new(&mut jpeg), exif);
    write(PngEncoder::new(&mut png), exif);
    write(WebPEncoder::new_lossless(&mut webp), exif);
    let theirs = [
        found(JpegDecoder::new(Cursor::new(&jpeg))),
        found(PngDecoder::new(Cursor::new(&png))),
        found(WebPDecoder::new(Cursor::new(&webp))),
    ];
    [("JPEG", jpeg, theirs[0]), ("PNG", png, theirs[1]), ("WebP", webp, theirs[2])]
}

#[test]
fn a_tiff_is_turned_as_its_first_directory_says() {
    for number in 1..=8 {
        // One strip of one pixel, behind the directory.
        let entries = |offset| {
            [
                (256, 3, 1, 1),
                (257, 3, 1, 1),
                (258, 3, 1, 8),
                (259, 3, 1, 1),
                (262, 3, 1, 1),
                (273, 4, 1, offset),
                (274, 3, 1, number),
                (277, 3, 1, 1),
                (278, 3, 1, 1),
                (279, 4, 1, 1),
            ]
        };
        let length = u32::try_from(tiff(false, &entries(0)).len()).unwrap();
        let file = tiff(false, &entries(length - 1));
        let theirs = TiffDecoder::new(Cursor::new(&file)).unwrap().orientation().unwrap().to_exif();
        assert_eq!((u32::from(theirs), orientation(&file)), (number, Some(theirs)));
        assert_eq!((shown(&file).dimensions, is_animated(&file)), (Some((1, 1)), Some(false)));
    }
}

#[test]
fn only_the_first_exif_of_a_jpeg_counts_and_only_within_its_segment() {
    let segment = |marker: u8, content: &[u8]| {
        [&[0xff, marker][..], &u16::try_from(content.len() + 2).unwrap().to_be_bytes(), content].concat()
    };
    let exif = |number| segment(0xe1, &[b"Exif\0\0", &tiff(true, &[(274, 3, 1, number)])[..]].concat());
    let frame = segment(0xc0, &[8, 0, 64, 0, 96, 1, 1, 0x11, 0]);
    let scan = segment(0xda, &[0; 4]);
    let jpeg = |segments: &[&[u8]]| [&[0xff, 0xd8][..], &segments.concat()].concat();
    let other = segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0");
    assert_eq!(orientation(&jpeg(&[&other, &exif(6), &exif(3), &frame, &scan])), Some(6));
    assert_eq!(orientation(&jpeg(&[&frame, &exif(8), &scan])), Some(8));
    assert_eq!(orientation(&jpeg(&[&frame, &scan, &exif(8)])), None);
    // The directory would be in the next segment.
    let outside = segment(0xe1, b"Exif\0\0MM\0\x2a\0\0\0\x0e");
    let directory = segment(0xfe, b"\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0");
    let file = jpeg(&[&outside, &directory[2..], &frame, &scan]);
    assert_eq!(orientation(&file), None);
}

#[test]
fn heif_is_turned_and_mirrored_in_the_order_of_its_properties() {
    let ispe = boxed(*b"ispe", &[vec![0; 4], sides(40, 30)].concat());
    let property = |kind: &[u8; 4], value: u8| boxed(*kind, &[value]);
    // As libavif writes the orientations of EXIF: first turned counter-clockwise, then mirrored.
    let all = [
        ispe,
        property(b"irot", 1),
        property(b"irot", 2),
        property(b"irot", 3),
        property(b"imir", 0),
        property(b"imir", 1),
    ];
    for (of_primary, number) in [
        (&[1][..], None),
        (&[1, 6], Some(2)),
        (&[1, 3], Some(3)),
        (&[1, 5], Some(4)),
        (&[1, 2, 5], Some(5)),
        (&[1, 4], Some(6)),
        (&[1, 4, 5], Some(7)),
        (&[1, 2], Some(8)),
        // In the other order.
        (&[1, 5, 2], Some(7)),
        (&[6, 1, 0x82], Some(5)),
        (&[1, 3, 5, 6], Some(1)),
    ] {
        let file = heif(&all, of_primary);
        assert_eq!(orientation(&file), number, "{of_primary:?}");
        let size = if number.is_some_and(|number| number > 4) { (30, 40) } else { (40, 30) };
        assert_eq!((shown(&file).dimensions, is_animated(&file)), (Some(size), Some(false)), "{of_primary:?}");
    }
    survives_damage(&heif(&all, &[1, 4, 5]));
}

/// A file of these brands with a track of this kind and number of pictures.
fn sequence(brands: &[u8], handler: [u8; 4], table: [u8; 4], pictures: u32) -> Vec<u8> {
    let sizes = boxed(table, &[vec![0; 8], sides(pictures, 0)].concat());
    let handler = boxed(*b"hdlr", &[&[0; 8][..], &handler, &[0; 12]].concat());
    let information = boxed(*b"minf", &boxed(*b"stbl", &[boxed(*b"stts", &[0; 8]), sizes].concat()));
    let media = boxed(*b"mdia", &[boxed(*b"mdhd", &[0; 24]), handler, information].concat());
    let track = boxed(*b"trak", &[boxed(*b"tkhd", &[0; 84]), media].concat());
    let movie = boxed(*b"moov", &[boxed(*b"mvhd", &[0; 100]), track].concat());
    [boxed(*b"ftyp", brands), boxed(*b"mdat", &[0; 9]), movie].concat()
}

#[test]
fn heif_is_animated_if_decoders_show_its_track() {
    for (brands, handler, table, pictures, expected) in [
        (&b"avis\0\0\0\0avifavis"[..], *b"pict", *b"stsz", 2, true),
        (b"msf1\0\0\0\0hevc", *b"vide", *b"stz2", 9, true),
        (b"mif1\0\0\0\0avisavif", *b"pict", *b"stsz", 2, true),
        (b"avis\0\0\0\0avifavis", *b"pict", *b"stsz", 1, false),
        (b"avis\0\0\0\0avifavis", *b"soun", *b"stsz", 2, false),
        // The first brand is that of a single image.
        (b"avif\0\0\0\0avifavis", *b"pict", *b"stsz", 2, false),
        (b"heic\0\0\0\0mif1msf1", *b"pict", *b"stsz", 2, false),
        (b"mif1\0\0\0\0mif1heic", *b"pict", *b"stsz", 2, false),
    ] {
        let file = sequence(brands, handler, table, pictures);
        assert_eq!(is_animated(&file), Some(expected), "{}", brands.escape_ascii());
    }
    let file = sequence(b"avis\0\0\0\0avifavis", *b"pict", *b"stsz", 2);
    assert_eq!(is_animated(&file[..40]), None);
    survives_damage(&file);
}

#[test]
fn a_gif_is_animated_if_it_has_a_second_picture() {
    for frames in 1..=3 {
        let mut file = Vec::new();
        let mut encoder = GifEncoder::new(&mut file);
        encoder.encode_frames((0..frames).map(|_| Frame::new(RgbaImage::new(40, 30)))).unwrap();
        drop(encoder);
        let theirs = GifDecoder::new(Cursor::new(&file)).unwrap().into_frames().count();
        assert_eq!((theirs, is_animated(&file)), (frames, Some(frames > 1)));
        assert_eq!(shown(&file).dimensions, Some((40, 30)));
        survives_damage(&file);
        if frames == 1 {
            let cut = sniff(&file[..file.len() - 1]).unwrap();
            assert_eq!((cut.appearance.is_animated, cut.is_further_behind), (None, true));
        }
    }
}

#[test]
fn a_png_is_animated_if_it_says_so_before_its_pixels() {
    for frames in 1..=3 {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 4, 3);
        encoder.set_animated(frames, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        (0..frames).for_each(|_| writer.write_image_data(&[128; 12]).unwrap());
        writer.finish().unwrap();
        assert!(PngDecoder::new(Cursor::new(&file)).unwrap().is_apng().unwrap());
        // A single picture does not move.
        assert_eq!(is_animated(&file), Some(frames > 1));
        survives_damage(&file);
    }
    let header = chunk(*b"IHDR", &[&sides(4, 3)[..], &[8, 0, 0, 0, 0]].concat());
    let control = chunk(*b"acTL", &sides(2, 0));
    let exif = chunk(*b"eXIf", &tiff(false, &[(274, 3, 1, 6)]));
    let png = |chunks: &[&[u8]]| [b"\x89PNG\r\n\x1a\n", &chunks.concat()[..]].concat();
    let late = png(&[&header, &chunk(*b"IDAT", &[]), &control, &exif]);
    assert_eq!(shown(&late), still((4, 3)));
    let cut = sniff(&png(&[&header, &control])).unwrap();
    assert_eq!((cut.appearance.is_animated, cut.is_further_behind), (None, true));
}

#[test]
fn a_webp_is_animated_if_it_has_a_second_picture() {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        [&kind[..], &length, content, &[0][..content.len() % 2]].concat()
    };
    let webp = |chunks: &[Vec<u8>]| {
        let all = [b"WEBP", &chunks.concat()[..]].concat();
        chunk(b"RIFF", &all)
    };
    let canvas = |flags: u8| chunk(b"VP8X", &[flags, 0, 0, 0, 3, 0, 0, 2, 0, 0]);
    let mut picture = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut picture);
    encoder.encode(&[128; 36], 4, 3, ExtendedColorType::Rgb8).unwrap();
    let frame = chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, 3, 0, 0, 2, 0, 0, 100, 0, 0, 0][..], &picture[12..]].concat());
    let animation = chunk(b"ANIM", &[0; 6]);
    let exif = chunk(b"EXIF", &tiff(false, &[(274, 3, 1, 6)]));
    for frames in 1..=3 {
        let file = webp(&[vec![canvas(2), animation.clone()], vec![frame.clone(); frames]].concat());
        let theirs = WebPDecoder::new(Cursor::new(&file)).unwrap();
        assert!(theirs.has_animation() && theirs.into_frames().count() == frames);
        assert_eq!(shown(&file), Appearance { is_animated: Some(frames > 1), ..still((4, 3)) });
        survives_damage(&file);
    }
    let turned = webp(&[canvas(10), animation.clone(), frame.clone(), frame.clone(), exif.clone()]);
    assert_eq!((is_animated(&turned), orientation(&turned)), (Some(true), Some(6)));
    // No flag promises anything.
    assert_eq!(shown(&webp(&[canvas(0), animation, frame.clone(), frame, exif])), still((4, 3)));
}

#[test]
fn jpeg_xl_says_how_it_is_shown_in_its_header() {
    let size = [(1, 1), (4, 5), (0, 3), (3, 5)];
    let preview = [(0, 1), (1, 2), (7, 8), (0, 3), (3, 2), (9, 12)];
    let preview_in_eights = [(1, 1), (2, 2), (7, 5), (1, 3)];
    // Fields: default or not, extra or not, orientation, intrinsic size, preview, animation.
    for (fields, number, animated) in [
        (vec![(1, 1)], None, false),
        (vec![(0, 1), (0, 1)], None, false),
        (vec![(0, 1), (1, 1), (2, 3), (0, 1), (0, 1), (1, 1)], Some(3), true),
        (vec![(0, 1), (1, 1), (7, 3), (0, 1), (0, 1), (0, 1)], Some(8), false),
        ([&[(0, 1), (1, 1), (0, 3), (1, 1)], &size[..], &[(0, 1), (1, 1)]].concat(), Some(1), true),
        ([&[(0, 1), (1, 1), (0, 3), (0, 1), (1, 1)], &preview[..], &[(1, 1)]].concat(), Some(1), true),
        ([&[(0, 1), (1, 1), (0, 3), (0, 1), (1, 1)], &preview_in_eights[..], &[(1, 1)]].concat(), Some(1), true),
        ([&[(0, 1), (1, 1), (0, 3), (0, 1), (1, 1)], &preview_in_eights[..], &[(0, 1)]].concat(), Some(1), false),
    ] {
        let file = codestream(&[&size[..], &fields].concat());
        assert_eq!((orientation(&file), is_animated(&file)), (number, Some(animated)), "{fields:?}");
        survives_damage(&file);
    }
}

//! Packs files and gets the same files back: PNGs as libraries make them, odd ones, and damaged packed forms.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tests")]

mod golden;
mod images;

use std::cell::{Cell, RefCell};

use burrow_recompress::{Damaged, Effort, Failure, Limits, Refused, info, pack, unpack};
use futures::executor::block_on;
use images::{Bmp, Png, chunk, deflated, pixels};

fn packed(file: &[u8]) -> Result<Vec<u8>, Refused> {
    block_on(pack(file, Effort::Best, &Limits::default(), async || {}))
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Failure<()>> {
    unpacked_within(packed, &Limits::default())
}

fn unpacked_within(packed: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure<()>> {
    let file = RefCell::new(Vec::new());
    let mut sink = async |bytes: &[u8]| {
        file.borrow_mut().extend_from_slice(bytes);
        Ok(())
    };
    block_on(unpack(packed, limits, &mut sink, async || {}))?;
    Ok(file.into_inner())
}

/// Packs, and checks that the same file comes back. Returns the length of the packed form.
#[track_caller]
fn round(file: &[u8]) -> usize {
    let packed = packed(file).unwrap();
    assert!(unpacked(&packed).unwrap() == file, "another file came back");
    assert_eq!(info(&packed).unwrap().length, file.len() as u64);
    packed.len()
}

#[test]
fn images_of_every_kind() {
    for (color, depths) in [(0, &[1, 2, 4, 8, 16][..]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])]
    {
        for depth in depths {
            for interlaced in [false, true] {
                for (width, height) in [(150, 90), (33, 47), (1, 300)] {
                    let png = Png { width, height, depth: *depth, color, interlaced, ..Png::default() };
                    let file = png.file();
                    match packed(&file) {
                        Ok(packed) => assert!(unpacked(&packed).unwrap() == file, "{png:?}"),
                        Err(reason) => assert_eq!(reason, Refused::NotSmaller, "{png:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn images_of_the_png_crate() {
    for compression in
        [png::Compression::Fast, png::Compression::Balanced, png::Compression::High, png::Compression::NoCompression]
    {
        let (width, height) = (200, 160);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(compression);
        let pixels: Vec<u8> = pixels(width as usize * 3, 3, height as usize, false).concat();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        round(&file);
    }
}

#[test]
fn streams_in_any_pieces() {
    for piece in [1, 2, 3, 100, 8192, usize::MAX] {
        round(&Png { piece, ..Png::default() }.file());
    }
}

/// 100,000 chunks of one byte are as good as one: how they are cut is a few bytes.
#[test]
fn a_hundred_thousand_chunks() {
    let whole = Png { width: 900, height: 700, level: 1, ..Png::default() };
    let cut = Png { piece: 1, ..whole.clone() }.file();
    assert!(cut.len() > 13 * 100_000, "{} bytes", cut.len());
    assert!(round(&cut) <= round(&whole.file()) + 8);
}

#[test]
fn empty_and_interrupted_data() {
    let png = Png::default();
    let stream = png.stream();
    let (first, second) = stream.split_at(stream.len() / 3);
    let mut file = png.head();
    for part in [&b""[..], first, b"", b"", second, b""] {
        file.extend(chunk(*b"IDAT", part));
        file.extend(chunk(*b"tEXt", b"Comment\0between"));
    }
    file.extend(chunk(*b"IEND", b""));
    round(&file);
}

#[test]
fn wrong_checksums() {
    let png = Png { piece: 700, ..Png::default() };
    let file = png.file();
    // Of the header, of pieces, of the last chunk.
    for at in [32, 41 + 700 + 3, file.len() - 1] {
        let mut file = file.clone();
        file[at] ^= 0x55;
        round(&file);
    }
    let mut stream = png.stream();
    *stream.last_mut().unwrap() ^= 1;
    round(&png.with_stream(&stream));
}

#[test]
fn bytes_after_the_end() {
    let png = Png::default();
    round(&[png.file(), b"trailing bytes, and more of them".to_vec()].concat());
    round(&[png.file(), png.file()].concat());
    round(&png.with_stream(&[png.stream(), b"rest".to_vec()].concat()));
}

/// Rows that lack, rows too many, a row that ends early, and a filter that does not exist.
#[test]
fn other_rows_than_the_header_says() {
    let png = Png::default();
    let plain = png.plain();
    let row = png.row_bytes() + 1;
    let mut odd = plain.clone();
    odd[row * 50] = 7;
    let cases = [&plain[..row * 70], &plain[..row * 70 + 5], &[&plain[..], &plain[..row + 3]].concat(), &odd];
    for plain in cases {
        round(&png.with_stream(&deflated(plain, 6)));
    }
    odd[0] = 5;
    // No row at all can be coded, so only text is.
    match packed(&png.with_stream(&deflated(&odd, 6))) {
        Ok(packed) => assert!(unpacked(&packed).unwrap() == png.with_stream(&deflated(&odd, 6))),
        Err(reason) => assert_eq!(reason, Refused::NotSmaller),
    }
}

#[test]
fn animations() {
    let png = Png { width: 60, height: 50, ..Png::default() };
    let mut file = png.head();
    let control = |sequence: u32, width: u32, height: u32| {
        let words = [sequence, width, height, 0, 0];
        chunk(*b"fcTL", &[&words.map(u32::to_be_bytes).concat()[..], &[0, 1, 0, 10, 0, 0]].concat())
    };
    file.extend(chunk(*b"acTL", &[0, 0, 0, 4, 0, 0, 0, 0]));
    file.extend(control(0, 60, 50));
    file.extend(chunk(*b"IDAT", &png.stream()));
    let mut sequence = 1;
    for (width, height) in [(60, 50), (20, 30), (7, 3)] {
        file.extend(control(sequence, width, height));
        sequence += 1;
        let frame = Png { width, height, ..png.clone() };
        for piece in frame.stream().chunks(400) {
            file.extend(chunk(*b"fdAT", &[&sequence.to_be_bytes(), piece].concat()));
            // One number is left out.
            sequence += if sequence == 4 { 2 } else { 1 };
        }
    }
    file.extend(chunk(*b"IEND", b""));
    let whole = round(&file);
    // A frame that cannot be inflated stays as it is; the others are packed.
    let at = file.windows(4).position(|four| four == b"fdAT").unwrap();
    file[at + 8] = 0;
    let broken = round(&file);
    assert!(broken > whole && broken < file.len(), "{whole}, {broken} of {}", file.len());
}

#[test]
fn bitmaps() {
    for pixel in [1, 4, 8, 24, 32] {
        for width in [61, 64, 99] {
            let bmp = Bmp { width, pixel, ..Bmp::default() };
            round(&bmp.file());
            round(&Bmp { filling: 0xA5, ..bmp.clone() }.file());
            round(&Bmp { is_top_down: true, ..bmp.clone() }.file());
            round(&[bmp.file(), b"after the end".to_vec()].concat());
        }
    }
    round(&Bmp { has_short_header: true, ..Bmp::default() }.file());
    round(&Bmp { pixel: 32, compression: 3, ..Bmp::default() }.file());
}

#[test]
fn bitmaps_that_are_refused() {
    let bmp = Bmp::default();
    let file = bmp.file();
    assert_eq!(packed(&file[..file.len() - 1]), Err(Refused::Truncated));
    assert_eq!(packed(&file[..20]), Err(Refused::Truncated));
    for odd in
        [Bmp { pixel: 8, compression: 1, ..bmp.clone() }, Bmp { pixel: 16, ..bmp.clone() }, Bmp { pixel: 7, ..bmp }]
    {
        assert!(matches!(packed(&odd.file()), Err(Refused::Pixels(_))), "{odd:?}");
    }
    let tight = Limits { work: 400_000, ..Limits::default() };
    assert!(matches!(block_on(pack(&file, Effort::Best, &tight, async || {})), Err(Refused::Work { .. })));
}

#[test]
fn what_is_refused() {
    let png = Png::default();
    let file = png.file();
    assert_eq!(packed(b""), Err(Refused::Format));
    assert_eq!(packed(b"GIF89a"), Err(Refused::Format));
    assert!(matches!(packed(&file[..40]), Err(Refused::Pixels(_))));
    let stream = png.stream();
    assert_eq!(packed(&png.with_stream(&stream[..stream.len() / 2])), Err(Refused::Truncated));
    assert_eq!(packed(&png.with_stream(&stream[..stream.len() - 2])), Err(Refused::Truncated));
    assert!(matches!(packed(&png.with_stream(&[b"y", &stream[1..]].concat())), Err(Refused::Deflate(_))));
    let tight = |limits: Limits| block_on(pack(&file, Effort::Best, &limits, async || {}));
    assert!(matches!(tight(Limits { length: 1000, ..Limits::default() }), Err(Refused::Long { limit: 1000 })));
    assert!(matches!(tight(Limits { memory: 1 << 20, ..Limits::default() }), Err(Refused::Memory { .. })));
    assert!(matches!(tight(Limits { work: 400_000, ..Limits::default() }), Err(Refused::Work { .. })));
}

/// A gigabyte of zeros in a small file is refused at the limit, before the rest of it is inflated.
#[test]
fn bombs_are_refused() {
    let png = Png { width: 30_000, height: 30_000, ..Png::default() };
    let file = png.with_stream(&deflated(&vec![0; 64 << 20], 9));
    let limits = Limits { length: 16 << 20, ..Limits::default() };
    assert_eq!(block_on(pack(&file, Effort::Best, &limits, async || {})), Err(Refused::Long { limit: 16 << 20 }));
}

/// Work and memory are stated, and more is not taken.
#[test]
fn limits_of_unpacking() {
    let packed = packed(&Png::default().file()).unwrap();
    let info = info(&packed).unwrap();
    let exact = Limits { length: info.length, memory: info.memory, work: info.work };
    assert!(unpacked_within(&packed, &exact).is_ok());
    let outcome = |limits| unpacked_within(&packed, &limits).unwrap_err();
    assert_eq!(outcome(Limits { length: info.length - 1, ..exact }), Failure::Damaged(Damaged::Length));
    assert_eq!(outcome(Limits { memory: info.memory - 1, ..exact }), Failure::Damaged(Damaged::Memory));
    assert_eq!(outcome(Limits { work: info.work - 1, ..exact }), Failure::Damaged(Damaged::Work));
}

/// Other tasks run at least once for every 64 KiB of plain bytes.
#[test]
fn pauses() {
    let png = Png { width: 700, height: 500, ..Png::default() };
    let (file, least) = (png.file(), png.plain().len() / (64 * 1024));
    let count = Cell::new(0);
    let pause = async || count.set(count.get() + 1);
    let packed = block_on(pack(&file, Effort::Best, &Limits::default(), pause)).unwrap();
    assert!(count.replace(0) >= least);
    block_on(unpack(&packed, &Limits::default(), &mut async |_: &[u8]| Ok::<(), ()>(()), pause)).unwrap();
    assert!(count.get() >= least);
}

/// A sink that fails stops the unpacking, with its error.
#[test]
fn a_sink_that_fails() {
    let packed = packed(&Png::default().file()).unwrap();
    let outcome = block_on(unpack(&packed, &Limits::default(), &mut async |_: &[u8]| Err("full"), async || {}));
    assert_eq!(outcome, Err(Failure::Sink("full")));
}

/// Each byte changed to several values, and each truncation: an error or the same file, within the stated bounds.
#[test]
fn damaged_packed_forms() {
    let small = Png { width: 24, height: 24, ..Png::default() };
    let often_wrong = Png { width: 40, height: 40, level: 9, ..Png::default() };
    let mangled = often_wrong.with_stream(&images::mangled(&often_wrong.plain()));
    let bmp = Bmp { width: 29, height: 20, pixel: 8, filling: 7, ..Bmp::default() }.file();
    for file in [small.file(), Png { interlaced: true, ..small }.file(), mangled, bmp] {
        let Ok(whole) = packed(&file) else { panic!("{} bytes are not packed", file.len()) };
        let limits = Limits { length: 1 << 20, memory: 16 << 20, work: 50_000_000 };
        for at in 0..whole.len() {
            for change in [1, 0x10, 0x80, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                if let Ok(other) = unpacked_within(&damaged, &limits) {
                    assert!(other == file, "byte {at} changed by {change}");
                }
            }
            if let Ok(other) = unpacked_within(&whole[..at], &limits) {
                assert!(other == file, "cut to {at}");
            }
        }
    }
}

/// Each byte of a small file changed: what is packed comes back.
#[test]
fn files_changed_in_one_byte() {
    let png = Png { width: 24, height: 24, piece: 50, ..Png::default() };
    let file = png.file();
    for at in 0..file.len() {
        for change in [1, 0x20, 0xFF] {
            let mut file = file.clone();
            file[at] ^= change;
            if let Ok(packed) = packed(&file) {
                assert!(unpacked(&packed).unwrap() == file, "byte {at} changed by {change}");
            }
        }
    }
}

/// Streams by zlib with every level, strategy, window and memory level, as PNGs: they take at most a few bytes beside
/// their pixels.
#[test]
fn streams_of_zlib() {
    let mut rest: &[u8] = include_bytes!("../zlib.bin");
    let mut lengths = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [level, strategy, window, memory, length @ ..] = *head;
        let (stream, after) = after.split_at(u32::from_le_bytes(length) as usize);
        rest = after;
        if stream.len() > 1000 {
            let height = if stream.len() > 10_000 { 600 } else { 40 };
            let png = Png { width: 120, height, depth: 8, color: 0, ..Png::default() };
            let file = png.with_stream(stream);
            let packed = round(&file);
            lengths.push((
                height,
                packed,
                format!("level {level}, strategy {strategy}, window {window}, memory {memory}"),
            ));
        }
    }
    // The pixels are the same in all of them, and so is what they are packed to, within a few bytes.
    for height in [40, 600] {
        let same: Vec<_> = lengths.iter().filter(|(one, ..)| *one == height).collect();
        let least = same.iter().map(|(_, packed, _)| *packed).min().unwrap();
        for (_, packed, name) in same {
            assert!(*packed <= least + 40, "{name}: {packed} bytes, {least} with other settings");
        }
    }
}

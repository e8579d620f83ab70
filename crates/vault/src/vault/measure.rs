//! Measures images whose size, orientation or second picture stands beyond their first block: looks at single blocks of
//! what was stored.

use burrow_model::appearance::Appearance;
use burrow_model::error::Error;

use crate::codec::BLOCK;
use crate::ports::Ports;
use crate::sniff::{Look, Sniffed, Unknown, measure, sniff};
use crate::store::blob::{Blob, Form};

/// The most blocks that are read of one image: 16 MB of metadata before its size, or of a picture before the second.
const MAX_BLOCKS: u32 = 64;

/// How an image is shown that says so further behind.
pub(super) async fn measured<P: Ports>(blob: Blob<P>) -> Result<Appearance, Error> {
    let mut stored = Stored { blob, block: None, left: MAX_BLOCKS };
    let Some(start) = stored.start().await? else { return Ok(Appearance::default()) };
    measure(&start, &mut stored).await
}

/// The type of stored content, and how it is shown. `None` if it is no image.
pub(super) async fn sniffed<P: Ports>(blob: Blob<P>) -> Result<Option<Sniffed>, Error> {
    let mut stored = Stored { blob: blob.clone(), block: None, left: 1 };
    let Some(sniffed) = stored.start().await?.and_then(|start| sniff(&start)) else { return Ok(None) };
    let appearance = if sniffed.is_further_behind { measured(blob).await? } else { sniffed.appearance };
    Ok(Some(Sniffed { appearance, ..sniffed }))
}

/// Stored content, of which one block at a time is unpacked.
struct Stored<P> {
    blob: Blob<P>,
    /// Where the block begins, and its bytes.
    block: Option<(u64, Vec<u8>)>,
    /// How many more blocks may be read.
    left: u32,
}

impl<P: Ports> Stored<P> {
    /// The first block.
    async fn start(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let size = self.blob.size(Form::Original);
        let start = self.blob.read(Form::Original, 0..size.min(BLOCK as u64)).next().await?;
        self.block = start.clone().map(|start| (0, start));
        Ok(start)
    }

    /// The bytes from `at` to the end of their block.
    async fn rest_of_block(&mut self, at: u64) -> Result<&[u8], Unknown> {
        let within = |begin: u64, bytes: &[u8]| at.checked_sub(begin).is_some_and(|skip| skip < bytes.len() as u64);
        if !self.block.as_ref().is_some_and(|(begin, bytes)| within(*begin, bytes)) {
            let (begin, size) = (at - at % BLOCK as u64, self.blob.size(Form::Original));
            self.left = self.left.checked_sub(1).filter(|_| at < size).ok_or(Unknown::Unsaid)?;
            let end = begin.saturating_add(BLOCK as u64).min(size);
            let block = self.blob.read(Form::Original, begin..end).next().await.map_err(Unknown::Failed)?;
            self.block = block.map(|block| (begin, block));
        }
        let (begin, block) = self.block.as_ref().ok_or(Unknown::Unsaid)?;
        let skip = usize::try_from(at - begin).map_err(|_| Unknown::Unsaid)?;
        block.get(skip..).filter(|rest| !rest.is_empty()).ok_or(Unknown::Unsaid)
    }
}

impl<P: Ports> Look for Stored<P> {
    async fn read(&mut self, mut at: u64, mut into: &mut [u8]) -> Result<(), Unknown> {
        while !into.is_empty() {
            let rest = self.rest_of_block(at).await?;
            let length = rest.len().min(into.len());
            let (now, later) = into.split_at_mut_checked(length).ok_or(Unknown::Unsaid)?;
            now.copy_from_slice(rest.get(..length).ok_or(Unknown::Unsaid)?);
            at = at.checked_add(length as u64).ok_or(Unknown::Unsaid)?;
            into = later;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "noise takes the low bits")]
mod tests {
    use crate::codec::BLOCK;
    use crate::testing::{Whole, World};
    use crate::vault::Label;

    /// A JPEG of 96 x 64 pixels, as far as its frame, behind this many bytes of metadata.
    fn jpeg(metadata: usize) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        let mut left = metadata;
        while left > 0 {
            let length = left.min(60_000);
            file.extend([0xff, 0xe1]);
            file.extend(u16::try_from(length + 2).unwrap().to_be_bytes());
            file.extend((0..length).map(|n| ((n * n) >> 3) as u8));
            left -= length;
        }
        file.extend([0xff, 0xff, 0xc0, 0, 11, 8, 0, 64, 0, 96, 1, 1, 0x11, 0, 0xff, 0xd9]);
        file
    }

    /// A TIFF of 400 x 300 pixels whose directory is behind them.
    fn tiff(pixels: usize) -> Vec<u8> {
        let mut file = b"II*\0".to_vec();
        file.extend(u32::try_from(8 + pixels).unwrap().to_le_bytes());
        file.extend((0..pixels).map(|n| ((n * n) >> 5) as u8));
        file.extend([2, 0]);
        for (tag, value) in [(256_u16, 400_u16), (257, 300)] {
            file.extend([&tag.to_le_bytes()[..], &[3, 0, 1, 0, 0, 0], &value.to_le_bytes(), &[0, 0]].concat());
        }
        file
    }

    /// A GIF of pictures that each have this many bytes of data.
    fn gif(pictures: &[usize]) -> Vec<u8> {
        let mut file = b"GIF89a\x28\0\x1e\0\0\0\0".to_vec();
        for &data in pictures {
            file.extend(b"\x2c\0\0\0\0\x28\0\x1e\0\0\x08");
            (0..data / 256).for_each(|_| file.extend([[0xff].as_slice(), &[0x55; 255]].concat()));
            file.push(0);
        }
        [&file[..], b";"].concat()
    }

    #[test]
    fn a_second_picture_is_found_wherever_it_stands() {
        for (file, is_animated) in [
            (gif(&[1000]), Some(false)),
            (gif(&[1000, 1000]), Some(true)),
            (gif(&[1_000_000]), Some(false)),
            (gif(&[1_000_000, 1000]), Some(true)),
            (gif(&[1_000_000])[..900_000].to_vec(), None),
            // Too far behind.
            (gif(&[66 * BLOCK, 1000]), None),
        ] {
            let world = World::default();
            let image = world.run(world.vault().put(&mut Whole::new(&file), Label::default())).unwrap();
            let appearance = image.content().unwrap().appearance;
            assert_eq!(
                (appearance.dimensions, appearance.is_animated),
                (Some((40, 30)), is_animated),
                "{}",
                file.len()
            );
        }
    }

    #[test]
    fn sizes_are_found_wherever_they_stand() {
        for (file, size) in [
            (jpeg(0), Some((96, 64))),
            (jpeg(300_000), Some((96, 64))),
            (jpeg(3_000_000), Some((96, 64))),
            // The frame lies across the edge of a block.
            (jpeg(BLOCK - 20), Some((96, 64))),
            (jpeg(BLOCK - 28), Some((96, 64))),
            // Too much metadata.
            (jpeg(66 * BLOCK), None),
            (tiff(320_000), Some((400, 300))),
            (tiff(BLOCK - 13), Some((400, 300))),
            (tiff(700_000)[..700_000].to_vec(), None),
        ] {
            let world = World::default();
            let stored = |bytes: &[u8]| world.run(world.vault().put(&mut Whole::new(bytes), Label::default())).unwrap();
            let image = stored(&file);
            assert_eq!(image.content().unwrap().appearance.dimensions, size, "{} bytes", file.len());
            // The same content again shares the blob, and has the same size.
            assert_eq!(stored(&file).content().unwrap().appearance.dimensions, size);
        }
    }
}

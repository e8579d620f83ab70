//! Reads from a JPEG's markers what decoding it will cost (ITU-T T.81, annex B).

/// What a JPEG's markers say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Structure {
    /// How many scans go through all or some of the pixels.
    pub(crate) scans: u32,
    /// Bytes of all marker segments: metadata and tables.
    pub(crate) segments: u64,
    /// The frame, if there is one.
    pub(crate) frame: Option<Frame>,
}

/// The frame: the size of the image and of its components.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Whether each scan adds precision or components to the same coefficients.
    pub(crate) is_progressive: bool,
    /// Width and height in pixels.
    size: (u64, u64),
    /// The sampling factors of each component, horizontal and vertical.
    factors: Vec<(u64, u64)>,
}

impl Structure {
    /// Reads a JPEG from marker to marker.
    pub(crate) fn read(file: &[u8]) -> Self {
        let (mut structure, mut at) = (Self::default(), 2);
        while let Some(&[marker, kind]) = file.get(at..).and_then(<[u8]>::first_chunk) {
            // Between markers of scans lie their bits, which contain no marker except restarts (B.1.1.5). Fill bytes
            // may precede any marker.
            if marker != 0xff || matches!(kind, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff) {
                at += 1;
                continue;
            }
            let Some(&length) = file.get(at + 2..).and_then(<[u8]>::first_chunk) else { break };
            let length = usize::from(u16::from_be_bytes(length));
            match kind {
                // End of image.
                0xd9 => break,
                // Start of scan.
                0xda => structure.scans += 1,
                // Start of a frame: baseline or sequential, or progressive.
                0xc0..=0xc2 => {
                    structure.frame = Frame::read(kind == 0xc2, file.get(at + 4..at + 2 + length).unwrap_or_default());
                }
                _ => {}
            }
            at += 2 + length;
            structure.segments += 2 + length as u64;
        }
        structure
    }

    /// Whether each scan adds to the whole picture.
    pub(crate) fn is_progressive(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.is_progressive)
    }

    /// Bytes of the coefficients of a progressive JPEG, all of which a decoder holds (B.2.2); 0 of any other.
    pub(crate) fn coefficient_bytes(&self) -> u64 {
        self.frame.as_ref().filter(|frame| frame.is_progressive).map_or(0, Frame::coefficient_bytes)
    }
}

impl Frame {
    /// Reads the segment of a frame: precision, height and width, and three bytes for each component.
    fn read(is_progressive: bool, segment: &[u8]) -> Option<Self> {
        let (&[_, y1, y2, x1, x2, _], components) = segment.split_first_chunk()?;
        let size = [[x1, x2], [y1, y2]].map(u16::from_be_bytes).map(u64::from);
        let factors = components.chunks_exact(3).filter_map(|component| component.get(1));
        let factors = factors.map(|&factor| (u64::from(factor >> 4), u64::from(factor & 15))).collect();
        Some(Self { is_progressive, size: size.into(), factors })
    }

    /// Bytes of all coefficients: two for each of the 64 of a block. Of each component, whole rows and columns of the
    /// interleaved blocks count (A.2.3).
    pub(crate) fn coefficient_bytes(&self) -> u64 {
        let most = |of: fn(&(u64, u64)) -> u64| self.factors.iter().map(of).max().unwrap_or(1).max(1);
        let units =
            (self.size.0.div_ceil(8 * most(|factor| factor.0))) * self.size.1.div_ceil(8 * most(|factor| factor.1));
        2 * 64 * units * self.factors.iter().map(|(wide, high)| wide * high).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = &[0xff, 0xd8];
    const PROGRESSIVE: &[u8] = &[0xff, 0xc2, 0, 17, 8, 0, 9, 0, 20, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    const SCAN: &[u8] = &[0xff, 0xda, 0, 4, 1, 2, 7, 0xff, 0x00, 7, 0xff, 0xd0, 7];

    #[test]
    fn scans_are_counted_and_components_known() {
        let structure = Structure::read(&[START, PROGRESSIVE, SCAN, SCAN, &[0xff], SCAN, &[0xff, 0xd9], SCAN].concat());
        let frame = Frame { is_progressive: true, size: (20, 9), factors: vec![(2, 2), (1, 1), (1, 1)] };
        let segments = (PROGRESSIVE.len() + 3 * 6) as u64;
        assert_eq!(structure, Structure { scans: 3, segments, frame: Some(frame) });
        // Two units of 16 by 16 pixels, of six blocks each.
        assert_eq!(structure.coefficient_bytes(), 2 * 6 * 64 * 2);
        let baseline = [START, &[0xff, 0xc0], &PROGRESSIVE[2..], SCAN].concat();
        assert_eq!(Structure::read(&baseline).coefficient_bytes(), 0);
        assert_eq!(Structure::read(&baseline).frame.unwrap().coefficient_bytes(), 1536);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_none() {
        // A marker inside another segment, here one of an application.
        let fake = [START, &[0xff, 0xe5, 0, 21], PROGRESSIVE, SCAN].concat();
        assert_eq!(Structure::read(&fake), Structure { scans: 1, segments: 23 + 6, frame: None });
        for length in 0..fake.len() {
            Structure::read(&fake[..length]);
        }
        assert_eq!(Structure::read(&[0xff; 9]), Structure::default());
    }
}

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
    /// The scan in which the file ends, if it is cut there.
    last_scan: Option<Scan>,
}

/// A scan, as far as it came.
#[derive(Debug, PartialEq, Eq)]
struct Scan {
    /// The identifiers of its components.
    components: Vec<u8>,
    /// How many units lie between two restarts; 0 if there are none.
    interval: u64,
    /// How many restarts came.
    restarts: u64,
}

/// What a scan with restarts lacks that is cut before its last interval.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The number of the next restart, 0 to 7.
    pub(crate) next_restart: u8,
    /// How many restarts are missing.
    pub(crate) restarts: u64,
    /// The first row of pixels that did not come completely.
    pub(crate) first_row: u64,
}

/// The frame: the size of the image and of its components.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Whether each scan adds precision or components to the same coefficients.
    pub(crate) is_progressive: bool,
    /// Width and height in pixels.
    size: (u64, u64),
    /// The identifier of each component, and its sampling factors, horizontal and vertical.
    components: Vec<(u8, u64, u64)>,
}

impl Structure {
    /// Reads a JPEG from marker to marker.
    pub(crate) fn read(file: &[u8]) -> Self {
        let (mut structure, mut at, mut interval) = (Self::default(), 2, 0);
        while let Some(&[marker, kind]) = file.get(at..).and_then(<[u8]>::first_chunk) {
            // Between markers of scans lie their bits, which contain no marker except restarts (B.1.1.5). Fill bytes
            // may precede any marker.
            if marker != 0xff || matches!(kind, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff) {
                if let (0xff, 0xd0..=0xd7, Some(scan)) = (marker, kind, &mut structure.last_scan) {
                    scan.restarts += 1;
                }
                at += 1;
                continue;
            }
            structure.last_scan = None;
            let Some(&length) = file.get(at + 2..).and_then(<[u8]>::first_chunk) else { break };
            let length = usize::from(u16::from_be_bytes(length));
            let segment = file.get(at + 4..at + 2 + length).unwrap_or_default();
            match kind {
                // End of image.
                0xd9 => break,
                // Start of scan: the number of its components, and two bytes for each.
                0xda => {
                    structure.scans += 1;
                    let (count, rest) = segment.split_first().unwrap_or((&0, &[]));
                    let components = rest.iter().step_by(2).take((*count).into()).copied().collect();
                    structure.last_scan = Some(Scan { components, interval, restarts: 0 });
                }
                // The interval of restarts.
                0xdd => interval = segment.first_chunk().map_or(0, |&two| u16::from_be_bytes(two).into()),
                // Start of a frame: baseline or sequential, or progressive.
                0xc0..=0xc2 => {
                    structure.frame = Frame::read(kind == 0xc2, segment);
                }
                _ => {}
            }
            at += 2 + length;
            structure.segments += 2 + length as u64;
        }
        structure
    }

    /// What the scan lacks in which the file ends, if that is known: it has restarts, and some of them are missing.
    pub(crate) fn missing(&self) -> Option<Missing> {
        let (scan, frame) = (self.last_scan.as_ref()?, self.frame.as_ref()?);
        let (across, down, rows) = frame.units(&scan.components)?;
        let in_all = (across * down).div_ceil(scan.interval.max(1)).saturating_sub(1);
        let restarts = in_all.checked_sub(scan.restarts).filter(|&missing| missing > 0 && scan.interval > 0)?;
        let first_row = scan.restarts * scan.interval / across.max(1) * rows;
        Some(Missing { next_restart: u8::try_from(scan.restarts % 8).unwrap_or(0), restarts, first_row })
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
        let components = components.as_chunks().0.iter();
        let components = components.map(|&[id, factor, _]| (id, u64::from(factor >> 4), u64::from(factor & 15)));
        Some(Self { is_progressive, size: size.into(), components: components.collect() })
    }

    /// The largest factors, horizontal and vertical.
    fn most(&self) -> (u64, u64) {
        let most = |factors: &mut dyn Iterator<Item = u64>| factors.max().unwrap_or(1).max(1);
        let components = self.components.iter();
        (most(&mut components.clone().map(|&(_, wide, _)| wide)), most(&mut components.map(|&(.., high)| high)))
    }

    /// How many units lie side by side and one below the other in a scan of these components, and the rows of pixels of
    /// each (A.2.2, A.2.3).
    fn units(&self, scan: &[u8]) -> Option<(u64, u64, u64)> {
        let most = self.most();
        let (wide, high) = match scan {
            [] => return None,
            [one] => {
                let &(_, wide, high) = self.components.iter().find(|(id, ..)| id == one)?;
                (8 * most.0 / wide.max(1), 8 * most.1 / high.max(1))
            }
            _ => (8 * most.0, 8 * most.1),
        };
        Some((self.size.0.div_ceil(wide.max(1)), self.size.1.div_ceil(high.max(1)), high))
    }

    /// Bytes of all coefficients: two for each of the 64 of a block. Of each component, whole rows and columns of the
    /// interleaved blocks count (A.2.3).
    pub(crate) fn coefficient_bytes(&self) -> u64 {
        let most = self.most();
        let units = self.size.0.div_ceil(8 * most.0) * self.size.1.div_ceil(8 * most.1);
        2 * 64 * units * self.components.iter().map(|(_, wide, high)| wide * high).sum::<u64>()
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
        let frame = Frame { is_progressive: true, size: (20, 9), components: vec![(1, 2, 2), (2, 1, 1), (3, 1, 1)] };
        let segments = (PROGRESSIVE.len() + 3 * 6) as u64;
        assert_eq!(structure, Structure { scans: 3, segments, frame: Some(frame), last_scan: None });
        // Two units of 16 by 16 pixels, of six blocks each.
        assert_eq!(structure.coefficient_bytes(), 2 * 6 * 64 * 2);
        let baseline = [START, &[0xff, 0xc0], &PROGRESSIVE[2..], SCAN].concat();
        assert_eq!(Structure::read(&baseline).coefficient_bytes(), 0);
        assert_eq!(Structure::read(&baseline).frame.unwrap().coefficient_bytes(), 1536);
    }

    #[test]
    fn what_a_cut_scan_lacks_is_counted() {
        // 20 x 9 pixels in units of 16 x 16: two, with a restart between them.
        let baseline = [START, &[0xff, 0xdd, 0, 4, 0, 1, 0xff, 0xc0], &PROGRESSIVE[2..]].concat();
        let scan = |components: &[u8], rest: &[u8]| {
            let count = u8::try_from(components.len()).unwrap();
            let pairs: Vec<u8> = components.iter().flat_map(|&id| [id, 0]).collect();
            [&baseline[..], &[0xff, 0xda, 0, 6 + 2 * count, count], &pairs, &[0, 63, 0, 7, 7], rest].concat()
        };
        let missing = |next_restart, restarts, first_row| Some(Missing { next_restart, restarts, first_row });
        for (file, expected) in [
            (scan(&[1, 2, 3], &[]), missing(0, 1, 0)),
            (scan(&[1, 2, 3], &[0xff, 0xd0, 7]), None),
            // Its first component alone: 3 x 2 units of 8 x 8 pixels. The second one: 2 x 1 of 16 x 16.
            (scan(&[1], &[7, 0xff, 0xd0, 7, 0xff, 0xd1]), missing(2, 3, 0)),
            (scan(&[1], &[0xff, 0xd0, 0xff, 0xd1, 0xff, 0xd2, 7, 0xff, 0, 7]), missing(3, 2, 8)),
            (scan(&[2], &[7]), missing(0, 1, 0)),
            // It does not end in a scan, or of a component that nobody knows.
            (scan(&[1], &[0xff, 0xd9]), None),
            (scan(&[1], &[0xff, 0xc4, 0, 3]), None),
            (scan(&[9], &[7]), None),
            (scan(&[], &[7]), None),
        ] {
            assert_eq!(Structure::read(&file).missing(), expected, "{file:x?}");
        }
        assert_eq!(Structure::read(&[START, PROGRESSIVE, SCAN].concat()).missing(), None);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_none() {
        // A marker inside another segment, here one of an application.
        let fake = [START, &[0xff, 0xe5, 0, 21], PROGRESSIVE, SCAN].concat();
        let structure = Structure::read(&fake);
        assert_eq!((structure.scans, structure.segments, &structure.frame), (1, 23 + 6, &None));
        for length in 0..fake.len() {
            Structure::read(&fake[..length]);
        }
        assert_eq!(Structure::read(&[0xff; 9]), Structure::default());
    }
}

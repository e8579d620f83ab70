//! Reads from a JPEG's markers what decoding it will cost (ITU-T T.81, annex B).

/// The cost of decoding a JPEG.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Structure {
    /// How many scans go through all or some of the pixels.
    pub(super) scans: u32,
    /// For each component of a progressive JPEG, the product of its sampling factors: its samples in proportion to the
    /// others'. Empty if it is not progressive.
    progressive: Vec<u64>,
}

impl Structure {
    /// Reads a JPEG from marker to marker.
    pub(super) fn read(file: &[u8]) -> Self {
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
                // Start of a progressive frame: precision and size, then three bytes for each component.
                0xc2 => structure.progressive = factors(file.get(at + 9..at + 2 + length).unwrap_or_default()),
                _ => {}
            }
            at += 2 + length;
        }
        structure
    }

    /// Whether each scan adds to the whole picture.
    pub(super) fn is_progressive(&self) -> bool {
        !self.progressive.is_empty()
    }

    /// Bytes of the coefficients of a progressive JPEG: two for each sample of each component (B.2.2).
    pub(super) fn coefficient_bytes(&self, pixels: u64) -> u64 {
        let most = self.progressive.iter().copied().max().unwrap_or(1).max(1);
        2 * pixels * self.progressive.iter().sum::<u64>() / most
    }
}

fn factors(frame: &[u8]) -> Vec<u64> {
    let components = frame.get(1..).unwrap_or_default().chunks_exact(3);
    let factors = components.filter_map(|component| component.get(1));
    factors.map(|factor| u64::from(factor >> 4) * u64::from(factor & 15)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = &[0xff, 0xd8];
    const PROGRESSIVE: &[u8] = &[0xff, 0xc2, 0, 17, 8, 0, 9, 0, 9, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    const SCAN: &[u8] = &[0xff, 0xda, 0, 4, 1, 2, 7, 0xff, 0x00, 7, 0xff, 0xd0, 7];

    #[test]
    fn scans_are_counted_and_components_known() {
        let structure = Structure::read(&[START, PROGRESSIVE, SCAN, SCAN, &[0xff], SCAN, &[0xff, 0xd9], SCAN].concat());
        assert_eq!(structure, Structure { scans: 3, progressive: vec![4, 1, 1] });
        assert_eq!(structure.coefficient_bytes(1000), 3000);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_none() {
        // A marker inside another segment, here one of an application.
        let fake = [START, &[0xff, 0xe5, 0, 21], PROGRESSIVE, SCAN].concat();
        assert_eq!(Structure::read(&fake), Structure { scans: 1, progressive: Vec::new() });
        for length in 0..fake.len() {
            Structure::read(&fake[..length]);
        }
        assert_eq!(Structure::read(&[0xff; 9]), Structure::default());
    }
}

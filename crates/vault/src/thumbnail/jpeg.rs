//! What a JPEG's markers say before anything is decoded (ITU-T T.81, annex B).

/// What decoding it takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Structure {
    /// How often all or some of the pixels are gone through.
    pub(super) scans: u32,
    /// Of a progressive one: samples of each component for those of the largest, by their sampling factors.
    progressive: Vec<u64>,
}

impl Structure {
    /// Walks from marker to marker.
    pub(super) fn read(file: &[u8]) -> Self {
        let (mut structure, mut at) = (Self::default(), 2);
        while let Some(&[marker, kind]) = file.get(at..).and_then(<[u8]>::first_chunk) {
            // Between scans lie their bits, in which no marker stands but restarts (B.1.1.5); fill bytes may precede any.
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
                // Start of a progressive frame: precision and size, then the components, three bytes each.
                0xc2 => structure.progressive = factors(file.get(at + 9..at + 2 + length).unwrap_or_default()),
                _ => {}
            }
            at += 2 + length;
        }
        structure
    }

    /// What the coefficients of a progressive one take: two bytes for each sample of each component (B.2.2).
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
        // In another segment, here that of an application.
        let fake = [START, &[0xff, 0xe5, 0, 21], PROGRESSIVE, SCAN].concat();
        assert_eq!(Structure::read(&fake), Structure { scans: 1, progressive: Vec::new() });
        for length in 0..fake.len() {
            Structure::read(&fake[..length]);
        }
        assert_eq!(Structure::read(&[0xff; 9]), Structure::default());
    }
}

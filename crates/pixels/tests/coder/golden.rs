//! Golden files: packed images of every version and kind of pixel, which every later version must unpack, and which
//! every host must write with the very same bytes. `BURROW_WRITE_GOLDEN=1` writes those that are missing.

use crate::images::{KINDS, Motif, rows};
use crate::{packed, unpacked};
use burrow_pixels::{Effort, Layout};
use std::path::PathBuf;

fn path(effort: Effort, number: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/golden/v1-{effort:?}-{number:02}.packed").to_lowercase())
}

#[test]
fn golden_files_unpack_and_are_written_again() {
    for effort in Effort::ALL {
        for (number, (channels, depth, palette)) in KINDS.into_iter().enumerate() {
            let motif = [Motif::Text, Motif::Slope, Motif::Shape][number % 3];
            let layout = Layout::new(31, 19, channels, depth, palette).unwrap();
            let (raw, path) = (rows(layout, 31, motif), path(effort, number));
            if std::env::var_os("BURROW_WRITE_GOLDEN").is_some() && !path.exists() {
                std::fs::write(&path, packed(layout, &raw, effort)).unwrap();
            }
            let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(unpacked(layout, &golden).unwrap() == raw, "{} unpacks to other rows", path.display());
            assert!(packed(layout, &raw, effort) == golden, "{} is packed otherwise", path.display());
        }
    }
}

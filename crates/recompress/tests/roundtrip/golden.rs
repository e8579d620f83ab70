//! Golden files: what version 1 packed is unpacked for ever, and packed to the same bytes on every machine.

use std::path::PathBuf;

use crate::{packed, unpacked};

/// Set this variable to write packed forms that are missing.
const WRITE: &str = "BURROW_WRITE_GOLDEN";

fn originals() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension != "packed")).collect()
}

#[test]
fn golden_files() {
    let originals = originals();
    assert!(originals.len() >= 14);
    for path in originals {
        let (original, golden) = (std::fs::read(&path).unwrap(), path.with_extension("v1.packed"));
        if !golden.exists() && std::env::var_os(WRITE).is_some() {
            let packed = packed(&original).unwrap_or_else(|reason| panic!("{}: {reason}", path.display()));
            std::fs::write(&golden, packed).unwrap();
        }
        let golden = std::fs::read(golden).unwrap();
        assert!(unpacked(&golden).unwrap() == original, "{}", path.display());
        assert!(packed(&original).unwrap() == golden, "{} is packed to other bytes", path.display());
    }
}

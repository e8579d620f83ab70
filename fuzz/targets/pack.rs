//! Files that are packed come back byte for byte, whatever they are.
#![no_main]

use std::convert::Infallible;

use burrow_recompress::{Effort, Limits, pack, unpack};
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let limits = Limits { length: 1 << 20, memory: 64 << 20, work: u64::MAX };
    for effort in [Effort::Fast, Effort::Best] {
        let Ok(packed) = block_on(pack(file, effort, &limits, async || {})) else { continue };
        let mut out = Vec::new();
        let mut sink = async |piece: &[u8]| -> Result<(), Infallible> {
            out.extend_from_slice(piece);
            Ok(())
        };
        block_on(unpack(&packed, &limits, &mut sink, async || {})).expect("it was packed within these limits");
        assert!(out == file, "it came back different");
    }
});

//! Packed forms that nobody packed: they are refused, within the memory that is allowed.
#![no_main]

use std::convert::Infallible;

use burrow_recompress::{Limits, unpack};
use burrow_vault::codec::deflate::inflate_block;
use burrow_vault::codec::gzip::Unpack;
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { length: 1 << 20, memory: 64 << 20, work: 1 << 22 };
    let mut length = 0;
    let mut sink = async |piece: &[u8]| -> Result<(), Infallible> {
        length += piece.len();
        Ok(())
    };
    let unpacked = block_on(unpack(bytes, &limits, &mut sink, async || {}));
    assert!(unpacked.is_err() || length <= 1 << 20);
    let _ = inflate_block(bytes, 248 * 1024).map(|block| assert_eq!(block.len(), 248 * 1024));
    let (mut gzip, mut rest) = (Unpack::default(), bytes);
    while !rest.is_empty() {
        match gzip.push(rest) {
            Ok((_, left)) => rest = left,
            Err(_) => return,
        }
    }
    let _ = gzip.finish();
});

//! Types and sizes of images: no bytes make them panic, and what is an image has a file name of its type.
#![no_main]

use burrow_vault::sniff::{describe, extension, file_name, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    assert!(describe(bytes).len() < 200);
    if let Some(found) = sniff(bytes) {
        let name = file_name("x.html", found.media_type);
        assert!(name.ends_with(extension(found.media_type)), "{name}");
    }
});

//! Thumbnails and placeholders: any bytes are drawn or refused. Run it with `-malloc_limit_mb=110`.
#![no_main]

use burrow_vault::sniff::sniff;
use burrow_vault::testing::World;
use burrow_vault::thumbnail::{self, drawing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(found) = sniff(bytes) else { return };
    if found.media_type == "image/svg+xml" {
        let _ = drawing::check(bytes);
        return;
    }
    let world = World::default();
    if let Ok(drawn) = world.run(thumbnail::draw(bytes, found.media_type, 160, true, &world)) {
        assert!(drawn.bytes.len() <= thumbnail::MAX_THUMBNAIL && (5..=25).contains(&drawn.placeholder.len()));
        assert!(drawn.width <= 160 && drawn.height <= 320);
    }
});

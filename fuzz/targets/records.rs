//! Values of the store that nobody stored: an envelope is refused unless it is right, and what is right comes back.
#![no_main]

use burrow_model::envelope;
use burrow_model::key::{BlobId, ImageId, Key};
use burrow_model::record::{
    Deliveries, ImageRecord, LogEntry, Manifest, Namesake, Picture, Pointer, Preview, Segment, TagRenames, Trash,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    let image = Key::image(ImageId::new(1_700_000_000_000, &[7; 10]));
    let blob = Key::chunk(BlobId::new(1_700_000_000_000, &[7; 10]), 0);
    if let Ok(record) = envelope::decode::<ImageRecord>(&image, value) {
        let again = envelope::encode(&image, &record).expect("it was decoded");
        assert_eq!(envelope::decode::<ImageRecord>(&image, &again).expect("it was encoded"), record);
    }
    let _ = envelope::decode::<Manifest>(&blob, value);
    let _ = envelope::decode::<Pointer>(&blob, value);
    let _ = envelope::decode::<Namesake>(&blob, value);
    let _ = envelope::decode::<Trash>(&blob, value);
    let _ = envelope::decode::<Preview>(&blob, value);
    let _ = envelope::decode_with::<Picture>(&blob, value);
    let _ = envelope::decode::<LogEntry>(&blob, value);
    let _ = envelope::decode::<Segment>(&blob, value);
    let _ = envelope::decode::<TagRenames>(&blob, value);
    let _ = envelope::decode::<Deliveries>(&blob, value);
});

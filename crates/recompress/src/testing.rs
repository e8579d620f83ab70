//! Streams that zlib itself made, for unit tests.

/// A zlib stream, without its head and checksum.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) deflated: Vec<u8>,
    pub(crate) window_bits: u8,
}

/// Streams that zlib 1.2.13 made with all levels, strategies, windows and memory levels: tests/zlib.bin, made by
/// tests/zlib.py.
pub(crate) fn zlib_streams() -> Vec<Fixture> {
    let mut rest: &[u8] = include_bytes!("../tests/zlib.bin");
    let mut fixtures = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [level, strategy, window_bits, memory_level, length @ ..] = *head;
        let (stream, after) = after.split_at(u32::from_le_bytes(length) as usize);
        fixtures.push(Fixture {
            name: format!("level {level}, strategy {strategy}, window {window_bits}, memory {memory_level}"),
            deflated: stream[2..stream.len() - 4].to_vec(),
            window_bits,
        });
        rest = after;
    }
    fixtures
}

//! Undoes the content codings with which origins send images, though they are asked for none (RFC 9110 section 8.4).

use std::io::{ErrorKind, Write as _};

use burrow_model::error::{Error, FetchError};
use flate2::write::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use crate::ports::ByteSource;
use crate::sniff::sniff;

/// The most codings of one body that are undone.
const MAX_CODINGS: usize = 4;

/// Bytes of a coded body that show whether it is coded at all.
const BEGINNING: usize = 512;

/// Bytes that are unpacked in one step: they become at most about 1 MiB.
const STEP: usize = 1024;

/// Bytes after which unpacked ones are returned.
const PIECE: usize = 64 * 1024;

/// A coding that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    /// A zlib stream (RFC 1950), or deflate without its header, which some servers send under this name.
    Deflate,
}

/// The codings that a `Content-Encoding` names, in the order in which they were applied. Names that are none, such as
/// `none`, `utf-8` or `aws-chunked`, are passed over, as browsers do.
///
/// # Errors
///
/// A coding cannot be undone here, or there are too many.
fn codings(header: &str) -> Result<Vec<Coding>, FetchError> {
    let mut codings = Vec::new();
    for name in header.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        match name.as_str() {
            "gzip" | "x-gzip" => codings.push(Coding::Gzip),
            "deflate" => codings.push(Coding::Deflate),
            // The rest of IANA's registry, but `identity`.
            "br" | "zstd" | "compress" | "x-compress" | "dcb" | "dcz" | "aes128gcm" | "exi" | "pack200-gzip" => {
                return Err(FetchError::Encoded(name));
            }
            _ => {}
        }
    }
    if codings.len() > MAX_CODINGS { Err(FetchError::Encoded(header.to_owned())) } else { Ok(codings) }
}

/// A body without its codings.
#[derive(Debug)]
pub(super) enum Decoded<B> {
    Plain(B),
    Coded(Box<Layer<B>>),
}

/// One coding and what is below it.
#[derive(Debug)]
pub(super) struct Layer<B> {
    from: Decoded<B>,
    coding: Coding,
    state: State,
    /// What came and was not unpacked yet.
    input: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Beginning,
    /// The body only bears the name of the coding.
    Plain,
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Deflate(Decompress),
    /// The stream has ended. What follows is ignored, as browsers and gunzip do.
    Over,
}

impl<B: ByteSource> Decoded<B> {
    /// Undoes the codings that a `Content-Encoding` names.
    pub(super) fn of(body: B, header: &str) -> Result<Self, FetchError> {
        let undo =
            |from, coding| Self::Coded(Box::new(Layer { from, coding, state: State::Beginning, input: Vec::new() }));
        Ok(codings(header)?.into_iter().rev().fold(Self::Plain(body), undo))
    }
}

impl<B: ByteSource> ByteSource for Decoded<B> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Plain(body) => body.next().await,
            Self::Coded(layer) => Box::pin(layer.next()).await,
        }
    }
}

impl<B: ByteSource> Layer<B> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if matches!(self.state, State::Beginning) {
            self.begin().await?;
        }
        loop {
            match self.state {
                State::Over => return Ok(None),
                State::Plain if self.input.is_empty() => return self.from.next().await,
                State::Plain => return Ok(Some(std::mem::take(&mut self.input))),
                _ => {}
            }
            if self.input.is_empty() {
                match self.from.next().await? {
                    Some(piece) => self.input = piece,
                    None => return self.finish(),
                }
            }
            let unpacked = self.unpack()?;
            if !unpacked.is_empty() {
                return Ok(Some(unpacked));
            }
        }
    }

    /// Looks at the first bytes: many servers state a coding that the body does not have.
    async fn begin(&mut self) -> Result<(), Error> {
        while self.input.len() < BEGINNING
            && let Some(piece) = self.from.next().await?
        {
            self.input.extend(piece);
        }
        self.state = match (self.coding, self.input.as_slice()) {
            (Coding::Gzip, [0x1f, 0x8b, ..]) => State::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            (Coding::Gzip, _) | (_, []) => State::Plain,
            (Coding::Deflate, start) if sniff(start).is_some() => State::Plain,
            (Coding::Deflate, start) => State::Deflate(Decompress::new(has_zlib_header(start))),
        };
        Ok(())
    }

    /// Unpacks what has come, up to about [`PIECE`] bytes of output.
    fn unpack(&mut self) -> Result<Vec<u8>, FetchError> {
        let (mut unpacked, mut read) = (Vec::new(), 0);
        while unpacked.len() < PIECE
            && let Some(rest) = self.input.get(read..).filter(|rest| !rest.is_empty())
        {
            let step = rest.get(..STEP).unwrap_or(rest);
            let has_ended = match &mut self.state {
                State::Gzip(decoder) => {
                    let taken = decoder.write(step).map_err(|_| damaged())?;
                    unpacked.append(decoder.get_mut());
                    read += taken;
                    taken == 0
                }
                State::Deflate(decoder) => {
                    let (before, mut some) = (decoder.total_in(), Vec::with_capacity(PIECE));
                    let status = decoder.decompress_vec(step, &mut some, FlushDecompress::None);
                    let status = status.map_err(|_| damaged())?;
                    let taken = usize::try_from(decoder.total_in() - before).unwrap_or(step.len());
                    let is_stuck = taken == 0 && some.is_empty();
                    unpacked.append(&mut some);
                    read += taken;
                    if is_stuck && status != Status::StreamEnd {
                        return Err(damaged());
                    }
                    status == Status::StreamEnd
                }
                State::Beginning | State::Plain | State::Over => true,
            };
            if has_ended {
                unpacked.extend(self.end()?);
                // A gzip stream may have several members (RFC 1952 section 2.2).
                let is_member = self.coding == Coding::Gzip && self.input.get(read) == Some(&0x1f);
                if !is_member {
                    break;
                }
                self.state = State::Gzip(Box::new(GzDecoder::new(Vec::new())));
            }
        }
        self.input.drain(..read);
        Ok(unpacked)
    }

    /// Ends a stream, and returns its last bytes.
    fn end(&mut self) -> Result<Vec<u8>, FetchError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(decoder.get_mut())),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(cut()),
                Err(_) => Err(damaged()),
            },
            _ => Ok(Vec::new()),
        }
    }

    /// Ends at the end of what is below.
    fn finish(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if matches!(self.state, State::Deflate(_)) {
            return Err(cut().into());
        }
        Ok(Some(self.end()?).filter(|last| !last.is_empty()))
    }
}

/// Whether bytes begin with the header of a zlib stream.
fn has_zlib_header(start: &[u8]) -> bool {
    matches!(start, [cmf, flg, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flg]) % 31 == 0)
}

fn cut() -> FetchError {
    FetchError::Unreachable("the origin sent compressed bytes that end too early".into())
}

fn damaged() -> FetchError {
    FetchError::Unusable("the origin sent compressed bytes that are damaged".into())
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;
    use crate::testing::World;

    struct Pieces<'a>(std::slice::Chunks<'a, u8>);

    impl ByteSource for Pieces<'_> {
        async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
            Ok(self.0.next().map(<[u8]>::to_vec))
        }
    }

    fn read_in(size: usize, header: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
        World::default().run(async {
            let (mut decoded, mut read) = (Decoded::of(Pieces(body.chunks(size)), header)?, Vec::new());
            while let Some(piece) = decoded.next().await? {
                assert!(!piece.is_empty() && piece.len() < 4 << 20);
                read.extend(piece);
            }
            Ok(read)
        })
    }

    fn read(header: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let whole = read_in(body.len().max(1), header, body).map_err(|error| error.to_string());
        for size in [1, 2, 3, 500, 1025] {
            assert_eq!(read_in(size, header, body).map_err(|error| error.to_string()), whole, "{header}, {size}");
        }
        whole
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn image() -> Vec<u8> {
        let pixels = (0..300_000_u32).map(|n| n.wrapping_mul(n >> 5).to_le_bytes()[1] >> 4);
        b"GIF89a\x01\0\x01\0\0\0\0".iter().copied().chain(pixels).collect()
    }

    #[test]
    fn what_is_no_coding_changes_nothing() {
        for header in
            ["", "identity", "none", "utf-8", "aws-chunked", "identity, identity", "binary", "image/png", ",;"]
        {
            assert_eq!(read(header, b"GIF89a"), Ok(b"GIF89a".to_vec()), "{header}");
        }
        // Only the name of a coding.
        for header in ["gzip", "x-gzip", "deflate", "gzip, deflate"] {
            assert_eq!(
                read(header, b"GIF89a\x01\0\x01\0\0\0\0;"),
                Ok(b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
                "{header}"
            );
            assert_eq!(read(header, b""), Ok(Vec::new()), "{header}");
        }
    }

    #[test]
    fn codings_are_undone() {
        let image = image();
        let twice = gzip(&gzip(&image));
        for (header, body) in [
            ("gzip", gzip(&image)),
            ("GZIP", gzip(&image)),
            ("identity, x-gzip , utf-8", gzip(&image)),
            ("deflate", zlib(&image)),
            ("deflate", raw(&image)),
            ("gzip, gzip", twice.clone()),
            ("deflate, gzip", gzip(&zlib(&image))),
            // Members one after the other, and what follows the last.
            ("gzip", [gzip(&image[..1000]), gzip(&image[1000..])].concat()),
            ("gzip", [gzip(&image), vec![0; 512]].concat()),
            ("deflate", [zlib(&image), b"more".to_vec()].concat()),
        ] {
            assert!(read(header, &body) == Ok(image.clone()), "{header}");
        }
        assert!(read("gzip", &twice).unwrap().starts_with(&[0x1f, 0x8b]), "only what is stated is undone");
    }

    #[test]
    fn a_little_that_becomes_much_comes_in_pieces() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert_eq!(read_in(256 * 1024, "gzip", &bomb).unwrap().len(), 64 << 20);
        assert_eq!(read_in(256 * 1024, "deflate", &zlib(&vec![0; 64 << 20])).unwrap().len(), 64 << 20);
    }

    #[test]
    fn what_cannot_be_undone_is_told() {
        let (packed, mut damaged) = (gzip(&image()), gzip(&image()));
        *damaged.last_mut().unwrap() ^= 1;
        let cut = packed.len() / 2;
        for (header, body, reason) in [
            ("br", &packed[..], "Content-Encoding \"br\""),
            ("identity, ZSTD", &packed, "Content-Encoding \"zstd\""),
            ("gzip, gzip, gzip, gzip, gzip", &packed, "Content-Encoding \"gzip, gzip"),
            ("gzip", &packed[..cut], "end too early"),
            ("gzip", &packed[..5], "end too early"),
            ("deflate", &zlib(&image())[..cut], "end too early"),
            ("gzip", &damaged, "damaged"),
            ("deflate", &packed, "damaged"),
        ] {
            let error = read(header, body).unwrap_err();
            assert!(error.contains(reason), "{header}: {error}");
        }
    }
}

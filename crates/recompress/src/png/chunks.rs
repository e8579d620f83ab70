//! Splits PNG files into chunks, and finds the compressed streams in them.

use std::borrow::Cow;

use super::geometry::Geometry;
use crate::raster::Raster;

/// The first bytes of a PNG.
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// A part of a file; of a PNG, after its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Bytes that are no chunk.
    Bytes(Cow<'a, [u8]>),
    /// A chunk; its checksum if it is not the right one.
    Chunk { kind: [u8; 4], data: Cow<'a, [u8]>, wrong_sum: Option<[u8; 4]> },
    /// The next stream begins: that of the image, or of the frame that the last fcTL chunk announced.
    Stream { geometry: Geometry, is_frame: bool },
    /// Rows of pixels, not compressed; of other formats than PNG.
    Raster(Raster),
    /// Chunks that follow each other, each with so many bytes of the stream.
    Pieces { place: Place, length: u32, count: u32, wrong_sum: Option<[u8; 4]> },
}

/// Where a piece of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In an IDAT chunk.
    Image,
    /// In an fdAT chunk with this sequence number; each further piece has the next.
    Frame(u32),
}

impl Place {
    pub(crate) fn chunk(self) -> [u8; 4] {
        match self {
            Self::Image => *b"IDAT",
            Self::Frame(_) => *b"fdAT",
        }
    }

    /// The place of the piece so many pieces later.
    pub(crate) fn after(self, pieces: u32) -> Self {
        match self {
            Self::Image => Self::Image,
            Self::Frame(sequence) => Self::Frame(sequence.wrapping_add(pieces)),
        }
    }
}

/// The checksum of a chunk.
pub(crate) fn sum(kind: [u8; 4], data: &[&[u8]]) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&kind);
    for part in data {
        hasher.update(part);
    }
    hasher
}

/// A stream: its pieces, put together.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    pub(crate) geometry: Geometry,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// The parts of a PNG, and its streams in the order in which they begin.
#[derive(Debug)]
pub(crate) struct Split<'a> {
    pub(crate) parts: Vec<Part<'a>>,
    pub(crate) streams: Vec<Stream<'a>>,
    /// The data of each piece, in order, so that streams that are not taken can become chunks again.
    pieces: Vec<&'a [u8]>,
}

/// Takes the file apart; without the signature.
pub(crate) fn split(file: &[u8]) -> Split<'_> {
    let mut split = Split { parts: Vec::new(), streams: Vec::new(), pieces: Vec::new() };
    let mut state = State::default();
    let mut rest = file;
    while let Some(((kind, data, sum_read), after)) = chunk(rest) {
        let right = sum(kind, &[data]).finalize().to_be_bytes();
        let wrong_sum = (right != sum_read).then_some(sum_read);
        state.chunk(&mut split, kind, data, wrong_sum);
        rest = after;
    }
    if !rest.is_empty() {
        split.parts.push(Part::Bytes(Cow::Borrowed(rest)));
    }
    split
}

/// Type, data and checksum of a chunk.
type Chunk<'a> = ([u8; 4], &'a [u8], [u8; 4]);

/// The chunk at the start, and the bytes after it.
fn chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    Some(((*kind, data, *sum), rest))
}

/// What the chunks so far say.
#[derive(Default)]
struct State {
    image: Option<Geometry>,
    /// The geometry of the frame whose data may come.
    frame: Option<Geometry>,
    had_image_data: bool,
    /// Where the current stream is.
    current: Option<Place>,
}

impl State {
    fn chunk<'a>(&mut self, split: &mut Split<'a>, kind: [u8; 4], data: &'a [u8], wrong_sum: Option<[u8; 4]>) {
        let piece = match &kind {
            b"IHDR" => {
                self.image = self.image.or_else(|| Geometry::from_header(data));
                None
            }
            b"fcTL" => {
                self.frame = self.image.and_then(|image| image.of_frame(data));
                self.current = self.current.filter(|place| *place == Place::Image);
                None
            }
            b"IDAT" => {
                let begins = self.image.filter(|_| !self.had_image_data);
                self.had_image_data = true;
                self.piece(split, Place::Image, begins).then_some((Place::Image, data))
            }
            b"fdAT" => data.split_first_chunk::<4>().and_then(|(sequence, data)| {
                let place = Place::Frame(u32::from_be_bytes(*sequence));
                let begins = self.frame.take();
                self.piece(split, place, begins).then_some((place, data))
            }),
            _ => None,
        };
        match piece {
            Some((place, data)) => split.piece(place, data, wrong_sum),
            None => split.parts.push(Part::Chunk { kind, data: Cow::Borrowed(data), wrong_sum }),
        }
    }

    /// Begins a stream if it can; whether the piece belongs to one.
    fn piece(&mut self, split: &mut Split, place: Place, begins: Option<Geometry>) -> bool {
        if let Some(geometry) = begins {
            split.streams.push(Stream { geometry, bytes: Cow::Borrowed(&[]) });
            split.parts.push(Part::Stream { geometry, is_frame: place != Place::Image });
            self.current = Some(place);
            return true;
        }
        self.current.is_some_and(|current| current.chunk() == place.chunk())
    }
}

impl<'a> Split<'a> {
    fn piece(&mut self, at: Place, data: &'a [u8], wrong: Option<[u8; 4]>) {
        if let Some(stream) = self.streams.last_mut() {
            if stream.bytes.is_empty() {
                stream.bytes = Cow::Borrowed(data);
            } else {
                stream.bytes.to_mut().extend_from_slice(data);
            }
        }
        self.pieces.push(data);
        if let Some(Part::Pieces { place, length, count, wrong_sum: None }) = self.parts.last_mut()
            && wrong.is_none()
            && data.len() == *length as usize
            && place.after(*count) == at
        {
            *count += 1;
            return;
        }
        self.parts.push(Part::Pieces { place: at, length: data.len() as u32, count: 1, wrong_sum: wrong });
    }

    /// Makes the streams for which `keep` says no plain chunks again.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let (mut pieces, mut keep) = (self.pieces.iter(), keep.iter());
        let mut is_kept = true;
        let mut parts = Vec::new();
        for part in std::mem::take(&mut self.parts) {
            match part {
                Part::Stream { .. } => {
                    is_kept = keep.next().copied().unwrap_or(false);
                    if is_kept {
                        parts.push(part);
                    }
                }
                Part::Pieces { place, count, wrong_sum, .. } => {
                    let datas = pieces.by_ref().take(count as usize);
                    if is_kept {
                        datas.for_each(drop);
                        parts.push(part);
                        continue;
                    }
                    parts.extend(datas.zip(0..).map(|(data, number)| Part::Chunk {
                        kind: place.chunk(),
                        data: match place.after(number) {
                            Place::Image => Cow::Borrowed(*data),
                            Place::Frame(sequence) => Cow::Owned([&sequence.to_be_bytes(), *data].concat()),
                        },
                        wrong_sum,
                    }));
                }
                _ => parts.push(part),
            }
        }
        self.parts = parts;
    }
}

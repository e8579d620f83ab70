//! Shows thumbnails on terminals that can display pictures.

mod protocol;

use std::io::{Cursor, IsTerminal as _};

use burrow_host::{Burrow, Image, Shown};
use clap::ValueEnum;
use futures::StreamExt as _;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader};
use tokio::io::AsyncReadExt as _;

use crate::output;
use protocol::Protocol;

/// The width of a picture in characters.
const COLUMNS: u32 = 6;

/// The height of a picture in lines.
const ROWS: u32 = 3;

/// The column in which text to the right of a picture begins.
pub(crate) const INDENT: usize = 8;

/// The width of the thumbnails that are shown, in pixels.
const WIDTH: u32 = 160;

/// Pictures made at once.
const AT_ONCE: usize = 2;

/// The flag `--pictures`.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    #[arg(long, env = "BURROW_PICTURES", value_name = "WHEN", default_value = "auto")]
    #[arg(help = "Show small pictures of images")]
    pictures: When,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// On a terminal that is known to show pictures; `ls` only for 20 images at most.
    Auto,
    /// In the terminal's protocol, or as sixels if the terminal is not known.
    Always,
    Never,
    /// In kitty's protocol.
    Kitty,
    /// In iTerm2's protocol.
    Iterm2,
    /// As sixels.
    Sixel,
}

impl Choice {
    /// How to show pictures, or `None` to show none.
    pub(crate) fn pictures(&self, are_few: bool) -> Option<Pictures> {
        let known = || Protocol::of_terminal(|name| std::env::var(name).ok());
        let protocol = match self.pictures {
            When::Never => None,
            When::Auto => (are_few && std::io::stdout().is_terminal()).then(known).flatten(),
            When::Always => Some(known().unwrap_or(Protocol::Sixel)),
            When::Kitty => Some(Protocol::Kitty),
            When::Iterm2 => Some(Protocol::Iterm2),
            When::Sixel => Some(Protocol::Sixel),
        };
        protocol.map(|protocol| Pictures { protocol, width: COLUMNS * cell().0, height: ROWS * cell().1 })
    }
}

/// A character's width and height in pixels.
fn cell() -> (u32, u32) {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let each = |pixels: u16, count: u16| pixels.checked_div(count).filter(|pixels| *pixels > 0).map(u32::from);
    let known = size.and_then(|size| Some((each(size.ws_xpixel, size.ws_col)?, each(size.ws_ypixel, size.ws_row)?)));
    known.unwrap_or((10, 20))
}

/// How to draw pictures: the protocol, and the largest size in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pictures {
    protocol: Protocol,
    width: u32,
    height: u32,
}

impl Pictures {
    /// Draws these images; returns the bytes to send to the terminal. An image has no picture if it is damaged or too
    /// large, or if this program cannot decode its format.
    pub(crate) async fn draw(self, burrow: &Burrow, images: &[Image]) -> Vec<Option<Vec<u8>>> {
        futures::stream::iter(images).map(|image| self.draw_one(burrow, image)).buffered(AT_ONCE).collect().await
    }

    async fn draw_one(self, burrow: &Burrow, image: &Image) -> Option<Vec<u8>> {
        image.content.as_ref()?;
        let bytes = match burrow.thumbnail(&image.id, WIDTH).await.ok()? {
            Shown::Picture(picture) => picture.bytes,
            // A small JPEG; or an SVG, which cannot be decoded here.
            Shown::Original => {
                let mut bytes = Vec::new();
                burrow.open(&image.id, None).await.ok()?.into_reader().read_to_end(&mut bytes).await.ok()?;
                bytes
            }
            Shown::Nothing(_) => return None,
        };
        let image = upright(&bytes)?;
        let is_large = image.width() > self.width || image.height() > self.height;
        let small = if is_large { image.thumbnail(self.width, self.height) } else { image };
        self.protocol.encode(&small, COLUMNS, ROWS)
    }
}

/// Decodes a picture, and turns it as its EXIF orientation says: a small JPEG is shown as it came.
fn upright(bytes: &[u8]) -> Option<DynamicImage> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut decoder = reader.into_decoder().ok()?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).ok()?;
    image.apply_orientation(orientation);
    Some(image)
}

/// Prints a picture, and a line of text to the right of its middle.
pub(crate) fn beside(picture: &[u8], text: &str) -> std::io::Result<()> {
    output::raw(&[&room(), &kept(picture), format!("\x1b[{}B\x1b[{INDENT}C", ROWS / 2).as_bytes()].concat())?;
    output::drawn(text)?;
    output::raw("\n".repeat((ROWS - ROWS / 2 - 1) as usize).as_bytes())
}

/// Prints pictures in a row.
pub(crate) fn side_by_side(pictures: &[Vec<u8>]) -> std::io::Result<()> {
    let mut row = room();
    for picture in pictures {
        row.extend(kept(picture));
        row.extend(format!("\x1b[{}C", COLUMNS + 1).bytes());
    }
    row.extend("\n".repeat(ROWS as usize).bytes());
    output::raw(&row)
}

/// Scrolls until there is room for a picture below the cursor, so that drawing it does not scroll.
fn room() -> Vec<u8> {
    format!("{}\x1b[{ROWS}A", "\n".repeat(ROWS as usize)).into_bytes()
}

/// A picture after which the cursor is where it was before: each protocol leaves it elsewhere.
fn kept(picture: &[u8]) -> Vec<u8> {
    [b"\x1b7", picture, b"\x1b8"].concat()
}

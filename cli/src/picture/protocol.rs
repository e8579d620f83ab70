//! Protocols that send pictures to terminals: kitty's, iTerm2's, and sixels.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use icy_sixel::SixelImage;
use image::{DynamicImage, ImageFormat};

/// A terminal's protocol for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// <https://sw.kovidgoyal.net/kitty/graphics-protocol/>
    Kitty,
    /// <https://iterm2.com/documentation-images.html>
    Iterm2,
    /// Sixels, as of the VT340.
    Sixel,
}

/// The most base64 in one of kitty's sequences, in bytes.
const KITTY_CHUNK: usize = 4096;

impl Protocol {
    /// The protocol of the terminal that the environment names. Does not query the terminal: a late answer would appear
    /// as typed input.
    pub(crate) fn of_terminal(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        // Sequences for pictures do not pass through tmux, screen and Zellij.
        if is_set("TMUX") || is_set("STY") || is_set("ZELLIJ") {
            return None;
        }
        let term = variable("TERM").unwrap_or_default();
        let program = variable("TERM_PROGRAM").or_else(|| variable("LC_TERMINAL")).unwrap_or_default();
        match (term.as_str(), program.as_str()) {
            ("xterm-kitty" | "xterm-ghostty", _) | (_, "ghostty") => Some(Self::Kitty),
            (_, "iTerm.app" | "iTerm2" | "WezTerm") => Some(Self::Iterm2),
            _ if is_set("KITTY_WINDOW_ID") => Some(Self::Kitty),
            (term, _) if term == "foot" || term.starts_with("foot-") || term.starts_with("mlterm") => Some(Self::Sixel),
            _ if is_set("WT_SESSION") || is_set("KONSOLE_VERSION") => Some(Self::Sixel),
            _ => None,
        }
    }

    /// The bytes that show this picture at the cursor within this many columns and rows, or `None` if encoding fails.
    pub(crate) fn encode(self, image: &DynamicImage, columns: u32, rows: u32) -> Option<Vec<u8>> {
        match self {
            Self::Kitty => Some(kitty(&png(image)?)),
            Self::Iterm2 => {
                let png = png(image)?;
                let (size, data) = (png.len(), STANDARD.encode(&png));
                let place = format!("inline=1;size={size};width={columns};height={rows};preserveAspectRatio=1");
                Some(format!("\x1b]1337;File={place}:{data}\x07").into_bytes())
            }
            Self::Sixel => {
                let (width, height) = (usize::try_from(image.width()).ok()?, usize::try_from(image.height()).ok()?);
                let pixels = image.to_rgba8().into_raw();
                Some(SixelImage::try_from_rgba(pixels, width, height).ok()?.encode().ok()?.into_bytes())
            }
        }
    }
}

fn png(image: &DynamicImage) -> Option<Vec<u8>> {
    let mut png = Vec::new();
    // PNG cannot hold every format of pixels, but it can hold RGBA.
    DynamicImage::from(image.to_rgba8()).write_to(&mut Cursor::new(&mut png), ImageFormat::Png).ok()?;
    Some(png)
}

/// A PNG in kitty's sequences: show it at once (a=T), do not answer (q=2), and leave the cursor where it is (C=1).
fn kitty(png: &[u8]) -> Vec<u8> {
    let data = STANDARD.encode(png);
    let mut chunks = data.as_bytes().chunks(KITTY_CHUNK).peekable();
    let (mut sequences, mut keys) = (Vec::new(), "a=T,f=100,q=2,C=1,");
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        sequences.extend(format!("\x1b_G{keys}m={more};").bytes());
        sequences.extend(chunk);
        sequences.extend(b"\x1b\\");
        keys = "";
    }
    sequences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_known_by_what_they_say() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<Protocol>); 12] = [
            (&[("TERM", "xterm-kitty")], Some(Protocol::Kitty)),
            (&[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")], Some(Protocol::Kitty)),
            (&[("TERM_PROGRAM", "ghostty")], Some(Protocol::Kitty)),
            (&[("TERM_PROGRAM", "WezTerm")], Some(Protocol::Iterm2)),
            (&[("TERM_PROGRAM", "iTerm.app")], Some(Protocol::Iterm2)),
            (&[("LC_TERMINAL", "iTerm2")], Some(Protocol::Iterm2)),
            (&[("TERM", "foot-extra")], Some(Protocol::Sixel)),
            (&[("TERM", "xterm-256color"), ("KONSOLE_VERSION", "220400")], Some(Protocol::Sixel)),
            (&[("TERM", "xterm-256color")], None),
            (&[("TERM", "dumb")], None),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux-0/default,1,0")], None),
            (&[], None),
        ];
        for (variables, protocol) in cases {
            let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
            assert_eq!(Protocol::of_terminal(variable), protocol, "{variables:?}");
        }
    }

    #[test]
    fn each_protocol_begins_and_ends_as_it_must() {
        let byte = |n: u32| u8::try_from(n % 256).unwrap();
        let noise = |x, y| image::Rgba([byte((x * 37) ^ (y * 91)), byte(x * y), byte(x * 7 + y * 13), 255]);
        let image = DynamicImage::from(image::RgbaImage::from_fn(60, 60, noise));
        let cases = [
            (Protocol::Kitty, "\x1b_Ga=T,f=100,q=2,C=1,m=1;", "\x1b\\"),
            (Protocol::Iterm2, "\x1b]1337;File=inline=1;size=", "\x07"),
            (Protocol::Sixel, "\x1bP", "\x1b\\"),
        ];
        for (protocol, begin, end) in cases {
            let encoded = protocol.encode(&image, 6, 3).unwrap();
            assert!(encoded.starts_with(begin.as_bytes()) && encoded.ends_with(end.as_bytes()), "{protocol:?}");
        }
        let kitty = String::from_utf8(Protocol::Kitty.encode(&image, 6, 3).unwrap()).unwrap();
        let sequences: Vec<&str> = kitty.split_terminator("\x1b\\").collect();
        assert!(sequences.len() > 1 && sequences.iter().all(|one| one.starts_with("\x1b_G") && one.len() < 4200));
        assert_eq!(sequences.iter().filter(|one| one.contains("m=0;")).count(), 1);
        let data: String = sequences.iter().map(|one| one.split_once(';').unwrap().1).collect();
        let back = image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap();
        assert_eq!(back.to_rgba8(), image.to_rgba8());
    }
}

//! Checks that a drawing (SVG) is simple enough for browsers to show it fast.
//!
//! A drawing is its own thumbnail, so it must not keep a page from being shown. A few elements that show other
//! elements, each those of the next, become billions.

use crate::sniff::xml::text;

/// The most elements.
const MAX_ELEMENTS: usize = 20_000;

/// The most elements of [`COSTLY`] kinds: this many, each of which shows another, show fewer than a thousand.
const MAX_COSTLY: usize = 16;

/// Elements that show other elements again, or compute every pixel.
const COSTLY: [&[u8]; 9] =
    [b"use", b"pattern", b"mask", b"marker", b"filter", b"image", b"feImage", b"feTurbulence", b"foreignObject"];

/// Checks a drawing. The error says why it is not shown as a thumbnail.
pub fn check(drawing: &[u8]) -> Result<(), &'static str> {
    let drawing = text(drawing);
    let (mut elements, mut costly) = (0, 0);
    for tag in drawing.split(|byte| *byte == b'<').skip(1) {
        if tag.starts_with(b"!ENTITY") {
            return Err("it declares entities");
        }
        let name =
            tag.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')).next().unwrap_or_default();
        let name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        elements += 1;
        costly += usize::from(COSTLY.contains(&name));
    }
    if elements > MAX_ELEMENTS {
        return Err("it has very many elements");
    }
    if costly > MAX_COSTLY {
        return Err("it repeats its elements, or filters them, very often");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_that_explode_are_found() {
        let each = |n: u32| format!("<g id='a{n}'>{}</g>", format!("<use href='#a{}'/>", n - 1).repeat(10));
        let nested: String = (1..9).map(each).collect();
        let prefixed = nested.replace("<use", "<s:use");
        for (drawing, is_shown) in [
            ("<svg><g id='a'/><use href='#a'/></svg>".to_owned(), true),
            (format!("<svg>{}</svg>", "<path d='M0 0'/>".repeat(5000)), true),
            (format!("<svg>{nested}</svg>"), false),
            (format!("<svg xmlns:s='x'>{prefixed}</svg>"), false),
            (format!("<svg>{}</svg>", "<a/>".repeat(30_000)), false),
            ("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>".to_owned(), false),
        ] {
            assert_eq!(check(drawing.as_bytes()).is_ok(), is_shown, "{}", &drawing[..drawing.len().min(80)]);
            let utf16: Vec<u8> = format!("\u{feff}{drawing}").encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(check(&utf16).is_ok(), is_shown, "in UTF-16: {}", &drawing[..drawing.len().min(80)]);
        }
    }
}

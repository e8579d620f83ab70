//! Recognizes SVG by the first element of an XML document (W3C, XML 1.0; Namespaces in XML 1.0).

use std::borrow::Cow;

/// The namespace of SVG.
const SVG: &[u8] = b"http://www.w3.org/2000/svg";

/// The document in an encoding that extends ASCII: UTF-16 becomes UTF-8, with or without a byte order mark (XML 1.0,
/// appendix F). A byte order mark is left out.
pub(crate) fn text(document: &[u8]) -> Cow<'_, [u8]> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks().0.iter().map(|&two| unit(two));
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match document {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.into(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(document, u16::from_le_bytes),
        [0, b'<', ..] => utf16(document, u16::from_be_bytes),
        _ => document.into(),
    }
}

/// Whether the first element is SVG's `svg`, as far as `start` goes. It skips declarations, comments and the document
/// type.
pub(super) fn is_svg(start: &[u8]) -> bool {
    let text = text(start);
    let mut rest = text.trim_ascii_start();
    loop {
        let skipped = if let Some(comment) = rest.strip_prefix(b"<!--") {
            after(comment, b"-->")
        } else if let Some(instruction) = rest.strip_prefix(b"<?") {
            after(instruction, b"?>")
        } else if let Some(declaration) = rest.strip_prefix(b"<!DOCTYPE") {
            after_doctype(declaration)
        } else {
            break;
        };
        let Some(skipped) = skipped else { return false };
        rest = skipped.trim_ascii_start();
    }
    rest.strip_prefix(b"<").is_some_and(is_svg_tag)
}

/// Whether a start tag, from its name on, is that of `svg`: with a prefix, if that stands for SVG's namespace.
fn is_svg_tag(tag: &[u8]) -> bool {
    let end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let Some(length) = tag.iter().position(end) else { return false };
    let (name, attributes) = tag.split_at_checked(length).unwrap_or((tag, &[]));
    let (prefix, local) = match name.iter().position(|&byte| byte == b':') {
        Some(colon) => (name.get(..colon), name.get(colon + 1..)),
        None => (None, Some(name)),
    };
    if local != Some(b"svg") {
        return false;
    }
    let declaration = prefix.map_or(b"xmlns".to_vec(), |prefix| [b"xmlns:", prefix].concat());
    match value_of(attributes, &declaration) {
        // Drawing programs write the namespace as an entity.
        Some(namespace) => namespace == SVG || namespace.starts_with(b"&"),
        // Many drawings lack the declaration. A prefix needs one, or a very long tag.
        None => prefix.is_none_or(|prefix| prefix == b"svg"),
    }
}

/// The value of an attribute in a start tag, as far as that goes.
fn value_of<'a>(mut attributes: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    loop {
        let rest = attributes.trim_ascii_start();
        if matches!(rest.first(), None | Some(b'>' | b'/')) {
            return None;
        }
        let equals = rest.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (rest.get(..equals)?.trim_ascii(), rest.get(equals + 1..)?.trim_ascii_start());
        let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
        let end = value.iter().position(|byte| byte == quote)?;
        if name == wanted {
            return value.get(..end).map(<[u8]>::trim_ascii);
        }
        attributes = value.get(end + 1..)?;
    }
}

/// What follows a document type declaration. Its internal subset may hold comments, instructions, and quoted text.
fn after_doctype(mut rest: &[u8]) -> Option<&[u8]> {
    let mut is_in_subset = false;
    loop {
        let at = rest.iter().position(|byte| matches!(byte, b'"' | b'\'' | b'[' | b']' | b'>' | b'<'))?;
        let (&found, behind) = rest.get(at..)?.split_first()?;
        rest = match found {
            b'>' if !is_in_subset => return Some(behind),
            b'<' if behind.starts_with(b"!--") => after(behind, b"-->")?,
            b'<' if behind.starts_with(b"?") => after(behind, b"?>")?,
            b'"' | b'\'' => after(behind, &[found])?,
            b'[' => {
                is_in_subset = true;
                behind
            }
            b']' => {
                is_in_subset = false;
                behind
            }
            _ => behind,
        };
    }
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(end.len()).position(|window| window == end)?;
    text.get(at + end.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "<svg xmlns='http://www.w3.org/2000/svg'/>";

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn svg_is_known_by_its_root() {
        for root in [
            "<svg>",
            "<svg/>",
            "<svg\n>",
            ROOT,
            "<svg:svg xmlns:svg='http://www.w3.org/2000/svg'/>",
            "<ns0:svg xmlns:ns0=\"http://www.w3.org/2000/svg\" width=\"4\">",
            "<s:svg a='x>y' xmlns:s = 'http://www.w3.org/2000/svg'>",
            "<svg xmlns=\"&ns_svg;\" xmlns:xlink=\"&ns_xlink;\">",
            "<svg xmlns:x='y' xmlns='http://www.w3.org/2000/svg'>",
        ] {
            assert!(is_svg(root.as_bytes()), "{root}");
        }
        for other in [
            "",
            "<",
            "<svg",
            "<svgfoo>",
            "<SVG>",
            "<x:svg>",
            "<x:svg xmlns:x='urn:other'>",
            "<svg xmlns='urn:other'>",
            "<svg:g xmlns:svg='http://www.w3.org/2000/svg'/>",
            "<html><svg/></html>",
            "<!DOCTYPE html><html/>",
            "<!-- <svg>",
            "text <svg>",
        ] {
            assert!(!is_svg(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_xml_allows_before_the_root_is_skipped() {
        for before in [
            "<?xml version='1.0'?>\n<!-- a > b -->\n",
            "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">",
            "<!DOCTYPE\n svg>",
            "<!DOCTYPE svg [ <!ENTITY a \"b\"> ]>",
            "<!DOCTYPE svg [ <!ENTITY a \"b\"> ] >\n",
            "<!DOCTYPE svg PUBLIC '>' 'x' [<!ENTITY a ']>'><!-- ]> ' --><?a ]>?><!ATTLIST b c CDATA '>'>]>",
            "<!DOCTYPE ns0:svg>",
            "\n\t ",
        ] {
            let document = format!("{before}{ROOT}");
            assert!(is_svg(document.as_bytes()), "{document}");
            for (mark, unit) in
                [(&[0xff, 0xfe][..], u16::to_le_bytes as fn(u16) -> [u8; 2]), (&[0xfe, 0xff], u16::to_be_bytes)]
            {
                assert!(is_svg(&[mark, &utf16(&document, unit)].concat()), "{document}");
            }
            assert!(is_svg(&[b"\xef\xbb\xbf", document.as_bytes()].concat()));
            for cut in 0..document.len() {
                is_svg(&document.as_bytes()[..cut]);
            }
        }
        assert!(is_svg(&utf16(ROOT, u16::to_le_bytes)) && is_svg(&utf16(ROOT, u16::to_be_bytes)));
        assert!(!is_svg(&[0xff, 0xfe, b'<', 0, 0]) && !is_svg(b"\xff\xfe"));
    }
}

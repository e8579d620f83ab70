//! Reads the elements of a JSON array, one at a time.

use std::io::{Read, Result};

use super::text::{MAX_LINE, Text};
use super::{Entry, Line};

/// What comes next in an array.
pub(super) enum Next {
    Element(Line),
    End,
    /// The text ends before the array does.
    NoEnd(Line),
}

/// Reads the next element of the array whose `[` was read.
pub(super) fn next<R: Read>(text: &mut Text<R>) -> Result<Next> {
    let mut number = text.number();
    let first = loop {
        match text.byte()? {
            None => return Ok(Next::NoEnd(Line { number, entry: Err("the array is not closed".into()) })),
            Some(b']') => return Ok(Next::End),
            Some(byte) if byte.is_ascii_whitespace() || byte == b',' => number = text.number(),
            Some(byte) => break byte,
        }
    };
    let element = element(text, first)?;
    let entry = if element.len() > MAX_LINE {
        Err(format!("longer than {MAX_LINE} bytes"))
    } else if first == b'"' {
        serde_json::from_slice(&element)
            .map(|url| Entry { url: Some(url), ..Entry::default() })
            .map_err(|error| said(&error))
    } else {
        serde_json::from_slice(&element).map_err(|error| said(&error))
    };
    Ok(Next::Element(Line { number, entry: entry.and_then(Entry::checked) }))
}

fn said(error: &serde_json::Error) -> String {
    // Its line counts from the element's.
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("not a URL or an object as expected: {text}")
}

/// Reads an element to its end, but keeps no more than a byte more than [`MAX_LINE`].
fn element<R: Read>(text: &mut Text<R>, first: u8) -> Result<Vec<u8>> {
    let (mut element, mut depth, mut in_string, mut is_escaped) = (Vec::new(), 0_u32, false, false);
    let mut next = Some(first);
    while let Some(byte) = next {
        if element.len() <= MAX_LINE {
            element.push(byte);
        }
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_number_or_word = !matches!(first, b'"' | b'{' | b'[');
        if depth == 0 && !in_string && (!is_number_or_word || matches!(text.peek()?, None | Some(b',' | b']'))) {
            break;
        }
        next = text.byte()?;
    }
    Ok(element)
}

//! Parameters of header values, such as `form-data; name="a"; filename*=UTF-8''b`, as clients really write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;

/// A header value with parameters (RFC 2045 section 5.1, RFC 2183, RFC 9110 section 5.6.6). Reading it never fails: what
/// cannot be read is left out.
#[derive(Debug)]
pub(crate) struct Parameters {
    /// What stands before the first semicolon, in lower case.
    pub(crate) value: String,
    /// Names in lower case, and values without quotes, as they came.
    parameters: Vec<(String, Vec<u8>)>,
}

impl Parameters {
    /// Reads a header value.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let (first, mut rest) = split_at_byte(value, |byte| byte == b';');
        let mut parameters = Vec::new();
        while let Some((_, parameter)) = rest.split_first() {
            let (name, after) = split_at_byte(parameter, |byte| byte == b'=' || byte == b';');
            let value;
            (value, rest) = match after.strip_prefix(b"=") {
                Some(after) => read_value(after.trim_ascii_start()),
                None => (Vec::new(), after),
            };
            if after.first() == Some(&b'=') {
                parameters.push((lower_case(name), value));
            }
        }
        Self { value: lower_case(first), parameters }
    }

    /// A parameter's value as it came; the first one, if it is given twice.
    pub(crate) fn raw(&self, name: &str) -> Option<&[u8]> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// A parameter as text. Of the forms in which it may be given the most exact one counts: `name*` (RFC 8187), the
    /// pieces `name*0`, `name*1*` (RFC 2231 section 3), then `name`. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let extended = self.raw(&format!("{name}*")).and_then(|value| decode(&[(value, true)]));
        extended.or_else(|| self.pieces(name)).or_else(|| self.raw(name).map(plain))
    }

    /// Whether a parameter is given in any form, readable or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        let is_form =
            |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('*'));
        self.parameters.iter().any(|(known, _)| is_form(known))
    }

    fn pieces(&self, name: &str) -> Option<String> {
        let piece = |number: usize| {
            let extended = self.raw(&format!("{name}*{number}*")).map(|value| (value, true));
            extended.or_else(|| self.raw(&format!("{name}*{number}")).map(|value| (value, false)))
        };
        let pieces: Vec<_> = (0..self.parameters.len()).map_while(piece).collect();
        if pieces.is_empty() { None } else { decode(&pieces) }
    }
}

/// Splits before the first byte that ends a part; the second half begins with it, or is empty.
fn split_at_byte(bytes: &[u8], ends: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|&byte| ends(byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

fn lower_case(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).to_ascii_lowercase()
}

/// Reads a value up to the next semicolon, and returns what follows. In quotes a backslash stands for nothing but a
/// quote or backslash after it: some browsers send paths of Windows.
fn read_value(from: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(mut quoted) = from.strip_prefix(b"\"") else {
        let (value, rest) = split_at_byte(from, |byte| byte == b';');
        return (value.trim_ascii().to_vec(), rest);
    };
    let mut value = Vec::new();
    while let Some((&byte, rest)) = quoted.split_first() {
        quoted = rest;
        match (byte, rest.split_first()) {
            (b'"', _) => break,
            (b'\\', Some((&escaped @ (b'"' | b'\\'), rest))) => {
                value.push(escaped);
                quoted = rest;
            }
            _ => value.push(byte),
        }
    }
    (value, split_at_byte(quoted, |byte| byte == b';').1)
}

/// Decodes an extended value, `charset'language'text`, given in pieces. Each piece is percent-encoded or not. `None` if
/// the character set is not known.
fn decode(pieces: &[(&[u8], bool)]) -> Option<String> {
    let (mut charset, mut bytes) = (String::new(), Vec::new());
    for (number, &(mut piece, is_extended)) in pieces.iter().enumerate() {
        if is_extended {
            let mut parts = piece.splitn(3, |&byte| byte == b'\'');
            if let (0, Some(stated), Some(_), Some(rest)) = (number, parts.next(), parts.next(), parts.next()) {
                (charset, piece) = (lower_case(stated), rest);
            }
            bytes.extend(percent_decode(piece));
        } else {
            bytes.extend_from_slice(piece);
        }
    }
    in_charset(&charset, &bytes)
}

/// Decodes bytes of a stated character set: UTF-8, the Latin ones, or any if they are UTF-8 after all.
pub(crate) fn in_charset(charset: &str, bytes: &[u8]) -> Option<String> {
    match charset {
        "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => Some(String::from_utf8_lossy(bytes).into_owned()),
        "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" => Some(bytes.iter().map(|&byte| western(byte)).collect()),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

/// A character of windows-1252, which the web means by ISO-8859-1, too (WHATWG Encoding, section 4.2).
fn western(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).and_then(|at| HIGH.get(usize::from(at)));
    high.copied().unwrap_or(char::from(byte))
}

/// Decodes a plain value. Besides UTF-8 it may have encoded words (RFC 2047), which .NET sends; percent-encoded bytes
/// beyond ASCII (RFC 7578 section 2), which aiohttp sends; and the three escapes of browsers (WHATWG HTML, multipart
/// form data).
fn plain(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    if let Some(text) = encoded_words(&text) {
        return text;
    }
    let decoded = String::from_utf8(percent_decode(value).collect());
    match decoded {
        Ok(decoded) if text.is_ascii() && !decoded.is_ascii() => decoded,
        _ => text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"),
    }
}

/// Decodes a text that consists of encoded words alone.
fn encoded_words(text: &str) -> Option<String> {
    let words: Option<Vec<String>> = text.split_ascii_whitespace().map(encoded_word).collect();
    words.filter(|words| !words.is_empty()).map(|words| words.concat())
}

fn encoded_word(word: &str) -> Option<String> {
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(text).ok()?,
        // The same as percent-encoding, with other signs.
        "Q" | "q" => percent_decode(text.replace('%', "=25").replace('=', "%").replace('_', " ").as_bytes()).collect(),
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or_default();
    in_charset(&charset.to_ascii_lowercase(), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_name(value: &[u8]) -> Option<String> {
        Parameters::parse(value).text("filename")
    }

    #[test]
    fn file_names_as_clients_send_them() {
        for (value, expected) in [
            // RFC 7578, browsers, curl.
            (&b"form-data; name=\"f\"; filename=\"a.png\""[..], "a.png"),
            (b"form-data; name=f; filename=a.png", "a.png"),
            (b"form-data; filename=\"a;b.png\"; name=\"f\"", "a;b.png"),
            (b"Form-Data;NAME=f;FILENAME=\"a.png\"", "a.png"),
            (b"form-data; name=\"f\" ; filename = \"a.png\" ;", "a.png"),
            (b"form-data; name=\"my filename=x\"; filename=\"a.png\"", "a.png"),
            ("form-data; filename=\"ü 画.png\"".as_bytes(), "ü 画.png"),
            (br#"form-data; filename="a \"b\" \\ c.png""#, r#"a "b" \ c.png"#),
            (br#"form-data; filename="C:\new\a.png""#, r"C:\new\a.png"),
            (b"form-data; filename=\"a%22b%0D%0A.png\"", "a\"b\r\n.png"),
            (b"form-data; filename=\"100%25 or %41.png\"", "100%25 or %41.png"),
            (b"form-data; filename=\"%C3%BC.png\"", "ü.png"),
            (b"form-data; filename=\"\"", ""),
            (b"form-data; filename=", ""),
            (b"form-data; filename=\"not closed.png", "not closed.png"),
            (b"form-data; filename=\"first\"; filename=\"second\"", "first"),
            // RFC 8187, before a plain one wherever it stands.
            (b"form-data; filename*=utf-8''%C3%BC.png", "ü.png"),
            (b"form-data; filename=\"u.png\"; filename*=UTF-8'de'%C3%BC.png", "ü.png"),
            (b"form-data; filename*=UTF-8''%C3%BC.png; filename=\"u.png\"", "ü.png"),
            (b"form-data; filename*=\"UTF-8''%C3%BC.png\"", "ü.png"),
            (b"form-data; filename*=%C3%BC.png", "ü.png"),
            (b"form-data; filename*=iso-8859-1''%FC.png", "ü.png"),
            (b"form-data; filename*=windows-1252''%80.png", "€.png"),
            (b"form-data; filename*=utf-8''%FC.png", "\u{fffd}.png"),
            (b"form-data; filename*=gbk''%B2%E2; filename=\"plain.png\"", "plain.png"),
            // RFC 2231.
            (b"form-data; filename*0=\"a long \"; filename*1=\"name.png\"", "a long name.png"),
            (b"form-data; filename*0*=UTF-8''%C3%BC; filename*1=\" plain\"; filename*2*=%20.png", "ü plain .png"),
            (b"form-data; filename*1=\"no first\"; filename=a.png", "a.png"),
            // RFC 2047.
            (b"form-data; filename=\"=?utf-8?B?w7wucG5n?=\"", "ü.png"),
            (b"form-data; filename=\"=?iso-8859-1?q?=FC_%20.png?=\"", "ü %20.png"),
            (b"form-data; filename=\"=?utf-8?B?w7w=?= =?utf-8?B?LnBuZw==?=\"", "ü.png"),
            (b"form-data; filename=\"=?utf-8?B?not base64?=\"", "=?utf-8?B?not base64?="),
            (b"form-data; filename=\"=?gbk?B?stLK1A==?=\"", "=?gbk?B?stLK1A==?="),
            // Windows-1252 and GBK without a word about it.
            (b"form-data; filename=\"b\xfccher.png\"", "b\u{fffd}cher.png"),
            (b"form-data; filename=\"\xb2\xe2.png\"", "\u{fffd}\u{fffd}.png"),
        ] {
            let parsed = Parameters::parse(value);
            assert_eq!(parsed.text("filename").as_deref(), Some(expected), "{}", value.escape_ascii());
            assert_eq!((parsed.value.as_str(), parsed.has("filename")), ("form-data", true));
        }
    }

    #[test]
    fn what_has_no_file_name() {
        for value in [&b"form-data; name=\"filename=a.png\""[..], b"form-data", b"", b"form-data; filename", b";;=;\"="]
        {
            assert_eq!(file_name(value), None, "{}", value.escape_ascii());
            assert!(!Parameters::parse(value).has("filename"));
        }
        let unknown = Parameters::parse(b"form-data; filename*=gbk''%B2%E2");
        assert_eq!((unknown.text("filename"), unknown.has("filename")), (None, true));
    }
}

//! An image's link in the forms in which people paste it elsewhere.

use burrow_model::json::content_path;
use burrow_model::record::ImageRecord;

/// A text to copy.
pub(crate) struct Copied {
    /// What it is.
    pub(crate) what: &'static str,
    pub(crate) text: String,
}

/// The forms, with links to this address.
pub(crate) fn forms(image: &ImageRecord, address: &str) -> [Copied; 3] {
    let (url, name) = (format!("{address}{}", content_path(image.id)), image.name.as_str());
    [
        Copied { what: "Markdown", text: format!("![{}]({url})", escaped(name, in_markdown)) },
        Copied { what: "HTML", text: format!("<img src=\"{url}\" alt=\"{}\">", escaped(name, in_html)) },
        Copied { what: "BBCode", text: format!("[img]{url}[/img]") },
    ]
}

fn escaped(text: &str, escape: fn(char) -> Option<&'static str>) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match escape(c) {
            Some(text) => escaped.push_str(text),
            None => escaped.push(c),
        }
    }
    escaped
}

/// What would end the text, or be read as markup in it (`CommonMark` 0.31, section 2.4).
fn in_markdown(c: char) -> Option<&'static str> {
    Some(match c {
        '\\' => "\\\\",
        '[' => "\\[",
        ']' => "\\]",
        '*' => "\\*",
        '_' => "\\_",
        '`' => "\\`",
        '<' => "\\<",
        '>' => "\\>",
        '&' => "\\&",
        '!' => "\\!",
        _ => return None,
    })
}

fn in_html(c: char) -> Option<&'static str> {
    Some(match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_the_text_that_it_is_in() {
        let name = "](http://evil.example) \"><script>alert(1)</script> \\] &quot;";
        assert_eq!(
            escaped(name, in_markdown),
            "\\](http://evil.example) \"\\>\\<script\\>alert(1)\\</script\\> \\\\\\] \\&quot;"
        );
        assert_eq!(
            escaped(name, in_html),
            "](http://evil.example) &quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt; \\] &amp;quot;"
        );
    }
}

//! `GET /add`: the form that adds one image, filled in by bookmarklets and by programs that share.

use askama::Template;
use burrow_vault::ports::Ports;
use http::{HeaderMap, StatusCode};

use crate::message::Answer;
use crate::pages::frame::{Frame, html};
use crate::problem::Problem;
use crate::protocol::address::address;
use crate::route::Query;
use crate::service::{Head, Service};

#[derive(Template)]
#[template(path = "add.html")]
struct Add<'a> {
    frame: Frame,
    url: String,
    referrer: &'a str,
    name: &'a str,
    bookmark: Bookmark,
    needs_token: bool,
}

/// A bookmark that opens the form from other pages.
pub(crate) struct Bookmark {
    /// The address of this service, if the request says it.
    pub(crate) address: String,
    pub(crate) href: String,
}

impl Bookmark {
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let address = address(headers).unwrap_or_default();
        Self { href: bookmarklet(&address), address }
    }
}

impl<P: Ports> Service<P> {
    /// `GET /add`.
    pub(crate) fn add_form(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let query = head.query.only(&["url", "text", "referrer", "name"], &[])?;
        let page = Add {
            frame: self.frame(head.headers),
            url: shared_url(query),
            referrer: query.get("referrer").unwrap_or_default(),
            name: query.get("name").unwrap_or_default(),
            bookmark: Bookmark::new(head.headers),
            needs_token: !self.settings.write_tokens.is_empty(),
        };
        Ok(html(StatusCode::OK, &page)?.into())
    }
}

/// The URL that was shared. Android's programs share it within a text.
fn shared_url(query: &Query) -> String {
    let in_text = || {
        let is_url = |word: &&str| word.starts_with("https://") || word.starts_with("http://");
        query.get("text").unwrap_or_default().split_whitespace().find(is_url)
    };
    let url = query.get("url").map(str::trim).filter(|url| !url.is_empty()).or_else(in_text);
    // The form takes several URLs, with white space between them.
    url.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join("%20")
}

/// A bookmark that opens the form for the largest image of the page that is shown, or for the image itself if the
/// browser shows nothing else. It only reads that page.
fn bookmarklet(address: &str) -> String {
    const BEFORE: &str = "javascript:(()=>{\
        const alone=document.contentType.startsWith('image/');\
        const [image]=alone?[]:[...document.images].filter((i)=>i.currentSrc.startsWith('http'))\
        .sort((a,b)=>b.width*b.height-a.width*a.height);\
        const found=alone?{url:location.href,referrer:document.referrer}\
        :{url:image?image.currentSrc:'',referrer:location.href,name:image?image.alt.slice(0,60):''};\
        open('";
    const AFTER: &str = "/add?'+new URLSearchParams(found))})()";
    format!("{BEFORE}{address}{AFTER}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn a_shared_url_is_found_where_programs_put_it() {
        for (query, url) in [
            ("url=https://a.example/1.png", "https://a.example/1.png"),
            ("url=+https://a.example/my+otter.png+", "https://a.example/my%20otter.png"),
            ("text=look:+https://a.example/1.png+nice", "https://a.example/1.png"),
            ("url=&text=http://a.example/1.png", "http://a.example/1.png"),
            ("url=https://a.example/1&text=https://b.example/2", "https://a.example/1"),
            ("text=nothing", ""),
            ("", ""),
        ] {
            let query = Unchecked::parse(query).unwrap();
            assert_eq!(shared_url(query.only(&["url", "text"], &[]).unwrap()), url);
        }
    }
}

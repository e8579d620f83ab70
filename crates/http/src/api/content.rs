//! Sends an image's bytes: conditions, ranges, gzip or original.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;

use burrow_model::record::{Content, ImageRecord};
use burrow_vault::ports::Ports;
use burrow_vault::sniff::file_name;
use burrow_vault::store::blob::{Blob, Form};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::message::{Answer, Body, CROSS_ORIGIN, Piece, RESOURCE_POLICY, set};
use crate::problem::Problem;
use crate::protocol::conditional::{self, Validators, Verdict, names};
use crate::protocol::range::{self, MAX_RANGES, Refused};
use crate::protocol::{digest, negotiation};
use crate::service::{Head, Service};

/// Keeps scripts in an SVG from running as a part of this site.
pub(crate) const SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The digest of the original, in whichever coding it is sent (draft-ietf-httpbis-unencoded-digest).
const UNENCODED_DIGEST: HeaderName = HeaderName::from_static("unencoded-digest");

/// All characters but those that `filename*` has as they are (RFC 8187 section 3.2.1).
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

impl<P: Ports> Service<P> {
    /// The content of the image with an id. It never changes, so caches may keep it.
    pub(crate) async fn content(&self, head: Head<'_>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
        let cache = match head.link {
            Some(seconds) => format!("private, max-age={seconds}, immutable"),
            None => self.immutable().into(),
        };
        let mut answer = self.send(head, image, &cache, Some(image.created / 1000)).await?;
        if head.link.is_some() {
            // Links are made to be shown elsewhere.
            answer.response.headers_mut().insert(RESOURCE_POLICY, CROSS_ORIGIN);
        }
        Ok(answer)
    }

    /// The content of the image that has a name now. It has no `Last-Modified`: the name can pass to an older image.
    pub(crate) async fn content_by_name(&self, head: Head<'_>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
        let cache = if self.settings.read_tokens.is_empty() { "no-cache" } else { "private, no-cache" };
        let mut answer = self.send(head, image, cache, None).await?;
        let location = format!("/images/{}/content", image.id);
        set(answer.response.headers_mut(), header::CONTENT_LOCATION, location);
        Ok(answer)
    }

    async fn send(
        &self,
        Head { method, query, headers, .. }: Head<'_>,
        image: &ImageRecord,
        cache: &str,
        last_modified: Option<u64>,
    ) -> Result<Answer<P>, Problem> {
        let content = image.content()?;
        // The blob says how it is packed now; the record says how it was when the image was added.
        let blob = self.vault.open(image).await?;
        let gzip_etag = etag(content, Form::Gzip);
        // Only GET has ranges (RFC 9110 section 14.2).
        let of_part = *method == Method::GET && headers.contains_key(header::RANGE);
        let of_gzip =
            [header::IF_RANGE, header::IF_MATCH].iter().any(|condition| names(headers, condition, &gzip_etag));
        let packed = blob.has(Form::Gzip);
        let form = negotiation::form(headers, packed, of_part && !of_gzip).ok_or_else(Problem::not_acceptable)?;
        let etag = etag(content, form);
        // A clock that was wrong may have dated the image in the future. Such a date is replaced by that of the answer
        // (RFC 9110 section 8.8.2.1), which identifies nothing.
        let clock = self.vault.now() / 1000;
        let now = Validators { etag: &etag, last_modified: last_modified.filter(|&modified| modified <= clock) };

        let mut response = Response::new(Body::from(Vec::new()));
        describe(response.headers_mut(), cache, &etag, last_modified.map(|modified| modified.min(clock)));
        match conditional::evaluate(headers, true, now) {
            Verdict::Failed => return Err(Problem::precondition()),
            Verdict::NotModified => {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response.into());
            }
            Verdict::Proceed => {}
        }

        let size = blob.size(form);
        let mut ranges = None;
        if of_part && conditional::range_holds(headers, now) {
            ranges = range::asked(headers, size).map_err(|refused| unsatisfiable(&refused, size))?;
        }
        let disposition = if query.has("download") { "attachment" } else { "inline" };
        let disposition = disposition_of(disposition, &file_name(&image.name, &content.media_type));
        describe_whole(response.headers_mut(), content, form, disposition);
        match ranges.as_deref() {
            Some([range]) => part(&mut response, &blob, form, range.clone(), size),
            // A part of several cannot state its coding, so several ranges are sent of the original only. Each range of a
            // blob that is packed as a whole would unpack all of it.
            Some(ranges) if form == Form::Original && !blob.codec().is_whole() => {
                parts(&mut response, &blob, content, ranges, size);
            }
            _ => *response.body_mut() = Body(VecDeque::from([Piece::Content(blob.read(form, 0..size))])),
        }
        if *method == Method::GET {
            response.body_mut().read_ahead().await?;
        }
        Ok(response.into())
    }
}

/// The entity tag of a form. That of the original is its SHA-256.
fn etag(content: &Content, form: Form) -> String {
    match form {
        Form::Original => format!("\"{}\"", content.sha256),
        Form::Gzip => format!("\"{}-gzip\"", content.sha256),
    }
}

/// Sets the headers that a 304 has, too.
fn describe(headers: &mut HeaderMap, cache: &str, etag: &str, last_modified: Option<u64>) {
    set(headers, header::ETAG, etag);
    set(headers, header::CACHE_CONTROL, cache);
    set(headers, header::VARY, "accept-encoding");
    if let Some(seconds) = last_modified {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        set(headers, header::LAST_MODIFIED, httpdate::fmt_http_date(time));
    }
}

fn describe_whole(headers: &mut HeaderMap, content: &Content, form: Form, disposition: String) {
    set(headers, header::CONTENT_TYPE, content.media_type.as_str());
    set(headers, header::CONTENT_DISPOSITION, disposition);
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(headers, header::CONTENT_SECURITY_POLICY, SANDBOX);
    let digest = digest::field(&content.sha256);
    match form {
        Form::Original => set(headers, REPR_DIGEST, digest),
        Form::Gzip => {
            set(headers, header::CONTENT_ENCODING, "gzip");
            set(headers, UNENCODED_DIGEST, digest);
        }
    }
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn part<P: Ports>(response: &mut Response<Body<P>>, blob: &Blob<P>, form: Form, range: Range<u64>, size: u64) {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(response.headers_mut(), header::CONTENT_RANGE, content_range(&range, size));
    *response.body_mut() = Body(VecDeque::from([Piece::Content(blob.read(form, range))]));
}

/// `multipart/byteranges` (RFC 9110 section 14.6).
fn parts<P: Ports>(
    response: &mut Response<Body<P>>,
    blob: &Blob<P>,
    content: &Content,
    ranges: &[Range<u64>],
    size: u64,
) {
    // Content cannot hold its own digest, so it cannot hold the boundary.
    let boundary = format!("burrow-{}", content.sha256);
    let mut pieces = VecDeque::new();
    let mut before = String::new();
    for range in ranges {
        // Writing to a String cannot fail.
        let _ = write!(
            before,
            "--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            content.media_type,
            content_range(range, size)
        );
        pieces.push_back(Piece::Bytes(std::mem::take(&mut before).into_bytes()));
        pieces.push_back(Piece::Content(blob.read(Form::Original, range.clone())));
        before.push_str("\r\n");
    }
    pieces.push_back(Piece::Bytes(format!("{before}--{boundary}--\r\n").into_bytes()));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    set(response.headers_mut(), header::CONTENT_TYPE, format!("multipart/byteranges; boundary={boundary}"));
    *response.body_mut() = Body(pieces);
}

fn unsatisfiable(refused: &Refused, size: u64) -> Problem {
    let detail = match refused {
        Refused::Malformed => "Range is not one or more ranges of bytes".into(),
        Refused::TooMany(count) => format!("at most {MAX_RANGES} ranges are sent at once, not {count}"),
        Refused::Outside => format!("no byte of Range lies inside the {size} bytes"),
    };
    Problem::range(detail, size)
}

/// `Content-Disposition` (RFC 6266): the name in ASCII for old clients, and in UTF-8 (RFC 8187).
fn disposition_of(disposition: &str, name: &str) -> String {
    let is_path = |c: char| matches!(c, '/' | '\\');
    let ascii: String = name
        .chars()
        .map(|c| if matches!(c, ' '..='~') && !is_path(c) && !matches!(c, '"' | '%') { c } else { '_' })
        .collect();
    if ascii == name {
        return format!("{disposition}; filename=\"{ascii}\"");
    }
    let name = name.replace(is_path, "_");
    format!("{disposition}; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ATTR_CHAR))
}

#[cfg(test)]
mod tests {
    use burrow_vault::testing::{Whole, World};
    use burrow_vault::vault::Label;

    use super::*;
    use crate::{Request, ServiceSettings};

    #[test]
    fn last_modified_never_lies_in_the_future() {
        // Its own thumbnail.
        const JPEG: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x01\0\x01\x01\x01\x11\0\xff\xd9";
        let world = World::default();
        world.pass(60_000);
        let image = world.run(world.vault().put(&mut Whole::new(JPEG), Label::default())).unwrap();
        let service = Service::new(world.vault(), ServiceSettings::default());
        let ask = |path: &str, condition: Option<(HeaderName, &str)>| {
            let headers = condition.map(|(name, value)| (name, value.parse().unwrap())).into_iter().collect();
            let path_and_query = format!("/images/{}/{path}", image.id);
            let request = Request { method: Method::GET, path_and_query, headers, body: Whole::new(b"") };
            let response = world.run(service.handle(request)).response;
            let modified =
                response.headers().get(header::LAST_MODIFIED).map(|value| value.to_str().unwrap().to_owned());
            (response.status().as_u16(), modified)
        };
        let date =
            |seconds: u64| httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let accepted = date(image.created / 1000);
        world.pass(60_000);
        assert_eq!(ask("content", None), (200, Some(accepted.clone())));
        assert_eq!(ask("content", Some((header::IF_MODIFIED_SINCE, &accepted))).0, 304);
        world.set_back();
        let now = date(world.vault().now() / 1000);
        assert!(world.vault().now() < image.created);
        for path in ["content", "thumbnail"] {
            assert_eq!(ask(path, None), (200, Some(now.clone())), "{path}");
        }
        // The date of an answer says nothing of the image: no condition on it holds or fails.
        for condition in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
            for date in [&now, &accepted] {
                assert_eq!(ask("content", Some((condition.clone(), date))).0, 200, "{condition}");
            }
        }
    }

    #[test]
    fn names_become_safe_file_names() {
        assert_eq!(disposition_of("inline", "a b.png"), "inline; filename=\"a b.png\"");
        assert_eq!(
            disposition_of("attachment", "../ü\"%.png"),
            "attachment; filename=\"..____.png\"; filename*=UTF-8''.._%C3%BC%22%25.png"
        );
        assert_eq!(disposition_of("inline", "\u{202e}x"), "inline; filename=\"_x\"; filename*=UTF-8''%E2%80%AEx");
    }
}

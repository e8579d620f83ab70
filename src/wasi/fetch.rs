//! Sends requests to origins, and to helper instances of the native host (`wasi:http/client`).

use std::cell::Cell;

use burrow_model::error::Error;
use burrow_model::error::FetchError;
use burrow_model::key::ImageId;
use burrow_vault::policy::HELPERS;
use burrow_vault::ports::{ByteSource as _, Drawing, Elsewhere, Fetch, FetchTimeouts, Fetched, Get, Helpers};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, spawn};
use url::{Position, Url};

use super::Wasi;
use super::streams::{Completion, HttpBody, Message, Sent, write};

impl Message for Response {
    fn consume_body(self, result: FutureReader<Result<(), ErrorCode>>) -> (StreamReader<u8>, Completion) {
        Response::consume_body(self, result)
    }
}

impl Fetch for Wasi {
    type Body = HttpBody;

    async fn fetch(&self, get: Get<'_>) -> Result<Fetched<HttpBody>, FetchError> {
        let Get { url, headers, timeouts } = get;
        warn_of_open_networks(timeouts).await;
        let headers: Vec<_> = headers.iter().collect();
        let (request, sent) = request(url, &headers, None, timeouts)?;
        let response = client::send(request).await.map_err(|code| explain(&code))?;
        let headers = response.get_headers();
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        let codings: Vec<_> = headers.get("content-encoding").into_iter().map(text).collect();
        Ok(Fetched {
            status: response.get_status_code(),
            location: headers.get("location").into_iter().next(),
            content_encoding: Some(codings.join(", ")).filter(|codings| !codings.is_empty()),
            content_length: headers
                .get("content-length")
                .into_iter()
                .next()
                .and_then(|length| text(length).parse().ok()),
            retry_after: headers.get("retry-after").into_iter().next().map(text),
            body: HttpBody::new(response, |code| Error::Fetch(broken(code))).answering(sent),
        })
    }

    async fn post(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        timeouts: FetchTimeouts,
    ) -> Result<(u16, Option<String>), FetchError> {
        warn_of_open_networks(timeouts).await;
        let (mut sender, reader) = wit_stream::new();
        let length = body.len().to_string();
        // Some servers read no chunks.
        let own = [("content-length", &*length), OURSELVES];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(own).collect();
        let (request, _sent) = request(url, &headers, Some(reader), timeouts)?;
        request.set_method(&Method::Post).map_err(|()| refused("method"))?;
        spawn(async move {
            // If nobody reads the body, there is no answer either.
            write(&mut sender, body).await;
        });
        let response = client::send(request).await.map_err(|code| explain(&code))?;
        let after = response.get_headers().get("retry-after").into_iter().next();
        Ok((response.get_status_code(), after.map(|after| String::from_utf8_lossy(&after).into_owned())))
    }
}

/// Warns, once an instance, of a host that connects to private addresses although the operator did not allow that. A name
/// that leads to such an address passes the component's own policy, which sees no addresses.
async fn warn_of_open_networks(timeouts: FetchTimeouts) {
    thread_local! {
        static IS_CHECKED: Cell<bool> = const { Cell::new(false) };
    }
    if IS_CHECKED.replace(true) {
        return;
    }
    let Ok(settings) = super::settings().await else { return };
    if settings.vault.downloads.origins.allow_private_network {
        return;
    }
    // Nothing listens on the discard port (RFC 863), and if something does, it is not harmed.
    let Ok(url) = Url::parse("http://127.0.0.1:9/") else { return };
    let Ok((request, _sent)) = request(&url, &[OURSELVES], None, timeouts) else { return };
    let answer = client::send(request).await;
    if !matches!(answer, Err(ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied)) {
        warn(
            "this host connects to private addresses; on Spin, start it with --runtime-config-file runtime-config.toml",
        );
    }
}

#[expect(clippy::print_stderr, reason = "a component's log is its standard error")]
fn warn(what: &str) {
    eprintln!("{what}");
}

fn refused(what: &str) -> FetchError {
    FetchError::Refused(format!("the host does not take the request's {what}"))
}

/// How Burrow introduces itself where no setting says it.
const OURSELVES: (&str, &str) = ("user-agent", concat!("Burrow/", env!("CARGO_PKG_VERSION")));

fn request(
    url: &Url,
    headers: &[(&str, &str)],
    body: Option<StreamReader<u8>>,
    timeouts: FetchTimeouts,
) -> Result<(Request, Sent), FetchError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&headers).map_err(|_| refused("headers"))?;
    let options = RequestOptions::new();
    let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).ok();
    options.set_connect_timeout(nanos(timeouts.connect)).map_err(|_| refused("connect time-out"))?;
    options.set_first_byte_timeout(nanos(timeouts.first_byte)).map_err(|_| refused("first-byte time-out"))?;
    options.set_between_bytes_timeout(nanos(timeouts.between_bytes)).map_err(|_| refused("time-out"))?;
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, sent) = Request::new(headers, body, no_trailers, Some(options));
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    request.set_authority(Some(authority)).map_err(|()| refused("host"))?;
    let path = &url[Position::BeforePath..Position::AfterQuery];
    request.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;
    Ok((request, sent))
}

impl Helpers for Wasi {
    async fn pack_elsewhere(&self, block: &[u8]) -> Option<Vec<u8>> {
        let (response, sent) = ask_packers("/", block.to_vec()).await?;
        let mut body = HttpBody::new(response, |code| Error::Fetch(broken(code))).answering(sent);
        let mut packed = Vec::new();
        while let Some(piece) = body.next().await.ok()? {
            packed.extend(piece);
        }
        Some(packed)
    }

    async fn draw_elsewhere(&self, image: ImageId, what: Drawing) -> Option<Elsewhere> {
        let path = match what {
            Drawing::Thumbnail(width) => format!("/thumbnails/{image}/{width}"),
            Drawing::Likeness => format!("/likenesses/{image}"),
        };
        let (response, _sent) = ask_packers(&path, Vec::new()).await?;
        Some(match response.get_status_code() {
            204 => Elsewhere::Ended,
            503 => Elsewhere::Busy,
            _ => Elsewhere::Died,
        })
    }
}

/// Sends a request to helper instances of this host. `None` if the host has none, or they have too much to do.
async fn ask_packers(path: &str, content: Vec<u8>) -> Option<(Response, Sent)> {
    let (mut body, reader) = wit_stream::new();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, sent) = Request::new(Fields::new(), Some(reader), no_trailers, None);
    request.set_method(&Method::Post).ok()?;
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(HELPERS)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    spawn(async move {
        // If no helper reads the content, there is no answer either.
        write(&mut body, content).await;
    });
    Some((client::send(request).await.ok()?, sent))
}

/// Why there is no answer, for people.
///
/// The native host gives reasons that WASI has no code for in the fields of those that are nearest: `DNS-error` has the
/// rcode `NXDOMAIN` for a name that has no address; `TLS-alert-received` has the alert with which either side ended the
/// handshake, and the reason; `HTTP-response-header-size` has the part of the head that cannot be read.
fn explain(code: &ErrorCode) -> FetchError {
    use FetchError::{Refused, Unreachable, Unusable};
    match code {
        ErrorCode::DnsError(dns) if dns.rcode.as_deref() == Some("NXDOMAIN") => {
            Unusable("the origin's name has no address".into())
        }
        ErrorCode::DestinationNotFound => Unusable("the origin's name has no address".into()),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => {
            Unreachable("the origin's name could not be looked up".into())
        }
        ErrorCode::DestinationIpProhibited => Refused("the origin's address is not public".into()),
        ErrorCode::HttpRequestDenied => Refused("the host does not allow this origin".into()),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            Unreachable("no way leads to the origin's address".into())
        }
        ErrorCode::ConnectionRefused => Unreachable("the origin refused the connection".into()),
        ErrorCode::ConnectionTimeout => Unreachable("the origin did not accept a connection in time".into()),
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            Unreachable("the origin did not answer in time".into())
        }
        ErrorCode::ConnectionTerminated => Unreachable("the origin closed the connection without an answer".into()),
        ErrorCode::HttpResponseIncomplete => Unreachable("the origin closed the connection within its answer".into()),
        ErrorCode::TlsCertificateError => Unusable("the origin's TLS certificate is not valid".into()),
        ErrorCode::TlsAlertReceived(alert) => {
            let what = alert.alert_message.as_deref().unwrap_or("no reason is given");
            let what = format!("no TLS connection with the origin: {what}");
            // 80 is `internal_error` (RFC 8446 section 6.2).
            if alert.alert_id == Some(80) { Unreachable(what) } else { Unusable(what) }
        }
        ErrorCode::TlsProtocolError => Unreachable("the TLS handshake with the origin broke off".into()),
        ErrorCode::HttpResponseHeaderSectionSize(_) => Unusable("the head of the origin's answer is too long".into()),
        ErrorCode::HttpResponseHeaderSize(field) if field.field_size.is_none() => {
            let field = field.field_name.as_deref().unwrap_or("head");
            Unusable(format!("the origin's answer is not HTTP: its {field} cannot be read"))
        }
        ErrorCode::HttpProtocolError => Unreachable("the origin's answer is not HTTP, or broke off".into()),
        ErrorCode::InternalError(Some(text)) => Unreachable(format!("the request failed: {text}")),
        other => Unreachable(format!("the request failed: {other:?}")),
    }
}

/// Why a body ended early, for people.
fn broken(code: &ErrorCode) -> FetchError {
    FetchError::Unreachable(match code {
        ErrorCode::ConnectionReadTimeout => {
            "the origin sent nothing for longer than between_bytes_timeout_seconds allows".into()
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            "the origin closed the connection before the image was whole".into()
        }
        ErrorCode::HttpProtocolError => "the origin's answer broke off, or its chunks cannot be read".into(),
        _ => return explain(code),
    })
}

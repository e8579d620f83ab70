//! Sends requests to origins, and to helper instances of the native host (`wasi:http/client`).

use burrow_model::error::Error;
use burrow_model::error::FetchError;
use burrow_model::key::ImageId;
use burrow_vault::ports::{ByteSource as _, Elsewhere, Fetch, FetchTimeouts, Fetched, Helpers};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, StreamReader, spawn};
use url::{Position, Url};

use super::Wasi;
use super::streams::{Completion, HttpBody, Message, write};

impl Message for Response {
    fn consume_body(self, result: FutureReader<Result<(), ErrorCode>>) -> (StreamReader<u8>, Completion) {
        Response::consume_body(self, result)
    }
}

impl Fetch for Wasi {
    type Body = HttpBody;

    async fn fetch(&self, url: &Url, timeouts: FetchTimeouts) -> Result<Fetched<HttpBody>, FetchError> {
        let request = request(url, timeouts)?;
        let response = client::send(request).await.map_err(|code| unreachable(&code))?;
        let headers = response.get_headers();
        let header = |name: &str| {
            let value = headers.get(name).into_iter().next()?;
            String::from_utf8(value).ok()
        };
        Ok(Fetched {
            status: response.get_status_code(),
            location: header("location"),
            content_encoding: header("content-encoding"),
            retry_after: header("retry-after"),
            body: HttpBody::new(response, |code| Error::Fetch(unreachable(code))),
        })
    }
}

fn request(url: &Url, timeouts: FetchTimeouts) -> Result<Request, FetchError> {
    let headers = [
        ("accept", "image/*, */*;q=0.1"),
        // Burrow stores the origin's bytes, not an encoding of them.
        ("accept-encoding", "identity"),
        ("user-agent", concat!("Burrow/", env!("CARGO_PKG_VERSION"))),
    ];
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).into();
    let refused = |what: &str| FetchError::Refused(format!("the host does not take the request's {what}"));
    let headers = Fields::from_list(&headers).map_err(|_| refused("headers"))?;
    let options = RequestOptions::new();
    let nanos = |time: std::time::Duration| u64::try_from(time.as_nanos()).ok();
    options.set_connect_timeout(nanos(timeouts.connect)).map_err(|_| refused("connect time-out"))?;
    options.set_first_byte_timeout(nanos(timeouts.first_byte)).map_err(|_| refused("first-byte time-out"))?;
    options.set_between_bytes_timeout(nanos(timeouts.between_bytes)).map_err(|_| refused("time-out"))?;
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(headers, None, no_trailers, Some(options));
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| refused("scheme"))?;
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    request.set_authority(Some(authority)).map_err(|()| refused("host"))?;
    let path = &url[Position::BeforePath..Position::AfterQuery];
    request.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;
    Ok(request)
}

/// The name under which the native host reaches helper instances, which pack blocks and draw thumbnails.
const PACKERS: &str = "packers.burrow.internal";

impl Helpers for Wasi {
    async fn pack_elsewhere(&self, block: &[u8]) -> Option<Vec<u8>> {
        let response = ask_packers("/", block.to_vec()).await?;
        let mut body = HttpBody::new(response, |code| Error::Fetch(unreachable(code)));
        let mut packed = Vec::new();
        while let Some(piece) = body.next().await.ok()? {
            packed.extend(piece);
        }
        Some(packed)
    }

    async fn draw_elsewhere(&self, image: ImageId, width: u32) -> Option<Elsewhere> {
        let response = ask_packers(&format!("/thumbnails/{image}/{width}"), Vec::new()).await?;
        Some(match response.get_status_code() {
            204 => Elsewhere::Ended,
            503 => Elsewhere::Busy,
            _ => Elsewhere::Died,
        })
    }
}

/// Sends a request to helper instances of this host. `None` if the host has none, or they have too much to do.
async fn ask_packers(path: &str, content: Vec<u8>) -> Option<Response> {
    let (mut body, reader) = wit_stream::new();
    let (_, no_trailers) = wit_future::new(|| Ok(None));
    let (request, _) = Request::new(Fields::new(), Some(reader), no_trailers, None);
    request.set_method(&Method::Post).ok()?;
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(PACKERS)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    spawn(async move {
        // If no helper reads the content, there is no answer either.
        write(&mut body, content).await;
    });
    client::send(request).await.ok()
}

/// What went wrong, for people.
fn unreachable(code: &ErrorCode) -> FetchError {
    FetchError::Unreachable(match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => "the origin's name could not be resolved".into(),
        ErrorCode::DestinationIpProhibited => {
            return FetchError::Refused("the origin's address is not public".into());
        }
        ErrorCode::HttpRequestDenied => {
            return FetchError::Refused("the host does not allow this origin".into());
        }
        ErrorCode::ConnectionRefused => "the origin refused the connection".into(),
        ErrorCode::ConnectionTimeout => "the origin did not accept a connection in time".into(),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "the origin did not answer in time".into(),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            "the origin closed the connection before the image was whole".into()
        }
        ErrorCode::HttpProtocolError => "the origin's answer is not HTTP, or broke off".into(),
        ErrorCode::TlsCertificateError => "the origin's TLS certificate is not valid".into(),
        ErrorCode::InternalError(Some(text)) => format!("the request failed: {text}"),
        other => format!("the request failed: {other:?}"),
    })
}

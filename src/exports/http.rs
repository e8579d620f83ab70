//! `wasi:http/handler`: passes requests to the HTTP service and sends its answers.

use burrow_http::problem::Problem;
use burrow_http::{self as service, Answer, Body, Service};
use burrow_model::error::Error;
use burrow_vault::vault::{Delivered, Vault};
use futures::future::join_all;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamWriter, spawn};

use super::Component;
use crate::bindings::exports::wasi::http::handler::Guest;
use crate::settings::Settings;
use crate::wasi::streams::{Completion, HttpBody, Message, write};
use crate::wasi::{Wasi, settings};

impl Message for Request {
    fn consume_body(self, result: FutureReader<Result<(), ErrorCode>>) -> (StreamReader<u8>, Completion) {
        Request::consume_body(self, result)
    }
}

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let changes = !matches!(request.get_method(), Method::Get | Method::Head | Method::Options);
        let mut teller = None;
        let Answer { response, jobs, log: cause } = match settings().await {
            Ok(Settings { vault, http }) => {
                let does_jobs = http.run_jobs;
                let vault = Vault::new(Wasi::default(), vault);
                teller = (changes && does_jobs && vault.has_webhook()).then(|| vault.clone());
                Service::new(vault, http).handle(incoming(request)?).await
            }
            Err(error) => {
                log(&error);
                Problem::from(error).into_response().into()
            }
        };
        if let Some(cause) = cause {
            log(&cause);
        }
        let response = outgoing(response)?;
        if jobs.is_empty() && teller.is_none() {
            return Ok(response);
        }
        // Jobs go on after the answer. If this instance dies, their records say what is left to do.
        let jobs = jobs.into_iter().map(async |job| {
            if let Err(error) = job.await {
                log(&error);
            }
        });
        let done = join_all(jobs);
        spawn(async move {
            done.await;
            if let Some(vault) = teller {
                tell(&vault).await;
            }
        });
        Ok(response)
    }
}

/// Tells the webhook what there is to tell. What it does not take, the next change or `POST /jobs/resume` tells it again.
async fn tell(vault: &Vault<Wasi>) {
    match vault.deliver().await {
        Ok(Delivered { failure, .. }) => failure.iter().for_each(log),
        Err(error) => log(&error),
    }
}

fn incoming(request: Request) -> Result<service::Request<HttpBody>, ErrorCode> {
    let mut headers = ::http::HeaderMap::new();
    for (name, value) in request.get_headers().copy_all() {
        let name = ::http::HeaderName::try_from(name).map_err(|_| ErrorCode::HttpProtocolError)?;
        headers.append(name, value.try_into().map_err(|_| ErrorCode::HttpProtocolError)?);
    }
    // Some hosts pass the `Host` header only as the request's authority.
    if !headers.contains_key(::http::header::HOST)
        && let Some(authority) = request.get_authority().and_then(|authority| authority.try_into().ok())
    {
        headers.insert(::http::header::HOST, authority);
    }
    Ok(service::Request {
        method: request.get_method().try_into().map_err(|_| ErrorCode::HttpRequestMethodInvalid)?,
        path_and_query: request.get_path_with_query().unwrap_or_else(|| "/".into()),
        headers,
        body: HttpBody::new(request, |code| {
            Error::Interrupted(match code {
                ErrorCode::ConnectionReadTimeout => "nothing came for too long".into(),
                _ => "the connection broke".into(),
            })
        }),
    })
}

fn outgoing(response: ::http::Response<Body<Wasi>>) -> Result<Response, ErrorCode> {
    let (parts, body) = response.into_parts();
    let headers: Vec<_> =
        parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| ErrorCode::InternalError(Some(format!("{error:?}"))))?;
    let (stream, reader) = wit_stream::new();
    let (result, result_reader) =
        wit_future::new(|| Err(ErrorCode::InternalError(Some("the content broke off".into()))));
    let (response, _sent) = Response::new(headers, Some(reader), result_reader);
    response.set_status_code(parts.status.as_u16()).map_err(|()| ErrorCode::HttpProtocolError)?;
    spawn(send(body, stream, result));
    Ok(response)
}

/// Sends a body. If the body breaks off, this drops the writer of the result, so that the response breaks off, too.
async fn send(
    mut body: Body<Wasi>,
    mut stream: StreamWriter<u8>,
    result: FutureWriter<Result<Option<Fields>, ErrorCode>>,
) {
    loop {
        match body.next().await {
            Ok(Some(bytes)) => {
                if !write(&mut stream, bytes).await {
                    return;
                }
            }
            Ok(None) => break,
            Err(error) => return log(&error),
        }
    }
    drop(stream);
    // If the client is gone, nobody needs the result.
    let _ = result.write(Ok(None)).await;
}

#[expect(clippy::print_stderr, reason = "a component's log is its standard error")]
fn log(error: &impl std::fmt::Display) {
    eprintln!("{error}");
}

//! A Spin app with a handler of its own that keeps pictures: Burrow is its dependency, not its neighbour.
//!
//! `POST /picture` with a URL as the body keeps the picture and answers with it; `GET /picture?ID` reads it again.

use anyhow::{Result, anyhow};
use bytes::Bytes;
use spin_sdk::http::body::IncomingBodyExt as _;
use spin_sdk::http::{FullBody, HeaderMap, HeaderValue, IntoResponse, Method, Request, StatusCode};
use spin_sdk::http_service;

use burrow::vault::types::{Error, Label, Source};
use burrow::vault::vault;

// An app outside of this repository writes `spin_sdk::dependencies!();`, which reads the file that `spin build` writes.
// This one reads Burrow's WIT.
spin_sdk::wit_bindgen::generate!({
    inline: "package example:app; world app { import burrow:vault/vault@0.1.0; }",
    path: "../../wit",
    runtime_path: "spin_sdk::wit_bindgen::rt",
    generate_all,
});

#[http_service]
async fn handle(request: Request) -> Result<impl IntoResponse> {
    let kept = if *request.method() == Method::POST {
        let url = String::from_utf8(request.into_body().bytes().await?.to_vec())?;
        // Waits until the image is stored. `submit` would only record the job.
        let source = Source { url: url.trim().to_owned(), referrer: None };
        vault::ingest(source, Label { name: None, tags: vec!["kept".into()] }).await
    } else {
        vault::get(request.uri().query().unwrap_or_default().to_owned()).await
    };
    match kept {
        Ok(image) => picture(image.id).await,
        Err(Error::NotFound) => Ok(answer(StatusCode::NOT_FOUND, HeaderMap::new(), "there is no such picture")),
        Err(error) => Ok(answer(StatusCode::UNPROCESSABLE_ENTITY, HeaderMap::new(), error.to_string())),
    }
}

type Answer = (StatusCode, HeaderMap, FullBody<Bytes>);

fn answer(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Answer {
    (status, headers, FullBody::new(body.into()))
}

/// The bytes of an image, as they came.
async fn picture(id: String) -> Result<Answer> {
    let (image, bytes, complete) = vault::open(id, None).await.map_err(|error| anyhow!("{error}"))?;
    let bytes = bytes.collect().await;
    // The stream may end early; only the future says whether all came.
    complete.await.map_err(|error| anyhow!("{error}"))?;
    let mut headers = HeaderMap::new();
    headers.insert("x-image-id", HeaderValue::from_str(&image.id)?);
    if let Some(content) = image.content {
        headers.insert("content-type", HeaderValue::from_str(&content.media_type)?);
    }
    Ok(answer(StatusCode::OK, headers, bytes))
}

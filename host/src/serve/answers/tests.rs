use http_body_util::Full;

use super::*;
use crate::kv::{KeyValue, Memory, Watched};

const IMAGE: &str = "018f0000-0000-7000-8000-000000000001";

fn answers(store: &impl KeyValue) -> Answers {
    Answers::new(1 << 20, store.record_writes()).unwrap()
}

fn asked(method: Method, path: &str, fields: &[(&str, &str)]) -> Option<Asked> {
    let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    Answers::asked(&request.body(()).unwrap())
}

fn content(fields: &[(&str, &str)]) -> Asked {
    asked(Method::GET, &format!("/images/{IMAGE}/content"), fields).unwrap()
}

/// What the component answers, with more fields.
fn response(status: u16, fields: &[(&str, &str)], body: &'static str) -> Response<WasiBody> {
    let mut response = Response::builder().status(status).header("content-length", body.len());
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(Full::from(body).map_err(|never| match never {}).boxed_unsync()).unwrap()
}

const PUBLIC: (&str, &str) = ("cache-control", "public, max-age=31536000, immutable");

async fn read(response: Response<WasiBody>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn an_answer_is_sent_again_until_the_record_is_written() {
    let store = Watched::new(Memory::default());
    let answers = answers(&store);
    let asked = content(&[("accept-encoding", "gzip")]);
    assert!(answers.find(&asked).is_none());
    let fields = [PUBLIC, ("vary", "accept-encoding"), ("etag", "\"1\"")];
    let sent = answers.begin(asked.clone()).unwrap().keep(response(200, &fields, "an otter"));
    assert!(answers.find(&asked).is_none(), "nobody has read it");
    assert_eq!(read(sent).await, "an otter");

    let again = answers.find(&asked).unwrap();
    assert_eq!((again.status(), &again.headers()["etag"]), (StatusCode::OK, &HeaderValue::from_static("\"1\"")));
    assert_eq!(again.body().size_hint().exact(), Some(8));
    assert_eq!(read(again).await, "an otter");
    assert!(answers.find(&content(&[])).is_none(), "another client accepts no gzip");

    store.set(&format!("b1:i:{IMAGE}"), vec![]).await.unwrap();
    assert!(answers.find(&asked).is_none());
}

#[tokio::test]
async fn an_answer_from_before_a_write_is_not_kept() {
    let store = Watched::new(Memory::default());
    let answers = answers(&store);
    let keeper = answers.begin(content(&[])).unwrap();
    store.delete(&format!("b1:i:{IMAGE}")).await.unwrap();
    read(keeper.keep(response(200, &[PUBLIC], "removed meanwhile"))).await;
    assert!(answers.find(&content(&[])).is_none());
}

#[tokio::test]
async fn not_every_answer_is_kept() {
    let store = Watched::new(Memory::default());
    let answers = answers(&store);
    let large = "x".repeat((1 << 16) + 1).leak();
    for (status, fields, body) in [
        (200, &[][..], "no word about caches"),
        (200, &[("cache-control", "private, max-age=31536000, immutable")], "for one client"),
        (200, &[("cache-control", "no-cache")], "true for now"),
        (200, &[("cache-control", "public, max-age=300")], "true for a while"),
        (200, &[PUBLIC, ("vary", "cookie")], "varies"),
        (200, &[PUBLIC, ("vary", "*")], "varies"),
        (200, &[PUBLIC, ("set-cookie", "a=b")], "for one client"),
        (404, &[PUBLIC], "an error"),
        (200, &[PUBLIC], &*large),
    ] {
        let keeper = answers.begin(content(&[])).unwrap();
        assert_eq!(read(keeper.keep(response(status, fields, body))).await, body);
        assert!(answers.find(&content(&[])).is_none(), "{status} {fields:?}");
    }
    for (status, body) in [(200, "whole"), (206, "part"), (304, "")] {
        let asked = content(&[("range", body)]);
        let keeper = answers.begin(asked.clone()).unwrap();
        read(keeper.keep(response(status, &[PUBLIC], body))).await;
        assert_eq!(answers.find(&asked).map(|kept| kept.status().as_u16()), Some(status));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_kept() {
    let store = Watched::new(Memory::default());
    let answers = answers(&store);
    let response = response(200, &[PUBLIC], "the whole body");
    let broken = response.map(|_| {
        let pieces = [Ok(Frame::data(Bytes::from("the whole"))), Err(Error::ConnectionTerminated)];
        http_body_util::StreamBody::new(futures::stream::iter(pieces)).boxed_unsync()
    });
    let sent = answers.begin(content(&[])).unwrap().keep(broken);
    assert!(sent.into_body().collect().await.is_err());
    assert!(answers.find(&content(&[])).is_none());
}

#[test]
fn only_requests_for_an_images_bytes_are_looked_up() {
    let content = format!("/images/{IMAGE}/content");
    let found = |method, path: &str, fields: &[_]| asked(method, path, fields).is_some();
    assert!(found(Method::GET, &content, &[]));
    assert!(found(Method::GET, &format!("{content}?download"), &[("cookie", "theme=dark")]));
    assert!(found(Method::GET, &format!("/images/{IMAGE}/thumbnail?w=320"), &[]));
    assert!(!found(Method::HEAD, &content, &[]));
    assert!(!found(Method::GET, &content, &[("authorization", "Bearer x")]));
    assert!(!found(Method::GET, &content, &[("range", "bytes=0-1"), ("range", "bytes=2-3")]));
    for path in ["/", "/images", "/images/x/content", &format!("/images/{IMAGE}"), &format!("{content}/")] {
        assert!(!found(Method::GET, path, &[]), "{path}");
    }
}

#[test]
fn nothing_is_kept_over_a_store_that_others_write_to() {
    assert!(Answers::new(1 << 20, Memory::default().record_writes()).is_none());
    assert!(Answers::new(0, Watched::new(Memory::default()).record_writes()).is_none());
}

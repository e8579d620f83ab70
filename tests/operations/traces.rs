//! Traces of requests, sent by OTLP.

use std::convert::Infallible;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::Served;

/// Starts a collector; returns its endpoint, and the bodies posted to `/v1/traces`.
async fn collector() -> (String, mpsc::UnboundedReceiver<Bytes>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (posted, traces) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let posted = posted.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let posted = posted.clone();
                async move {
                    let is_protobuf = request.headers()["content-type"] == "application/x-protobuf";
                    assert!(is_protobuf && request.uri().path() == "/v1/traces", "{request:?}");
                    posted.send(request.into_body().collect().await.unwrap().to_bytes()).unwrap();
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (endpoint, traces)
}

pub async fn a_trace_of_every_request_is_sent() {
    let (endpoint, mut traces) = collector().await;
    // Traces do not depend on the log's filter.
    let mut served = Served::new(&["--otlp", &endpoint, "--log", "off"], &[]).await;
    let ids = ["first-request", "last-request"];
    let ask = async |id| {
        let path = "/images?tag=of-the-query";
        let reply = served.client.send(hyper::Method::GET, path, &[("x-request-id", id)], "").await;
        assert_eq!(reply.status, 200);
    };
    ask(ids[0]).await;
    let mut received = Vec::new();
    let contains = |received: &[u8], text: &str| received.windows(text.len()).any(|window| window == text.as_bytes());
    while !contains(&received, ids[0]) {
        received.extend(traces.recv().await.unwrap());
    }
    // The trace of a request just before the end is sent, too.
    ask(ids[1]).await;
    let (ended, _) = served.process.stop().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    while let Ok(trace) = traces.try_recv() {
        received.extend(trace);
    }
    for text in [ids[1], "service.name", "burrow", "request_id", "/images", "status"] {
        assert!(contains(&received, text), "{text} is missing: {}", String::from_utf8_lossy(&received));
    }
    assert!(!contains(&received, "of-the-query"), "{}", String::from_utf8_lossy(&received));
}

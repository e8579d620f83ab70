//! How the server stops when it is asked once, and when it is asked twice.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Served, rest, upload};
use crate::support::images::bitmap;

/// A server, the connection of an upload of which half is sent, and the image.
async fn busy() -> (Served, TcpStream, Vec<u8>) {
    let served = Served::new(&["--metrics", "127.0.0.1:0"], &[]).await;
    let image = bitmap(100_000, 5);
    let mut stream = served.begun(&upload(image.len())).await;
    stream.write_all(&image[..50_000]).await.unwrap();
    while !served.metrics().get("/metrics").await.text().contains("\nburrow_http_requests_in_flight 1\n") {}
    (served, stream, image)
}

async fn stopping(served: &Served) {
    loop {
        let reply = served.metrics().get("/readyz").await;
        if reply.status == 503 {
            assert_eq!(reply.text(), "stopping\n");
            break;
        }
    }
}

pub async fn stopping_is_told_first() {
    let (mut served, mut stream, image) = busy().await;
    served.process.signal("TERM").await;
    stopping(&served).await;
    assert_eq!(served.metrics().get("/livez").await.status, 200);
    while TcpStream::connect(served.client.address()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The upload that has begun is finished.
    stream.write_all(&image[50_000..]).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let ended = served.process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

pub async fn asked_twice_it_ends_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (mut served, stream, _) = busy().await;
        served.process.signal("INT").await;
        stopping(&served).await;
        let asked = std::time::Instant::now();
        served.process.signal(signal).await;
        let ended = served.process.ended().await;
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
        drop(stream);
    }
}

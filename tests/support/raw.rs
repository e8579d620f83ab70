//! A client that sends any bytes over TCP, valid HTTP or not.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::client::Reply;

/// Time for the server to close the connection. A server that takes longer has left a request unanswered.
const TOO_LONG: Duration = Duration::from_secs(45);

/// Sent after a request, once the request is answered. A further answer between the two means that the server took a
/// part of the request for another request.
const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Writes `request` to the server and returns its answers, in order, until it closes the connection.
///
/// With `half_close` the client closes its sending side after the request. Otherwise it sends `GET /healthz` after the
/// first answer: a server that keeps the connection gives one more answer, and has no reason to give a third. Answers
/// without `Content-Length` end with the connection. 1xx answers and bytes that are no answer are left out.
pub async fn exchange(address: &str, request: &[u8], half_close: bool) -> Vec<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let answered = Notify::new();
    let writing = async {
        // A server may answer and hang up before it has read everything. Only its answer counts.
        let _ = to.write_all(request).await;
        if half_close {
            let _ = to.shutdown().await;
        } else {
            answered.notified().await;
            let _ = to.write_all(LAST).await;
        }
    };
    let reading = async {
        let (mut received, mut replies) = (Vec::new(), Vec::new());
        loop {
            let ended = !matches!(from.read_buf(&mut received).await, Ok(1..));
            while let Some(reply) = take(&mut received, ended) {
                replies.push(reply);
            }
            if ended || !replies.is_empty() {
                answered.notify_one();
            }
            if ended {
                return replies;
            }
        }
    };
    let both = async { tokio::join!(writing, reading).1 };
    tokio::time::timeout(TOO_LONG, both).await.expect("the server neither answered nor hung up")
}

/// Removes a whole answer from the front of `received`, if there is one.
fn take(received: &mut Vec<u8>, ended: bool) -> Option<Reply> {
    loop {
        let head_end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
        let status: StatusCode = status.parse().ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            headers.append(name.parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?);
        }
        if status.is_informational() {
            received.drain(..head_end);
            continue;
        }
        let there = received.len() - head_end;
        let length = match headers.get("content-length") {
            Some(length) => length.to_str().ok()?.parse().ok()?,
            None if matches!(status.as_u16(), 204 | 304) => 0,
            None if ended => there,
            None => return None,
        };
        if there < length {
            return None;
        }
        let rest = received.split_off(head_end + length);
        let body = Bytes::from(received.split_off(head_end));
        *received = rest;
        return Some(Reply { status, headers, body });
    }
}

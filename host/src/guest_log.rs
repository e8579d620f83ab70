//! Logs each line of the component's standard error, under the target `burrow::component`. Control characters are escaped.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The longest line logged, in bytes; a longer line becomes several events.
const MAX_LINE: usize = 8 * 1024;

/// The most bytes that an instance may log: a component that writes without end would fill the disk.
const MAX_LOG: usize = 1024 * 1024;

/// The standard error of one instance. Clones share the line that the instance is writing.
#[derive(Clone, Default)]
pub(crate) struct GuestLog(Arc<Mutex<Line>>);

/// The line, and the bytes that the instance has logged before it.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    logged: usize,
}

impl Line {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.logged > MAX_LOG {
                return;
            }
            self.bytes.extend(piece);
            if piece.ends_with(b"\n") || self.bytes.len() >= MAX_LINE {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        let text = escaped(&String::from_utf8_lossy(&self.bytes));
        if !text.is_empty() {
            tracing::error!(target: "burrow::component", "{text}");
        }
        let logged = self.logged + self.bytes.len();
        self.bytes.clear();
        if logged > MAX_LOG && self.logged <= MAX_LOG {
            tracing::error!("an instance logged more than {MAX_LOG} bytes; what follows is left out");
        }
        self.logged = logged;
    }
}

/// A line without its end, on which nothing can move a terminal's cursor or change what it shows before.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.trim_end().chars() {
        if c.is_control() && c != '\t' { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

impl GuestLog {
    fn write_now(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes);
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestLog {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_now(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_LINE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestLog {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestLog {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_now(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(escaped("a\rb\u{1b}[2K\u{9b}1A\tü\0\r\n"), "a\\rb\\u{1b}[2K\\u{9b}1A\tü\\u{0}");
        assert_eq!(escaped(" \n"), "");
    }
}

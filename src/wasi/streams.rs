//! Reads and writes byte streams and HTTP bodies.

use burrow_model::error::Error;
use burrow_vault::ports::ByteSource;
use spin_sdk::wasip3::http::types::ErrorCode;
use spin_sdk::wasip3::http::types::Trailers;
use spin_sdk::wasip3::wit_future;
use spin_sdk::wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter};

/// Bytes asked for in one read: large enough for few calls of the host, small enough for memory.
const READ: usize = 256 * 1024;

/// A plain stream of bytes. Its end is always the true end.
pub(crate) struct Bytes(pub(crate) StreamReader<u8>);

impl ByteSource for Bytes {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(read(&mut self.0).await)
    }
}

async fn read(stream: &mut StreamReader<u8>) -> Option<Vec<u8>> {
    loop {
        let (result, bytes) = stream.read(Vec::with_capacity(READ)).await;
        match result {
            StreamResult::Complete(_) if bytes.is_empty() => {}
            StreamResult::Complete(_) => return Some(bytes),
            StreamResult::Dropped | StreamResult::Cancelled => return None,
        }
    }
}

/// An HTTP request or response.
pub(crate) trait Message {
    /// `consume-body` of the message.
    fn consume_body(self, result: FutureReader<Result<(), ErrorCode>>) -> (StreamReader<u8>, Completion);
}

/// Says whether a body was complete, after its stream has ended.
pub(crate) type Completion = FutureReader<Result<Option<Trailers>, ErrorCode>>;

/// Says how the transmission of a message ended. wasmtime 49 and newer close the connection of a request when this is
/// dropped, and its response then ends early, without an error.
pub(crate) type Sent = FutureReader<Result<(), ErrorCode>>;

/// An HTTP body. The end of its stream is the true end only if the host says so.
pub(crate) struct HttpBody {
    stream: StreamReader<u8>,
    completion: Option<Completion>,
    /// Tells the host, when it is dropped, that reading is over.
    _result: FutureWriter<Result<(), ErrorCode>>,
    /// The transmission of the request that a response answers.
    _request: Option<Sent>,
    /// Turns the host's error for a broken body into ours.
    broken: fn(&ErrorCode) -> Error,
}

impl HttpBody {
    /// Begins to read a message's body.
    pub(crate) fn new(message: impl Message, broken: fn(&ErrorCode) -> Error) -> Self {
        let (result_writer, result_reader) = wit_future::new(|| Ok(()));
        let (stream, completion) = message.consume_body(result_reader);
        Self { stream, completion: Some(completion), _result: result_writer, _request: None, broken }
    }

    /// Keeps the request's transmission until the response's body has been read.
    pub(crate) fn answering(self, request: Sent) -> Self {
        Self { _request: Some(request), ..self }
    }
}

impl ByteSource for HttpBody {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.completion.is_none() {
            return Ok(None);
        }
        if let Some(bytes) = read(&mut self.stream).await {
            return Ok(Some(bytes));
        }
        if let Some(completion) = self.completion.take() {
            completion.await.map_err(|code| (self.broken)(&code))?;
        }
        Ok(None)
    }
}

/// Writes all bytes. Returns false if the reader is gone.
pub(crate) async fn write(stream: &mut StreamWriter<u8>, bytes: Vec<u8>) -> bool {
    stream.write_all(bytes).await.is_empty()
}

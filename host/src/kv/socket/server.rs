//! The socket's server: answers other processes' calls of an open store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Answer, Call, Connection, GREETING, Host, Returned, address, framed, receive, send};
use crate::kv::{KeyValue, KvError, Result};
use crate::private;

/// The server: lets other processes of the same user use an open store, until it is dropped.
#[derive(Debug)]
pub struct SocketServer {
    socket: PathBuf,
    /// Keeps the directory open if the socket's address goes through its descriptor.
    _directory: Option<std::fs::File>,
    closing: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

impl SocketServer {
    /// Listens on the socket of `directory`, whose store this process alone has open, in this generation. Call it within
    /// a Tokio runtime.
    ///
    /// # Errors
    ///
    /// The socket cannot be made.
    pub fn listen(kv: Arc<dyn KeyValue>, directory: &Path, generation: u64) -> Result<Self> {
        let bind = || {
            let (socket, open_directory) = address(directory)?;
            // Only one process has the store open, so an existing socket is a dead process's.
            match std::fs::remove_file(&socket) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = private::socket(&socket)?;
            Ok((listener, socket, open_directory))
        };
        let explain = |error: std::io::Error| {
            KvError(format!("other processes cannot use {} while this one has it open: {error}", directory.display()))
        };
        let (listener, socket, open_directory) = bind().map_err(explain)?;
        let closing = CancellationToken::new();
        let host = Host { id: uuid::Uuid::now_v7().into_bytes(), generation };
        let serving = AbortOnDropHandle::new(tokio::spawn(serve(kv, host, listener, closing.clone())));
        Ok(Self { socket, _directory: open_directory, closing, serving })
    }

    /// Stops listening, and waits until no client uses the store any more.
    pub async fn close(mut self) {
        self.closing.cancel();
        // Only a panic could be lost here, and it has been printed.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        // An error is harmless: a client that finds the socket gets no answer, and the next server removes it.
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn serve(kv: Arc<dyn KeyValue>, host: Host, listener: UnixListener, closing: CancellationToken) {
    let mut clients = JoinSet::new();
    while let Some(accepted) = closing.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let kv = kv.clone();
                clients.spawn(async move {
                    // An error here only says that the client is gone.
                    let _ = attend(kv.as_ref(), host, stream).await;
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a process at the store's socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while clients.try_join_next().is_some() {}
    }
    clients.shutdown().await;
}

async fn attend(kv: &dyn KeyValue, host: Host, stream: UnixStream) -> std::io::Result<()> {
    let mut client = framed(stream);
    send(&mut client, &GREETING).await?;
    send(&mut client, &host).await?;
    while let Some(call) = receive(&mut client).await? {
        let given = match call {
            Call::Get(key) => kv.get(&key).await.map(Returned::Value),
            Call::Set(key, value) => kv.set(&key, value).await.map(|()| Returned::Done),
            Call::Delete(key) => kv.delete(&key).await.map(|()| Returned::Done),
            Call::Increment(key, delta) => kv.increment(&key, delta).await.map(Returned::Sum),
            Call::Keys(prefix) => send_keys(kv, &prefix, &mut client).await?,
        };
        send(&mut client, &answer(given)).await?;
    }
    Ok(())
}

/// Sends all batches of keys, and returns the last answer, which the caller sends.
async fn send_keys(kv: &dyn KeyValue, prefix: &str, client: &mut Connection) -> std::io::Result<Result<Returned>> {
    let mut keys = kv.keys(prefix);
    while let Some(batch) = keys.next().await {
        match batch {
            Ok(batch) => send(client, &Answer::Ok(Returned::Keys(Some(batch)))).await?,
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(Returned::Keys(None)))
}

fn answer(given: Result<Returned>) -> Answer {
    given.map_err(|KvError(text)| text)
}

//! A store that another process has open, used through its socket.
//!
//! The process that has the store open listens on a socket in the store's directory, so that other processes of the
//! same user can use the store meanwhile: every verb works while a server runs. A connection carries one call at a
//! time: one frame there, one frame back, or several for keys. A frame is a length of four bytes and a message in
//! Postcard.

mod server;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::{KeyValue, KvError, Result};
pub use server::SocketServer;

/// The socket's name in the store's directory.
const SOCKET: &str = "vault.sock";

/// The first message of the server. Client and server must be of the same version.
const GREETING: &str = concat!("burrow ", env!("CARGO_PKG_VERSION"), " store 2");

/// The second message of the server: which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Host {
    /// Chosen anew by every server.
    id: [u8; 16],
    /// The generation of the store.
    generation: u64,
}

/// The largest frame, in bytes: the largest value, its key, and some space for the encoding.
const FRAME: usize = 257 * 1024 * 1024;

/// Idle connections that a client keeps.
const IDLE: usize = 64;

/// A call of a [`KeyValue`] method.
#[derive(Debug, Serialize, Deserialize)]
enum Call {
    Get(String),
    Set(String, Vec<u8>),
    Delete(String),
    Increment(String, i64),
    /// The answer is several batches, then `Keys(None)`.
    Keys(String),
}

/// The result of a call.
#[derive(Debug, Serialize, Deserialize)]
enum Returned {
    Value(Option<Vec<u8>>),
    Done,
    Sum(i64),
    Keys(Option<Vec<String>>),
}

type Answer = std::result::Result<Returned, String>;

type Connection = Framed<UnixStream, LengthDelimitedCodec>;

fn framed(stream: UnixStream) -> Connection {
    LengthDelimitedCodec::builder().max_frame_length(FRAME).new_framed(stream)
}

async fn send(connection: &mut Connection, message: &impl Serialize) -> std::io::Result<()> {
    let frame = postcard::to_allocvec(message).map_err(std::io::Error::other)?;
    connection.send(Bytes::from(frame)).await
}

/// Receives a message; `None` if the other side closed the connection.
async fn receive<T: DeserializeOwned>(connection: &mut Connection) -> std::io::Result<Option<T>> {
    let Some(frame) = connection.next().await.transpose()? else { return Ok(None) };
    postcard::from_bytes(&frame).map(Some).map_err(std::io::Error::other)
}

/// Returns the address of a directory's socket. A socket's address has at most 108 bytes on Linux (unix(7)). If the
/// path is too long, the address goes through a descriptor of the directory, and the returned file keeps it open.
fn address(directory: &Path) -> std::io::Result<(PathBuf, Option<std::fs::File>)> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::ffi::OsStrExt as _;
    const LONGEST: usize = 100;
    let path = directory.join(SOCKET);
    if path.as_os_str().as_bytes().len() <= LONGEST {
        return Ok((path, None));
    }
    let directory = std::fs::File::open(directory)?;
    Ok((format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()).into(), Some(directory)))
}

async fn connect(directory: &Path) -> std::io::Result<Connection> {
    let (address, _open) = address(directory)?;
    Ok(framed(UnixStream::connect(address).await?))
}

/// The client: a store that another process has open, used through its socket.
#[derive(Debug)]
pub struct SocketStore {
    directory: PathBuf,
    host: Host,
    idle: Mutex<Vec<Connection>>,
}

impl SocketStore {
    /// Connects to the process that has the store in `directory` open; `None` if no process listens there.
    ///
    /// # Errors
    ///
    /// That process runs another version of Burrow.
    pub async fn connect(directory: &Path) -> Result<Option<Self>> {
        let Ok(mut connection) = connect(directory).await else { return Ok(None) };
        match receive::<String>(&mut connection).await {
            Ok(Some(greeting)) if greeting == GREETING => {}
            // The server is closing.
            Err(_) | Ok(None) => return Ok(None),
            Ok(Some(greeting)) => {
                let path = directory.display();
                return Err(KvError(format!(
                    "the process that has {path} open says {greeting:?}, this one {GREETING:?}: use the same version"
                )));
            }
        }
        let Ok(Some(host)) = receive(&mut connection).await else { return Ok(None) };
        let store = Self { directory: directory.into(), host, idle: Mutex::default() };
        store.put_back(connection);
        Ok(Some(store))
    }

    /// The generation of the store, which began when the other process opened it.
    pub fn generation(&self) -> u64 {
        self.host.generation
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    /// Returns an idle connection or a new one. A caller that does not read the whole answer must drop it.
    async fn connection(&self) -> std::io::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        let mut connection = connect(&self.directory).await?;
        let greeting = receive::<String>(&mut connection).await?;
        let host = receive(&mut connection).await?;
        if greeting.as_deref() == Some(GREETING) && host == Some(self.host) {
            return Ok(connection);
        }
        // Another process has opened the store since, and takes earlier users for dead.
        Err(std::io::Error::other("another process has opened the store since"))
    }

    fn gone(&self, error: &std::io::Error) -> KvError {
        let path = self.directory.display();
        KvError(format!("the process that had {path} open is gone, or does not answer: {error}; try again"))
    }

    async fn call(&self, call: Call) -> Result<Returned> {
        let answered = async {
            let mut connection = self.connection().await?;
            send(&mut connection, &call).await?;
            let answer = receive::<Answer>(&mut connection).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
            self.put_back(connection);
            Ok(answer)
        };
        answered.await.map_err(|error: std::io::Error| self.gone(&error))?.map_err(KvError)
    }
}

/// The server sent a result of another kind than the call's.
fn confused() -> KvError {
    KvError("the process that has the store open gave an answer to another question".into())
}

impl KeyValue for SocketStore {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let call = self.call(Call::Get(key.into()));
        async { if let Returned::Value(value) = call.await? { Ok(value) } else { Err(confused()) } }.boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        let call = self.call(Call::Set(key.into(), value));
        async { if let Returned::Done = call.await? { Ok(()) } else { Err(confused()) } }.boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        let call = self.call(Call::Delete(key.into()));
        async { if let Returned::Done = call.await? { Ok(()) } else { Err(confused()) } }.boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        let call = self.call(Call::Increment(key.into(), delta));
        async { if let Returned::Sum(sum) = call.await? { Ok(sum) } else { Err(confused()) } }.boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        let asked = async move {
            let mut connection = self.connection().await?;
            send(&mut connection, &Call::Keys(prefix.into())).await?;
            Ok(connection)
        };
        let asked = asked.map(|asked| asked.map_err(|error: std::io::Error| self.gone(&error)));
        let batches = async move |mut connection: Connection| {
            let answer = receive::<Answer>(&mut connection).await.map_err(|error| self.gone(&error))?;
            match answer.ok_or_else(|| self.gone(&std::io::ErrorKind::UnexpectedEof.into()))?.map_err(KvError)? {
                Returned::Keys(Some(keys)) => Ok(Some((keys, connection))),
                Returned::Keys(None) => {
                    self.put_back(connection);
                    Ok(None)
                }
                _ => Err(confused()),
            }
        };
        let keys = asked.map(move |asked| match asked {
            Ok(connection) => futures::stream::try_unfold(connection, batches).left_stream(),
            Err(error) => futures::stream::iter([Err(error)]).right_stream(),
        });
        keys.flatten_stream().boxed()
    }
}

#[cfg(test)]
mod tests;

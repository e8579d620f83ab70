//! The store of the component on a host that has only WASI, such as `wasmtime serve`: a directory with a file for each
//! value, read and written in place by the code of the adapter `filesystem` itself.

use std::path::Path;
use std::sync::Arc;

use burrow_filesystem::directory::{Directory, Error};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::{KeyValue, KvError, Result};

/// The store in a directory. Other processes may use it meanwhile.
#[derive(Debug)]
pub struct Files {
    directory: Directory,
    /// Held by the write that is being done, so that writes land in the order in which they begin.
    writing: Arc<Mutex<()>>,
}

impl Files {
    /// Opens the store in a directory, which must be there.
    ///
    /// # Errors
    ///
    /// The directory is not there, or cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { directory: Directory::open(path).map_err(told)?, writing: Arc::default() })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Directory) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let directory = self.directory.clone();
        finished(spawn_blocking(move || read(&directory)).await)
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Directory) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let (directory, turn) = (self.directory.clone(), self.writing.clone().lock_owned().await);
        // The write goes on, and keeps its turn, if nobody waits for it any more.
        let write = spawn_blocking(move || {
            let _turn = turn;
            write(&directory)
        });
        finished(write.await)
    }
}

fn told(Error(text): Error) -> KvError {
    KvError(text)
}

fn finished<T>(done: std::result::Result<std::result::Result<T, Error>, tokio::task::JoinError>) -> Result<T> {
    done.map_err(|error| KvError(format!("the store was interrupted: {error}")))?.map_err(told)
}

impl KeyValue for Files {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let key = key.to_owned();
        self.read(move |directory| directory.get(&key)).boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        let key = key.to_owned();
        self.write(move |directory| directory.set(&key, &value)).boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        let key = key.to_owned();
        self.write(move |directory| directory.delete(&key)).boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        let key = key.to_owned();
        self.write(move |directory| directory.increment(&key, delta)).boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        let shard = move |shard| async move {
            let mut keys = self.read(move |directory| directory.keys(shard)).await?;
            keys.retain(|key| key.starts_with(prefix));
            Ok::<_, KvError>(keys)
        };
        // An error ends the stream.
        let mut failed = false;
        let shards = stream::iter(0..=u8::MAX).then(shard);
        shards.take_while(move |keys| std::future::ready(!std::mem::replace(&mut failed, keys.is_err()))).boxed()
    }
}

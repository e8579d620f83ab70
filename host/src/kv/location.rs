//! Names of stores, as `--store` takes them, and how each is opened.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use burrow_model::key::{Key, Vaultwide};

#[cfg(feature = "spin-sqlite")]
use super::SpinSqlite;
#[cfg(feature = "s3")]
use super::{Bucket, Objects};
use super::{Embedded, Files, KeyValue, KvError, Memory, Result, SocketServer, SocketStore, Watched, elsewhere};
#[cfg(feature = "redis")]
use super::{Redis, redis::Address};

/// Where a store is, as `--store` names it. `Display` shows the name without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A directory with an embedded store: any text that has none of the forms below. Write `./` before a path that has
    /// one of them.
    Directory(PathBuf),
    /// `files:PATH`: the directory in which the component keeps a file for each value on a host that has only WASI.
    Files(PathBuf),
    /// `memory:`, gone with the process.
    Memory,
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS.
    #[cfg(feature = "redis")]
    Redis(Address),
    /// `spin:PATH`: the directory of a Spin app, or the file of its key-value store.
    #[cfg(feature = "spin-sqlite")]
    Spin(PathBuf),
}

const KNOWN: &str = "name a directory, redis://HOST, rediss://HOST, spin:PATH, files:PATH or memory:";

impl FromStr for Location {
    type Err = KvError;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("spin:") {
            return match path {
                "" => Err(KvError("spin: lacks a path: that of a Spin app's directory, or of its store's file".into())),
                #[cfg(feature = "spin-sqlite")]
                path => Ok(Self::Spin(path.into())),
                #[cfg(not(feature = "spin-sqlite"))]
                _ => Err(lacking("spin-sqlite")),
            };
        }
        if let Some(path) = text.strip_prefix("files:") {
            return match path {
                "" => Err(KvError("files: lacks a path: that of the directory which the host shows as /store".into())),
                path => Ok(Self::Files(path.into())),
            };
        }
        if let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            return match scheme {
                #[cfg(feature = "redis")]
                "redis" | "rediss" => Ok(Self::Redis(text.parse()?)),
                #[cfg(not(feature = "redis"))]
                "redis" | "rediss" => Err(lacking("redis")),
                _ => Err(KvError(format!("{scheme}:// is no store that Burrow knows; {KNOWN}"))),
            };
        }
        match text {
            "" => Err(KvError(format!("the store's name is empty; {KNOWN}"))),
            "memory:" => Ok(Self::Memory),
            _ if ["memory:", "redis:", "rediss:"].iter().any(|prefix| text.starts_with(prefix)) => {
                Err(KvError(format!("not the name of a store; {KNOWN}, or ./PATH if it is a path")))
            }
            path => Ok(Self::Directory(path.into())),
        }
    }
}

#[cfg(not(all(feature = "redis", feature = "spin-sqlite")))]
fn lacking(feature: &str) -> KvError {
    KvError(format!("this program was built without this kind of store: burrow-host lacks the feature {feature}"))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Files(path) => write!(f, "files:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            #[cfg(feature = "redis")]
            Self::Redis(address) => address.fmt(f),
            #[cfg(feature = "spin-sqlite")]
            Self::Spin(path) => write!(f, "spin:{}", path.display()),
        }
    }
}

impl Location {
    /// Begins a generation of the open store, if only one process at a time can open it: returns a number that no
    /// earlier opening had. Workers of any other generation are dead. `None` for a store that processes share.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn begin(&self, kv: &dyn KeyValue) -> Result<Option<u64>> {
        if !self.is_exclusive() {
            return Ok(None);
        }
        let key = Key::vaultwide(Vaultwide::Generation);
        let number = kv.increment(key.as_str(), 1).await;
        if let Some(number) = number.ok().and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0) {
            return Ok(Some(number));
        }
        // The counter is damaged. A lower number does no harm: it is another than that of any lease but the first's.
        kv.delete(key.as_str()).await?;
        let number = kv.increment(key.as_str(), 1).await?;
        Ok(Some(u64::try_from(number).unwrap_or(1)))
    }

    /// Whether only one process at a time can open the store.
    pub fn is_exclusive(&self) -> bool {
        matches!(self, Self::Directory(_) | Self::Memory)
    }

    /// Whether it is a directory without a store; opening it would make one.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Directory(path) if Embedded::is_missing(path))
    }

    /// Connects to the process that has the store open; `None` if no process listens at its socket.
    ///
    /// # Errors
    ///
    /// That process runs another version of Burrow.
    pub async fn connect(&self) -> Result<Option<SocketStore>> {
        let Self::Directory(path) = self else { return Ok(None) };
        SocketStore::connect(path).await
    }

    /// Lets other processes of this user use the store through a socket, in this generation ([`Location::begin`]).
    /// `None` if the store is no directory, so it needs no socket.
    ///
    /// # Errors
    ///
    /// The socket cannot be made.
    pub fn listen(&self, kv: Arc<dyn KeyValue>, generation: u64) -> Result<Option<SocketServer>> {
        let Self::Directory(path) = self else { return Ok(None) };
        SocketServer::listen(kv, path, generation).map(Some)
    }

    /// Opens the store, within a Tokio runtime. A directory without a store gets a new one.
    ///
    /// # Errors
    ///
    /// The text is one line: which store, what is wrong, what to do.
    pub async fn open(&self) -> Result<Arc<dyn KeyValue>> {
        let kv = self.open_alone().await?;
        elsewhere::has_all(&*kv).await?;
        Ok(kv)
    }

    /// Opens the store as [`Location::open`] does; its larger blobs are, or from now on will be, in a bucket.
    ///
    /// # Errors
    ///
    /// As [`Location::open`]; or it is a store that cannot have its blobs elsewhere; or as [`Objects::open`].
    #[cfg(feature = "s3")]
    pub async fn open_with_blobs(&self, bucket: &Bucket) -> Result<Arc<dyn KeyValue>> {
        let why = match self {
            Self::Memory => "it is gone with the process, and its blobs would be left",
            Self::Files(_) => "the host that has only WASI would not find them",
            #[cfg(feature = "spin-sqlite")]
            Self::Spin(_) => "Spin would not find them",
            _ => return Ok(Arc::new(Objects::open(self.open_alone().await?, bucket).await?)),
        };
        Err(KvError(format!("the store {self} cannot have its blobs in {bucket}: {why}; leave --blobs out")))
    }

    async fn open_alone(&self) -> Result<Arc<dyn KeyValue>> {
        Ok(match self {
            Self::Directory(path) => {
                let path = path.clone();
                Arc::new(Watched::new(blocking(move || Embedded::open(&path)).await?))
            }
            Self::Files(path) => {
                let path = path.clone();
                Arc::new(blocking(move || Files::open(&path)).await?)
            }
            Self::Memory => Arc::new(Watched::new(Memory::default())),
            #[cfg(feature = "redis")]
            Self::Redis(address) => Arc::new(Redis::open(address).await?),
            #[cfg(feature = "spin-sqlite")]
            Self::Spin(path) => {
                let path = path.clone();
                Arc::new(blocking(move || SpinSqlite::open(&path)).await?)
            }
        })
    }
}

async fn blocking<T: Send + 'static>(open: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let opened = tokio::task::spawn_blocking(open).await;
    opened.unwrap_or_else(|error| Err(KvError(format!("opening the store was interrupted: {error}"))))
}

#[cfg(test)]
#[cfg(all(feature = "redis", feature = "spin-sqlite"))]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        text.parse().unwrap()
    }

    #[test]
    fn names_and_what_they_are() {
        assert_eq!(parse("memory:"), Location::Memory);
        assert_eq!(parse("spin:."), Location::Spin(".".into()));
        assert_eq!(parse("files:/srv/images"), Location::Files("/srv/images".into()));
        assert_eq!(parse("spin:/srv/app/kv.db"), Location::Spin("/srv/app/kv.db".into()));
        for path in ["burrow-data", "./a:b", "a:b", "/srv/images", r"C:\images", "C:/images", "./memory:", "x/http://y"]
        {
            assert_eq!(parse(path), Location::Directory(path.into()), "{path}");
        }
        for text in ["redis://localhost", "rediss://cache.example.com:6380/3", "redis://[::1]:7000"] {
            assert!(matches!(parse(text), Location::Redis(_)), "{text}");
        }
        assert!(parse("images").is_exclusive() && parse("memory:").is_exclusive());
        assert!(!parse("redis://localhost").is_exclusive() && !parse("spin:.").is_exclusive());
        assert!(!parse("files:.").is_exclusive());
    }

    #[tokio::test]
    async fn each_opening_has_a_generation_of_its_own() {
        let (kv, key) = (Memory::default(), "b1:s:generation");
        let begin = || async { parse("memory:").begin(&kv).await.unwrap().unwrap() };
        assert_eq!([begin().await, begin().await], [1, 2]);
        // Damage does not keep a store from being opened.
        kv.set(key, b"no counter".to_vec()).await.unwrap();
        assert_eq!([begin().await, begin().await], [1, 2]);
        kv.delete(key).await.unwrap();
        kv.increment(key, i64::MIN).await.unwrap();
        assert_eq!([begin().await, begin().await], [1, 2]);
        kv.increment(key, i64::MAX - 2).await.unwrap();
        assert_eq!([begin().await, begin().await], [1, 2]);
        assert_eq!(parse("redis://localhost").begin(&kv).await.unwrap(), None);
    }

    #[test]
    fn what_is_shown_can_be_given_again_and_has_no_password() {
        let shown = [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://:hush@localhost/2", "redis://localhost:6379/2"),
            ("rediss://ann:hush@cache.example.com:6380", "rediss://ann@cache.example.com:6380/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            ("./a:b", "./a:b"),
            ("spin:app", "spin:app"),
            ("files:images", "files:images"),
            ("memory:", "memory:"),
        ];
        for (given, shown) in shown {
            assert_eq!(parse(given).to_string(), shown);
            assert_eq!(parse(shown).to_string(), shown);
            assert!(!format!("{:?}", parse(given)).contains("hush"));
        }
    }

    #[test]
    fn what_is_no_store_is_refused_in_one_line() {
        let refused = [
            "",
            "http://localhost",
            "postgres://u:hush@db/x",
            "file:///srv",
            "spin:",
            "files:",
            "memory:x",
            "redis:localhost",
            "redis://",
            "redis://:hush@",
            "redis://hush:hush@host/x",
            "redis://hush@host:99999",
            "redis://ho st:hush",
            "redis://u:hush@host/0/1",
            "redis://u:hush@host/0?x=1",
        ];
        for text in refused {
            let KvError(error) = text.parse::<Location>().unwrap_err();
            assert!(!error.contains('\n') && !error.contains("hush") && error.len() > 30, "{text}: {error}");
        }
    }
}

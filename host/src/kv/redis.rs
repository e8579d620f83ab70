//! The Redis store, in the layout of Spin's own provider.
//!
//! So Spin's nodes and Burrow's can share one vault: keys are the component's, without the store's label, and counters
//! are Redis's own (decimal text).

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, cmd};
use tokio::sync::Mutex;
use url::Url;

use super::{KEYS_A_BATCH, KeyValue, KvError, Result};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
const PORT: u16 = 6379;

/// The address of a Redis database. Neither `Display` nor `Debug` shows its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl FromStr for Address {
    type Err = KvError;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            KvError(format!("not the address of a Redis: {why}; write redis://[user:password@]host[:port][/database]"))
        };
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        let database = url.path().trim_start_matches('/');
        if !["redis", "rediss"].contains(&url.scheme()) {
            Err(refused("the scheme is neither redis nor rediss"))
        } else if url.host_str().is_none_or(str::is_empty) {
            Err(refused("it lacks a host"))
        } else if !database.is_empty() && database.parse::<u32>().is_err() {
            Err(refused("the database is no number"))
        } else if url.query().is_some() || url.fragment().is_some() {
            Err(refused("nothing may follow the database"))
        } else {
            Ok(Self(url))
        }
    }
}

impl Address {
    /// Returns host and port, which errors name.
    fn server(&self) -> String {
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.0.port().unwrap_or(PORT))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.0.username();
        let at = if user.is_empty() { "" } else { "@" };
        let database = self.0.path().trim_start_matches('/');
        let database = if database.is_empty() { "0" } else { database };
        write!(f, "{}://{user}{at}{}/{database}", self.0.scheme(), self.server())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A Redis server. The next operation replaces a lost connection. Connecting takes at most 5 seconds, an answer 10.
///
/// What Redis acknowledges is as durable as its configuration makes it; [`Redis::open`] warns if that is not enough.
pub struct Redis {
    server: String,
    client: Client,
    shared: Mutex<Shared>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The connection that operations share.
#[derive(Default)]
struct Shared {
    connection: Option<MultiplexedConnection>,
    /// Connections made so far, which is the number of the current one.
    made: u64,
    /// When connecting last failed, and why.
    failed: Option<(Instant, KvError)>,
}

impl Redis {
    /// Connects to a server, and logs a warning if its configuration endangers images.
    ///
    /// # Errors
    ///
    /// The text names host and port. The server does not answer, or refuses this user.
    pub async fn open(address: &Address) -> Result<Self> {
        let server = address.server();
        let client = Client::open(address.0.clone()).map_err(|error| failed(&server, &error))?;
        let redis = Self { server, client, shared: Mutex::default() };
        redis.query::<String>(&cmd("PING")).await?;
        // Some services do not allow INFO.
        if let Ok(info) = redis.query::<String>(&cmd("INFO")).await {
            for warning in warnings(&info) {
                tracing::warn!("the Redis at {} {warning}", redis.server);
            }
        }
        Ok(redis)
    }

    /// Returns the connection and its number; connects if there is none. Callers that wait while another caller fails
    /// to connect get its error. Else each would try in turn, and wait for all tries before its own.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64)> {
        let asked = Instant::now();
        let mut shared = self.shared.lock().await;
        if let Some(connection) = &shared.connection {
            return Ok((connection.clone(), shared.made));
        }
        if let Some((at, error)) = &shared.failed
            && *at >= asked
        {
            return Err(error.clone());
        }
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
        match self.client.get_multiplexed_async_connection_with_config(&config).await {
            Ok(connection) => {
                shared.made += 1;
                shared.connection = Some(connection.clone());
                Ok((connection, shared.made))
            }
            Err(error) => {
                let error = failed(&self.server, &error);
                shared.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Sends a command, and never sends it again: if the connection broke, Redis may have done the command.
    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let (mut connection, number) = self.connection().await?;
        let answer: std::result::Result<T, RedisError> = command.query_async(&mut connection).await;
        if let Err(error) = &answer
            && (error.is_io_error() || error.is_unrecoverable_error())
        {
            let mut shared = self.shared.lock().await;
            if shared.made == number {
                shared.connection = None;
            }
        }
        answer.map_err(|error| failed(&self.server, &error))
    }
}

/// Describes an error in one line: which server, what is wrong, what to do.
fn failed(server: &str, error: &RedisError) -> KvError {
    let advice = match error.kind() {
        ErrorKind::AuthenticationFailed => "; give the right user and password in the address",
        ErrorKind::Server(ServerErrorKind::NoPerm) => "; let this user use all keys and commands",
        ErrorKind::Server(ServerErrorKind::ReadOnly) => "; name the primary, not a replica",
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "; wait until it has started",
        ErrorKind::Io => "; see whether it runs there and can be reached from here",
        _ if error.code() == Some("NOAUTH") => "; give a user and password in the address",
        _ if error.code() == Some("OOM") => "; it is full: give it more memory",
        _ => "",
    };
    let text = error.to_string().replace(['\r', '\n'], " ");
    KvError(format!("the Redis at {server} failed: {text}{advice}"))
}

/// Finds in a server's `INFO` the settings that endanger images.
fn warnings(info: &str) -> Vec<&'static str> {
    let value = |name| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
    let mut warnings = Vec::new();
    if value("maxmemory").is_some_and(|bytes| bytes != "0")
        && value("maxmemory_policy").is_some_and(|policy| policy != "noeviction")
    {
        warnings.push("removes keys when its memory is full, which loses images: set maxmemory-policy noeviction");
    }
    if value("aof_enabled") == Some("0") {
        warnings.push(
            "has no append-only file, so images that were acknowledged are lost when it stops: set appendonly yes, and \
             appendfsync always to have them on its disk before they are acknowledged",
        );
    }
    warnings
}

/// Returns a pattern that matches all keys with a prefix; special characters of the prefix are escaped.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for char in prefix.chars() {
        if r"*?[]^-\".contains(char) {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern + "*"
}

impl KeyValue for Redis {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        async move { self.query(cmd("GET").arg(key)).await }.boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        async move { self.query(cmd("SET").arg(key).arg(value)).await }.boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        async move { self.query(cmd("DEL").arg(key)).await }.boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        async move {
            if delta != 0 {
                return self.query(cmd("INCRBY").arg(key).arg(delta)).await;
            }
            // INCRBY would write, and create the key.
            let Some(text) = self.query::<Option<Vec<u8>>>(cmd("GET").arg(key)).await? else { return Ok(0) };
            let number = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
            number.ok_or_else(|| KvError(format!("{key} is no counter: it has {} bytes", text.len())))
        }
        .boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        stream::try_unfold(Some(0_u64), move |cursor| async move {
            let Some(cursor) = cursor else { return Ok(None) };
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern(prefix)).arg("COUNT").arg(KEYS_A_BATCH);
            let (next, keys): (u64, Vec<Vec<u8>>) = self.query(&scan).await?;
            // Keys that are not UTF-8 belong to other users of the database.
            let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok()).collect();
            Ok(Some((keys, (next != 0).then_some(next))))
        })
        .boxed()
    }
}

#[cfg(test)]
pub(super) mod tests;

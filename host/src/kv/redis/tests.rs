//! Tests of the Redis store against a real server.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::*;

/// A Redis server with its own port and directory, which acknowledges a write when the write is on disk.
pub(in super::super) struct Server {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Server {
    pub(in super::super) async fn start() -> Self {
        loop {
            let directory = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let process = Self::spawn(port, directory.path().into(), &[]);
            let mut server = Self { process, port, directory };
            if server.answers().await {
                return server;
            }
            // Another process took the port.
        }
    }

    fn spawn(port: u16, directory: PathBuf, more: &[&str]) -> Child {
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(directory);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--loglevel", "warning"]);
        command.args(more).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap_or_else(|error| {
            panic!("these tests need redis-server: {error}. On Debian: apt-get install redis-server")
        })
    }

    pub(in super::super) fn address(&self) -> Address {
        format!("redis://127.0.0.1:{}", self.port).parse().unwrap()
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..500 {
            if Redis::open(&self.address()).await.is_ok() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer on port {}", self.port);
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn start_again(&mut self, more: &[&str]) {
        self.process = Self::spawn(self.port, self.directory.path().into(), more);
        if more.is_empty() {
            assert!(self.answers().await);
        }
    }

    /// Kills the server and starts it again: every acknowledged write must survive.
    pub(in super::super) async fn restart(&mut self) {
        self.stop();
        self.start_again(&[]).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let mut server = Server::start().await;
    let store = Redis::open(&server.address()).await.unwrap();
    store.set("b1:i:one", b"1".to_vec()).await.unwrap();
    server.stop();
    let start = Instant::now();
    for _ in 0..3 {
        let KvError(error) = store.get("b1:i:one").await.unwrap_err();
        assert!(error.contains(&format!("127.0.0.1:{}", server.port)) && !error.contains('\n'), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(2));
    server.start_again(&[]).await;
    assert_eq!(store.get("b1:i:one").await.unwrap(), Some(b"1".to_vec()));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_silent() {
    // It accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = format!("redis://{}", silent.local_addr().unwrap()).parse().unwrap();
    let start = Instant::now();
    let all = futures::future::join_all((0..8).map(|_| Redis::open(&address))).await;
    assert!(all.into_iter().all(|opened| opened.is_err()));
    let store =
        Redis { server: address.server(), client: Client::open(address.0.clone()).unwrap(), shared: Mutex::default() };
    let all = futures::future::join_all((0..8).map(|_| store.get("key"))).await;
    assert!(all.into_iter().all(|got| got.is_err()));
    assert!(start.elapsed() < Duration::from_secs(14), "{:?}", start.elapsed());
}

#[tokio::test]
async fn errors_name_the_server_and_never_the_password() {
    let mut server = Server::start().await;
    server.stop();
    server.start_again(&["--requirepass", "hush"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let host = format!("127.0.0.1:{}", server.port);
    for (address, advice) in [
        (format!("redis://{host}"), "give a user and password"),
        (format!("redis://:shush@{host}"), "give the right user and password"),
        (format!("redis://ann:shush@{host}"), "give the right user and password"),
        (format!("redis://:hush@{host}/99"), ""),
        (format!("rediss://:hush@{host}"), ""),
        ("redis://:hush@127.0.0.1:1".to_owned(), "see whether it runs there"),
        ("redis://:hush@no-such-host.invalid".to_owned(), "see whether it runs there"),
    ] {
        let KvError(error) = Redis::open(&address.parse().unwrap()).await.unwrap_err();
        assert!(error.contains(advice) && !error.contains("hush") && !error.contains('\n'), "{address}: {error}");
        assert!(error.contains(&host) || error.contains("127.0.0.1:1") || error.contains(".invalid:6379"), "{error}");
    }
    let right: Address = format!("redis://:hush@{host}/3").parse().unwrap();
    Redis::open(&right).await.unwrap().set("b1:i:one", vec![]).await.unwrap();
}

#[tokio::test]
async fn the_layout_is_spins() {
    let server = Server::start().await;
    let store = Redis::open(&server.address()).await.unwrap();
    store.set("b1:i:one", b"value".to_vec()).await.unwrap();
    store.increment("b1:s:n", 41).await.unwrap();
    // Spin's provider uses the same crate and these commands.
    let mut spin = Client::open(server.address().0).unwrap().get_multiplexed_async_connection().await.unwrap();
    assert_eq!(cmd("GET").arg("b1:i:one").query_async::<Vec<u8>>(&mut spin).await.unwrap(), b"value");
    assert_eq!(cmd("GET").arg("b1:s:n").query_async::<String>(&mut spin).await.unwrap(), "41");
    assert_eq!(cmd("INCRBY").arg("b1:s:n").arg(1).query_async::<i64>(&mut spin).await.unwrap(), 42);
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 42);
    // Keys of other programs do no harm.
    cmd("RPUSH").arg("list").arg("a").exec_async(&mut spin).await.unwrap();
    cmd("SET").arg(b"\xff\xfe").arg("b").exec_async(&mut spin).await.unwrap();
    store.get("list").await.unwrap_err();
    let keys: Vec<_> = store.keys("").collect().await;
    assert_eq!(keys.into_iter().flat_map(|keys| keys.unwrap()).count(), 3);
}

#[test]
fn what_endangers_images_is_said() {
    assert_eq!(warnings("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n"), [""; 0]);
    assert_eq!(warnings("maxmemory:5\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"), [""; 0]);
    assert_eq!(warnings("maxmemory:5\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:0\r\n").len(), 2);
}

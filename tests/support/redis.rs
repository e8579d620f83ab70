//! A Redis server for tests.

use std::path::PathBuf;

use tokio::process::{Child, Command};

/// A `redis-server` for this test, on a free port.
pub struct Redis {
    /// Its name as a store.
    pub url: PathBuf,
    _server: Child,
    _directory: tempfile::TempDir,
}

impl Redis {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir"])
            .arg(directory.path())
            .stdout(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is needed: apt-get install redis-server");
        let url = PathBuf::from(format!("redis://127.0.0.1:{port}"));
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Self { url, _server: server, _directory: directory }
    }
}

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use super::*;
use crate::kv::{Embedded, Memory};

#[tokio::test]
async fn nobody_answers_where_no_server_listens() {
    let directory = tempfile::tempdir().unwrap();
    assert!(SocketStore::connect(directory.path()).await.unwrap().is_none());
    let server = SocketServer::listen(Arc::new(Memory::default()), directory.path(), 1).unwrap();
    let socket = directory.path().join(SOCKET);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(SocketStore::connect(directory.path()).await.unwrap().is_some());
    server.close().await;
    assert!(!socket.exists());
    // A process that was killed leaves its socket.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists() && SocketStore::connect(directory.path()).await.unwrap().is_none());
    SocketServer::listen(Arc::new(Memory::default()), directory.path(), 1).unwrap();
}

/// Looks at sockets from the moment at which they are there.
#[tokio::test]
async fn no_other_user_can_connect_at_any_time() {
    let directory = tempfile::tempdir().unwrap();
    let watched = directory.path().to_owned();
    let (looked, stop) = std::sync::mpsc::channel::<()>();
    let watching = std::thread::spawn(move || {
        let mut modes = std::collections::HashSet::new();
        while matches!(stop.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
            modes.extend(std::fs::metadata(watched.join(SOCKET)).map(|socket| socket.permissions().mode() & 0o777));
        }
        modes
    });
    for _ in 0..300 {
        SocketServer::listen(Arc::new(Memory::default()), directory.path(), 1).unwrap();
    }
    drop(looked);
    let modes = watching.join().unwrap();
    assert!(modes.is_subset(&[0o600].into()), "{modes:?}");
}

#[tokio::test]
async fn a_client_is_told_when_the_server_closes() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(Embedded::open(directory.path()).unwrap());
    let server = SocketServer::listen(kv, directory.path(), 1).unwrap();
    let store = SocketStore::connect(directory.path()).await.unwrap().unwrap();
    store.set("b1:i:a", b"x".to_vec()).await.unwrap();
    server.close().await;
    let KvError(error) = store.get("b1:i:a").await.unwrap_err();
    assert!(error.contains("is gone") && error.contains(directory.path().to_str().unwrap()), "{error}");
    let kv = Embedded::open(directory.path()).unwrap();
    assert_eq!(kv.get("b1:i:a").await.unwrap(), Some(b"x".to_vec()));
}

#[tokio::test]
async fn a_directory_may_lie_deep() {
    let top = tempfile::tempdir().unwrap();
    let deep = top.path().join("a".repeat(120)).join("b".repeat(120));
    std::fs::create_dir_all(&deep).unwrap();
    let _server = SocketServer::listen(Arc::new(Memory::default()), &deep, 1).unwrap();
    let store = SocketStore::connect(&deep).await.unwrap().unwrap();
    assert_eq!(store.increment("b1:m:x", 2).await.unwrap(), 2);
}

#[tokio::test]
async fn other_versions_are_not_talked_to() {
    let directory = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(directory.path().join(SOCKET)).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            send(&mut framed(stream), &"burrow 99 store 7").await.unwrap();
        }
    });
    let KvError(error) = SocketStore::connect(directory.path()).await.unwrap_err();
    assert!(error.contains("burrow 99 store 7") && error.contains("same version"), "{error}");
}

#[tokio::test]
async fn who_has_it_open_later_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let kv = Arc::new(Memory::default());
    let server = SocketServer::listen(kv.clone(), directory.path(), 7).unwrap();
    let store = SocketStore::connect(directory.path()).await.unwrap().unwrap();
    assert_eq!(store.generation(), 7);
    store.set("b1:i:a", b"x".to_vec()).await.unwrap();
    server.close().await;
    let _another = SocketServer::listen(kv, directory.path(), 8).unwrap();
    for _ in 0..3 {
        // The first connection breaks; another is not made.
        assert!(store.get("b1:i:a").await.is_err());
    }
    let again = SocketStore::connect(directory.path()).await.unwrap().unwrap();
    assert_eq!(again.generation(), 8);
    assert!(again.get("b1:i:a").await.unwrap().is_some());
}

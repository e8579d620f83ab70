//! Verbs while another process has the store open: they connect to that process.

use std::process::{Output, Stdio};

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};
use crate::support::process::serving;

async fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

pub async fn verbs_work_while_a_server_runs() {
    let (server, origin) = (Host::Native.start().await, Origin::start().await);
    let (store, here) = (server.store(), tempfile::tempdir().unwrap());
    let image = bitmap(700_000, 3);
    let url = origin.image("/a.bmp", image.clone());
    let did = async |args: &[&str]| {
        let (code, out, err) = run(burrow(store).arg("--allow-private-network").args(args)).await;
        assert_eq!(code, Some(0), "{args:?}: {err}");
        out
    };
    did(&["add", &url, "--tag", "t"]).await;
    assert!(server.client.get("/images/by-name/a.bmp/content").await.body == image);
    let path = "/images?name=b.png";
    let sent = server.client.send(hyper::Method::POST, path, &[("content-type", "image/png")], fixture("photo.png"));
    assert_eq!(sent.await.status, 201);
    let listed = did(&["ls"]).await;
    assert!(listed.contains("a.bmp") && listed.contains("b.png"), "{listed}");
    let copy = here.path().join("copy");
    did(&["get", "b.png", "-o", copy.to_str().unwrap()]).await;
    assert!(std::fs::read(&copy).unwrap() == fixture("photo.png"));
    did(&["rename", "b.png", "c.png"]).await;
    let archive = here.path().join("vault.tar");
    did(&["export", archive.to_str().unwrap()]).await;
    did(&["import", archive.to_str().unwrap()]).await;
    did(&["rm", "c.png"]).await;
    assert_eq!(server.client.get("/images/by-name/c.png").await.status, 404);
    assert!(did(&["verify"]).await.contains("all is well"));
    assert!(did(&["stats", "--json"]).await.contains("\"images\""));
    // `verify --repair` refuses to run while a server runs, even with `--alone`. A second server refuses to start.
    let (code, _, err) = run(burrow(store).args(["verify", "--repair", "--alone"])).await;
    assert!(code == Some(1) && err.contains("stop it first"), "{code:?} {err}");
    let (code, _, err) = run(burrow(store).args(["serve", "--listen", "127.0.0.1:0"])).await;
    assert!(code == Some(1) && err.contains("another process has the store"), "{code:?} {err}");
}

pub async fn a_server_that_was_killed_is_in_nobodys_way() {
    let store = tempfile::tempdir().unwrap();
    let (mut server, client) = serving(store.path()).await;
    let path = "/images?name=b.png";
    let sent = client.send(hyper::Method::POST, path, &[("content-type", "image/png")], fixture("photo.png")).await;
    assert_eq!(sent.status, 201);
    server.kill().await;
    let (code, out, err) = run(burrow(store.path()).arg("ls")).await;
    assert!(code == Some(0) && out.contains("b.png"), "{code:?} {out} {err}");
}

/// A server that resumes jobs, and an `add` that connects meanwhile and wants the same images, do each job once.
pub async fn what_was_left_is_done_once() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let (open, gate) = tokio::sync::watch::channel(false);
    let gated = |n: u64| Behaviour::Gated(bitmap(20_000, n).into(), gate.clone());
    let urls: Vec<_> = (0..60).map(|n| origin.serve(&format!("/{n}.bmp"), gated(n))).collect();
    let (mut server, client) = serving(store.path()).await;
    for url in &urls {
        client.add(&serde_json::json!({ "url": url })).await;
    }
    server.kill().await;
    open.send(true).unwrap();
    let (_server, client) = serving(store.path()).await;
    let mut add = burrow(store.path());
    add.args(["--allow-private-network", "add"]).args(&urls);
    let resume = client.send(hyper::Method::POST, "/jobs/resume", &[], "");
    let ((code, _, err), resumed) = tokio::join!(run(&mut add), resume);
    assert!(code == Some(0) && resumed.status.is_success(), "{err} {}", resumed.text());
    let stats = client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["pending"]), (&60.into(), &0.into()), "{stats}");
    let (code, out, _) = run(burrow(store.path()).arg("verify")).await;
    assert!(code == Some(0) && out.contains("all is well"), "{out}");
}

/// Verbs that open the store for a moment wait for each other.
pub async fn short_verbs_wait_for_each_other() {
    let store = tempfile::tempdir().unwrap();
    let (mut server, client) = serving(store.path()).await;
    let path = "/images?name=b.bmp";
    let sent = client.send(hyper::Method::POST, path, &[("content-type", "image/bmp")], bitmap(3_000_000, 1)).await;
    assert_eq!(sent.status, 201);
    server.stop().await;
    // `get` waits until its output is read, and so holds the store.
    let mut get = burrow(store.path());
    let mut get = get.args(["get", "b.bmp", "-o", "-"]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut out = get.stdout.take().unwrap();
    let mut piece = [0; 1000];
    out.read_exact(&mut piece).await.unwrap();
    let read = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).await.unwrap();
        rest.len()
    };
    let mut ls = burrow(store.path());
    let (listed, left) = tokio::join!(run(ls.arg("ls")), read);
    assert!(listed.0 == Some(0) && listed.1.contains("b.bmp") && left > 2_000_000, "{} {left}", listed.2);
}

/// Verbs can also connect to a long `add`, not only to a server.
pub async fn a_long_list_leaves_room_for_others() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let (open, gate) = tokio::sync::watch::channel(false);
    let url = origin.serve("/a.bmp", Behaviour::Gated(bitmap(100_000, 1).into(), gate));
    let adding = tokio::spawn({
        let mut command = burrow(store.path());
        command.args(["--allow-private-network", "add", &url]).kill_on_drop(true);
        async move { run(&mut command).await }
    });
    while origin.requests() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (code, out, err) = run(burrow(store.path()).args(["ls", "--json"])).await;
    assert!(code == Some(0) && out.contains("\"storing\""), "{code:?} {out} {err}");
    open.send(true).unwrap();
    assert_eq!(adding.await.unwrap().0, Some(0));
}

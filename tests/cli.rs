//! The command line.

use std::process::Output;

use tokio::process::Command;

use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::Origin;

async fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

pub async fn add_ls_get_give_the_same_bytes() {
    let (store, here, origin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Origin::start().await);
    let image = bitmap(700_000, 8);
    let urls = [origin.image("/a%20b.bmp", image.clone()), origin.image("/b.png", fixture("photo.png"))];
    let (code, out, err) =
        run(burrow(store.path()).args(["--allow-private-network", "add", "--tag", "t"]).args(&urls)).await;
    assert_eq!((code, out.lines().count(), err.as_str()), (Some(0), 2, ""), "{out}");
    let (code, out, _) = run(burrow(store.path()).arg("ls")).await;
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{out}");
    assert!(out.contains("a b.bmp") && out.contains("b.png") && out.contains("ready"), "{out}");
    let (_, out, _) = run(burrow(store.path()).args(["ls", "-n", "1"])).await;
    assert_eq!(out.lines().count(), 1, "{out}");
    // To a file of the image's name, to a file, to standard output; by name and by id.
    assert_eq!(run(burrow(store.path()).args(["get", "a b.bmp"]).current_dir(here.path())).await.0, Some(0));
    assert!(std::fs::read(here.path().join("a b.bmp")).unwrap() == image);
    let id = out.split_whitespace().next().unwrap();
    let file = here.path().join("file");
    assert_eq!(run(burrow(store.path()).args(["get", id, "-o"]).arg(&file)).await.0, Some(0));
    assert!([image.clone(), fixture("photo.png")].contains(&std::fs::read(&file).unwrap()));
    let output = burrow(store.path()).args(["get", "b.png", "-o", "-"]).output().await.unwrap();
    assert!(output.stdout == fixture("photo.png"));
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 2, "something else was left there");
}

pub async fn failures_are_told_and_counted() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let good = origin.image("/photo.png", fixture("photo.png"));
    let (code, out, err) =
        run(burrow(store.path()).args(["--allow-private-network", "add", &good, &format!("{good}x"), "nonsense"]))
            .await;
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{out}");
    assert!(err.contains("answered 404") && err.contains("nonsense: url: not a URL"), "{err}");
    let (code, _, err) = run(burrow(store.path()).args(["get", "nobody"])).await;
    assert_eq!((code, err.as_str()), (Some(1), "burrow: nobody: no such image\n"));
    let (code, _, err) = run(burrow(store.path()).args(["dig"])).await;
    assert_eq!(code, Some(2), "{err}");
    let occupied = tempfile::NamedTempFile::new().unwrap();
    let (code, _, err) = run(burrow(occupied.path()).arg("ls")).await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&occupied.path().display().to_string()), "{err}");
}

pub async fn a_store_that_is_open_says_so() {
    let burrow_serving = Host::Native.start().await;
    let (code, _, err) = run(burrow(burrow_serving.store()).arg("ls")).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("another process has the store") && err.contains("vault.redb open"), "{err}");
}

/// Without `--allow-private-network`, neither by address nor by name.
pub async fn private_places_are_refused() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    for url in [url.as_str(), "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/"] {
        let (code, out, err) = run(burrow(store.path()).args(["add", url])).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{url}");
        assert!(err.contains("allow_private_network"), "{url}: {err}");
    }
    assert_eq!(origin.requests(), 0);
}

pub async fn serve_stops_when_asked() {
    let mut burrow = Host::Native.start().await;
    assert_eq!(burrow.client.get("/healthz").await.status, 200);
    assert_eq!(burrow.stop().await, Some(0));
}

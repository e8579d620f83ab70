//! `burrow export` and `burrow import`: archives of a whole vault.

use std::path::Path;
use std::process::Output;

use http::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::Origin;

/// Runs a command, expects this exit code, and returns standard error.
async fn run(command: &mut Command, code: i32) -> String {
    let Output { status, stderr, .. } = command.output().await.unwrap();
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(code), "{stderr}");
    stderr
}

async fn export(store: &Path, archive: &Path, more: &[&str]) -> String {
    run(burrow(store).arg("export").arg(archive).args(more), 0).await
}

async fn import(store: &Path, archive: &Path) -> String {
    run(burrow(store).arg("import").arg(archive), 0).await
}

/// Fills a vault with four ready images of two contents, one of them with an odd name, and a failed one.
async fn filled(store: &Path, origin: &Origin) {
    let photo = origin.image("/photo.png", fixture("photo.png"));
    let big = origin.image("/big.bmp", bitmap(700_000, 3));
    let missing = format!("{photo}-missing");
    let name = "a name/with \"quotes\" and \u{1f407}";
    let add = |store| {
        let mut command = burrow(store);
        command.args(["--allow-private-network", "add"]);
        command
    };
    run(add(store).args([&photo, &big]), 0).await;
    run(add(store).args(["--again", "--tag", "twin", &photo]), 0).await;
    run(add(store).args(["--again", "--name", name, &photo]), 0).await;
    run(add(store).arg(&missing), 1).await;
}

fn list(bytes: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
    names.sort_unstable();
    names
}

pub async fn a_vault_goes_to_another_and_back_unchanged() {
    let (first, second, third) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (files, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    filled(first.path(), &origin).await;
    let (a, b, c) = (files.path().join("a.tar"), files.path().join("b.tar"), files.path().join("c.tar"));
    let note = export(first.path(), &a, &[]).await;
    assert!(note.starts_with("5 images with 2 contents"), "{note}");
    export(first.path(), &b, &[]).await;
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap(), "two exports differ");

    let note = import(second.path(), &a).await;
    assert!(note.contains("5 images added") && note.contains("0 here already"), "{note}");
    export(second.path(), &c, &[]).await;
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&c).unwrap(), "the copy's export differs");
    let listed = |store: &Path| {
        let mut command = burrow(store);
        command.arg("ls");
        command
    };
    let (here, there) = (listed(first.path()).output().await.unwrap(), listed(second.path()).output().await.unwrap());
    assert_eq!(list(&here.stdout), list(&there.stdout));
    let output = burrow(second.path()).args(["get", "big.bmp", "-o", "-"]).output().await.unwrap();
    assert!(output.stdout == bitmap(700_000, 3));
    run(burrow(second.path()).arg("verify"), 0).await;

    // Import the same archive again; then export and import through a pipe.
    let note = import(second.path(), &a).await;
    assert!(note.contains("0 images added") && note.contains("5 here already"), "{note}");
    let pipe = "\"$0\" --store \"$1\" export - | \"$0\" --store \"$2\" import -";
    let mut shell = Command::new("sh");
    shell.args(["-c", pipe, env!("CARGO_BIN_EXE_burrow")]).args([first.path(), third.path()]);
    let note = run(&mut shell, 0).await;
    assert!(note.contains("5 images added"), "{note}");
}

/// People without Burrow extract their images with `tar` and check them with `sha256sum`.
pub async fn an_archive_can_be_read_without_burrow() {
    let (store, files, origin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Origin::start().await);
    filled(store.path(), &origin).await;
    let archive = files.path().join("vault.tar");
    export(store.path(), &archive, &[]).await;
    let here = files.path();
    run(Command::new("tar").arg("xf").arg(&archive).current_dir(here), 0).await;
    run(Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(here), 0).await;
    let contents: Vec<Vec<u8>> = std::fs::read_dir(here.join("content"))
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(contents.len() == 2 && contents.contains(&fixture("photo.png")) && contents.contains(&bitmap(700_000, 3)));
    for file in std::fs::read_dir(here.join("images")).unwrap() {
        let image: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        assert!(image["id"].is_string() && image["created"].as_str().unwrap().ends_with('Z'), "{image}");
    }
}

pub async fn a_later_archive_holds_only_what_is_new() {
    let (store, copy, empty) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (files, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    filled(store.path(), &origin).await;
    let (full, more) = (files.path().join("full.tar"), files.path().join("more.tar"));
    export(store.path(), &full, &[]).await;
    // A new image, a twin of an old one, and a new label on an old one.
    let new = origin.image("/new.bmp", bitmap(300_000, 4));
    let old = origin.image("/photo.png", fixture("photo.png"));
    run(burrow(store.path()).args(["--allow-private-network", "add", "--again", &new, &old]), 0).await;
    let note = export(store.path(), &more, &["--since", full.to_str().unwrap()]).await;
    assert!(note.starts_with("2 images with 1 contents"), "{note}");
    // On its own it lacks the contents that the first archive has.
    let error = run(burrow(empty.path()).arg("import").arg(&more), 1).await;
    assert!(error.contains("its content is neither here nor in the archive"), "{error}");
    let note = run(burrow(copy.path()).arg("import").args([&full, &more]), 0).await;
    assert!(note.contains("5 images added") && note.contains("2 images added"), "{note}");
    let (a, b) = (files.path().join("a.tar"), files.path().join("b.tar"));
    export(store.path(), &a, &[]).await;
    export(copy.path(), &b, &[]).await;
    assert!(std::fs::read(&a).unwrap() == std::fs::read(&b).unwrap());
}

/// Import notices that an archive is cut off or changed, wherever it is, and leaves a sound vault.
pub async fn a_damaged_archive_is_noticed() {
    let (store, files, origin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Origin::start().await);
    filled(store.path(), &origin).await;
    let archive = files.path().join("vault.tar");
    export(store.path(), &archive, &[]).await;
    let whole = std::fs::read(&archive).unwrap();
    let damaged = files.path().join("damaged.tar");
    // None of the cuts is in the last kilobyte, which is only tar's end mark.
    for len in [0, 100, 512, 1000, 3000, whole.len() / 3, whole.len() - 3000] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(&damaged, &whole[..len]).unwrap();
        let error = run(burrow(copy.path()).arg("import").arg(&damaged), 1).await;
        assert!(error.contains("damaged.tar") && error.contains("archive"), "{len}: {error}");
        run(burrow(copy.path()).arg("verify"), 0).await;
    }
    let json = whole.windows(8).position(|bytes| bytes == b"\"name\": ").unwrap() + 9;
    let content = whole.windows(4).position(|bytes| bytes == b"\x89PNG").unwrap() + 200;
    for at in [json, content] {
        let copy = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&damaged, bytes).unwrap();
        let error = run(burrow(copy.path()).arg("import").arg(&damaged), 1).await;
        assert!(error.contains("SHA-256") || error.contains("SHA256SUMS"), "{at}: {error}");
        run(burrow(copy.path()).arg("verify"), 0).await;
    }
    for (bytes, expected) in [(fixture("photo.png"), "no archive of Burrow's"), (b"x".repeat(4096), "no archive")] {
        std::fs::write(&damaged, bytes).unwrap();
        let error = run(burrow(store.path()).arg("import").arg(&damaged), 1).await;
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    }
    let error = run(burrow(store.path()).args(["export", "/nowhere/at/all.tar"]), 1).await;
    assert!(error.contains("/nowhere/at/all.tar"), "{error}");
}

/// Import does not put back an image that was removed recently: its removal may still be under way.
pub async fn an_image_being_removed_is_not_put_back() {
    let (files, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let mut burrow_serving = Host::Native.start_with(&[("allow_private_network", "true")]).await;
    let url = origin.image("/photo.png", fixture("photo.png"));
    let image = burrow_serving.client.add_ready(&json!({ "url": url })).await;
    burrow_serving.stop().await;
    let archive = files.path().join("vault.tar");
    export(burrow_serving.store(), &archive, &[]).await;
    burrow_serving.start_again().await;
    let path = format!("/images/{}", image["id"].as_str().unwrap());
    assert_eq!(burrow_serving.client.send(Method::DELETE, &path, &[], "").await.status, 204);
    burrow_serving.stop().await;
    let error = run(burrow(burrow_serving.store()).arg("import").arg(&archive), 1).await;
    assert!(error.contains("was removed here a short while ago"), "{error}");
}

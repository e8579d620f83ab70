//! A full disk: acknowledged images stay readable, and uploads are refused until there is room.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokio::process::Command;

use super::start::{is_root, skipped};
use super::{FILE, Kept, misread, unclear, upload};
use crate::support::client::Client;
use crate::support::images::noise;
use crate::support::process::{Process, SERVE, serve, serving};

/// Room for an empty store and a few images, in bytes.
const ROOM: u64 = 12 * 1024 * 1024;

pub async fn a_disk_that_is_full_loses_nothing() {
    let mut wrong = Vec::new();
    let store = tempfile::tempdir().unwrap();
    // First, the store's file may not grow beyond a limit. The blobs of small images are in it.
    wrong.extend(fill(store.path(), &mut limited(store.path(), ROOM), 12_000).await);
    // Without room the server starts, or says why not.
    let size = std::fs::metadata(store.path().join(FILE)).unwrap().len();
    let mut process = Process::spawn(&mut limited(store.path(), size));
    if let Err(ended) = process.ready().await {
        wrong.extend(
            unclear(&ended.stderr, &store.path().join(FILE)).map(|fault| format!("a start without room: {fault}")),
        );
    }
    drop(process);
    match Mounted::new() {
        None => skipped("a file system that is full needs root, who may mount one"),
        Some(disk) => wrong.extend(fill(&disk.store(), &mut serve(&disk.store()), 500_000).await),
    }
    super::nothing_of(&wrong);
}

/// A `burrow serve` that cannot make a file longer than `bytes`.
fn limited(store: &Path, bytes: u64) -> Command {
    let mut command = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", bytes / 512);
    command.args(["-c", &script, env!("CARGO_BIN_EXE_burrow"), "--store"]).arg(store).args(SERVE);
    command
}

/// Uploads images of `size` bytes until there is no room; then makes room and checks the images. Returns the faults.
async fn fill(store: &Path, command: &mut Command, size: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut process = Process::spawn(command);
    let client = process.ready().await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let number = kept.len() as u64;
        match upload(&client, &format!("{number}"), noise(size, number), &[]).await {
            Ok(image) => kept.push(image),
            Err(reply) => break reply,
        }
        assert!(kept.len() < 2000, "it is never full");
    };
    assert!(!kept.is_empty(), "it was full from the start: {}", refused.text());
    if refused.status != 503 || refused.json()["type"] != "/problems/store" || refused.header("retry-after").is_empty()
    {
        wrong.push(format!("without room: {} {} {:?}", refused.status, refused.text(), refused.headers));
    }
    let job = client.post("/images", &json!({ "url": "http://127.0.0.1:9/" })).await;
    if job.status != 503 {
        wrong.push(format!("a job without room: {} {}", job.status, job.text()));
    }
    wrong.extend(all(&client, &kept).await.into_iter().map(|fault| format!("without room, {fault}")));
    let (ended, _) = process.stop().await;
    if ended.code != Some(0) || ended.stderr.contains("panicked") {
        wrong.push(format!("stopped without room, it ended with {:?}: {}", ended.code, ended.stderr));
    }
    make_room(store).await;
    let (_process, client) = serving(store).await;
    wrong.extend(all(&client, &kept).await.into_iter().map(|fault| format!("with room again, {fault}")));
    if let Err(reply) = upload(&client, "more", noise(size, 1 << 40), &[]).await {
        wrong.push(format!("with room again, an upload: {} {}", reply.status, reply.text()));
    }
    wrong
}

async fn all(client: &Client, kept: &[Kept]) -> Vec<String> {
    let (mut wrong, listed) = (Vec::new(), super::listed(client).await);
    for image in kept {
        wrong.extend(misread(client, image).await);
        wrong.extend((!listed.contains(&image.id)).then(|| format!("{} is not listed", image.id)));
    }
    wrong
}

/// A small file system in memory. Dropping it unmounts it.
struct Mounted(PathBuf, #[expect(dead_code, reason = "deletes the directory last")] tempfile::TempDir);

impl Mounted {
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", &format!("size={ROOM}"), "tmpfs"];
        let mounted = is_root() && run(std::process::Command::new("mount").args(mount).arg(directory.path()));
        mounted.then(|| Self(directory.path().to_owned(), directory))
    }

    fn store(&self) -> PathBuf {
        self.0.join("store")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run(std::process::Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

fn run(command: &mut std::process::Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// Enlarges the file system, if the store is in one that [`Mounted`] made. Other stores have room without the limit.
async fn make_room(store: &Path) {
    let on = store.parent().unwrap();
    if store.ends_with("store") {
        let status = Command::new("mount").args(["-o", "remount,size=256m"]).arg(on).status().await;
        assert!(status.unwrap().success());
    }
}

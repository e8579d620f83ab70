//! `burrow add --watch`, over real files.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use super::run;
use crate::support::host::burrow;
use crate::support::images::{bitmap, fixture};
use crate::support::process::{Process, serving};

/// The time in which something must have happened.
const SOON: Duration = Duration::from_secs(40);

/// The time after which nothing more happens to a file that did not change: longer than it takes to settle.
const LATER: Duration = Duration::from_millis(2500);

/// Begins to watch a directory; remembers in `state`.
fn watching(store: &Path, state: &Path, directory: &Path) -> Process {
    let mut command = burrow(store);
    command.env("XDG_STATE_HOME", state).args(["add", "--settle", "1", "--tag", "seen", "--watch"]).arg(directory);
    Process::spawn(&mut command)
}

/// The name and size of each ready image, sorted.
async fn kept(store: &Path) -> Vec<(String, u64)> {
    let (code, out, err) = run(burrow(store).args(["ls", "--status", "ready", "--json"])).await;
    if code != Some(0) {
        // The store is being opened.
        assert!(err.contains("no store at"), "{err}");
        return Vec::new();
    }
    let line = |line: &str| {
        let image = serde_json::from_str::<Value>(line).unwrap();
        (image["name"].as_str().unwrap().to_owned(), image["size"].as_u64().unwrap())
    };
    let mut kept: Vec<_> = out.lines().map(line).collect();
    kept.sort_unstable();
    kept
}

/// Waits until these images are kept, and no other.
async fn comes_to(store: &Path, images: &[(&str, usize)]) {
    let mut expected: Vec<_> = images.iter().map(|(name, size)| ((*name).to_owned(), *size as u64)).collect();
    expected.sort_unstable();
    let begun = Instant::now();
    loop {
        let kept = kept(store).await;
        if kept == expected {
            return;
        }
        assert!(begun.elapsed() < SOON, "{kept:?}, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until a text was told so many times.
async fn told(process: &Process, text: &str, times: usize) {
    let begun = Instant::now();
    while process.stderr().matches(text).count() < times {
        assert!(begun.elapsed() < SOON, "{text}: {}", process.stderr());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub async fn what_appears_is_kept_whole_and_once() {
    let here = tempfile::tempdir().unwrap();
    let (store, state, files) = (here.path().join("store"), here.path().join("state"), here.path().join("files"));
    std::fs::create_dir_all(files.join("deep")).unwrap();
    let sizes = [20_000, 30_000, 40_000, 50_000, 60_000].map(|size| bitmap(size, size as u64));
    let [before, slow, moved, hidden, missed] = &sizes;
    std::fs::write(files.join("before.bmp"), before).unwrap();
    let mut watch = watching(&store, &state, &files);
    comes_to(&store, &[("before.bmp", before.len())]).await;
    // A program writes half, and waits for longer than files take to settle. A header alone would be an image.
    let mut writer = std::fs::File::create(files.join("slow.bmp")).unwrap();
    writer.write_all(&slow[..9_000]).unwrap();
    tokio::time::sleep(LATER).await;
    comes_to(&store, &[("before.bmp", before.len())]).await;
    writer.write_all(&slow[9_000..]).unwrap();
    drop(writer);
    let mut images = vec![("before.bmp", before.len()), ("slow.bmp", slow.len())];
    comes_to(&store, &images).await;
    // Downloads have another name until they are whole. What is no image is passed over.
    std::fs::write(files.join(".hidden.part"), hidden).unwrap();
    std::fs::write(files.join("notes.txt"), "nothing to see").unwrap();
    std::fs::write(files.join("deep/moved.bmp"), moved).unwrap();
    images.push(("deep/moved.bmp", moved.len()));
    comes_to(&store, &images).await;
    std::fs::rename(files.join(".hidden.part"), files.join("hidden.bmp")).unwrap();
    images.push(("hidden.bmp", hidden.len()));
    comes_to(&store, &images).await;
    // Other names of what is kept are not kept; other content is.
    std::fs::rename(files.join("deep/moved.bmp"), files.join("elsewhere.bmp")).unwrap();
    std::fs::rename(files.join("deep"), files.join("other")).unwrap();
    std::fs::hard_link(files.join("slow.bmp"), files.join("other/twin.bmp")).unwrap();
    std::fs::write(files.join("before.bmp"), fixture("photo.bmp")).unwrap();
    images.push(("before.bmp", fixture("photo.bmp").len()));
    comes_to(&store, &images).await;
    tokio::time::sleep(LATER).await;
    comes_to(&store, &images).await;
    watch.signal("INT").await;
    let ended = watch.ended().await;
    assert!(ended.code == Some(130) && ended.stderr.contains("added "), "{ended:?}");
    let (_, out, _) = run(burrow(&store).args(["ls", "--tag", "seen"])).await;
    assert_eq!(out.lines().count(), images.len(), "{out}");

    // What happened while it was not running.
    std::fs::rename(files.join("hidden.bmp"), files.join("renamed.bmp")).unwrap();
    std::fs::write(files.join("other/missed.bmp"), missed).unwrap();
    images.push(("other/missed.bmp", missed.len()));
    for _ in 0..2 {
        let mut watch = watching(&store, &state, &files);
        comes_to(&store, &images).await;
        tokio::time::sleep(LATER).await;
        comes_to(&store, &images).await;
        let (ended, _) = watch.stop().await;
        assert_eq!(ended.code, Some(143), "{ended:?}");
    }
    // Another store has none of them, whatever is remembered.
    let empty = here.path().join("empty");
    let _watch = watching(&empty, &state, &files);
    let whole = |path: &str| std::fs::read(files.join(path)).unwrap().len();
    let found = ["before.bmp", "elsewhere.bmp", "renamed.bmp", "other/missed.bmp"].map(|path| (path, whole(path)));
    // Of two names of one file either is taken.
    let begun = Instant::now();
    while kept(&empty).await.len() < found.len() + 1 {
        assert!(begun.elapsed() < SOON, "{:?}", kept(&empty).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let kept = kept(&empty).await;
    assert!(found.iter().all(|(name, size)| kept.contains(&((*name).to_owned(), *size as u64))), "{kept:?}");
}

pub async fn what_cannot_be_kept_is_told_in_one_line() {
    let here = tempfile::tempdir().unwrap();
    let (store, state, files) = (here.path().join("store"), here.path().join("state"), here.path().join("files"));
    std::fs::create_dir_all(files.join("deep")).unwrap();
    assert!(Command::new("mkfifo").arg(files.join("fifo.png")).status().await.unwrap().success());
    let _socket = UnixListener::bind(files.join("socket.png")).unwrap();
    symlink(&files, files.join("deep/circle")).unwrap();
    symlink("nowhere", files.join("lost.png")).unwrap();
    let mut watch = watching(&store, &state, &files);
    for (name, reason) in [
        ("fifo.png", "neither a file nor a directory"),
        ("socket.png", "neither a file nor a directory"),
        ("deep/circle", "a link to a directory that it is in"),
        ("lost.png", "cannot be read: No such file"),
    ] {
        told(&watch, &format!("{}: passed over: {reason}", files.join(name).display()), 1).await;
    }
    // What is behind a link is watched, and one that appears later is told, too.
    let elsewhere = here.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("a.bmp"), fixture("photo.bmp")).unwrap();
    symlink(&elsewhere, files.join("linked")).unwrap();
    assert!(Command::new("mkfifo").arg(files.join("later")).status().await.unwrap().success());
    comes_to(&store, &[("linked/a.bmp", fixture("photo.bmp").len())]).await;
    told(&watch, "later: passed over: neither", 1).await;
    let (ended, _) = watch.stop().await;
    assert_eq!(ended.stderr.matches("passed over").count(), 5, "{}", ended.stderr);
    let (code, _, err) = run(burrow(&store).args(["add", "--watch"]).arg(files.join("fifo.png"))).await;
    assert!(code == Some(2) && err.contains("is no directory") && err.lines().count() == 1, "{err}");
}

pub async fn a_watched_directory_may_go_and_come_back() {
    let here = tempfile::tempdir().unwrap();
    let (store, state, files) = (here.path().join("store"), here.path().join("state"), here.path().join("files"));
    let (image, later, last) = (fixture("photo.bmp"), bitmap(20_000, 2), bitmap(30_000, 3));
    let mut watch = watching(&store, &state, &files);
    told(&watch, "files is not there; it is watched as soon as it is", 1).await;
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("a.bmp"), &image).unwrap();
    comes_to(&store, &[("a.bmp", image.len())]).await;
    // It goes, and comes back with one file more, and the first one under another name.
    let away = here.path().join("away");
    std::fs::rename(&files, &away).unwrap();
    told(&watch, "is not there", 2).await;
    std::fs::write(away.join("b.bmp"), &later).unwrap();
    std::fs::rename(away.join("a.bmp"), away.join("c.bmp")).unwrap();
    std::fs::rename(&away, &files).unwrap();
    comes_to(&store, &[("a.bmp", image.len()), ("b.bmp", later.len())]).await;
    // Another directory takes its place, in a moment.
    std::fs::create_dir(&away).unwrap();
    std::fs::write(away.join("d.bmp"), &last).unwrap();
    std::fs::rename(&files, here.path().join("old")).unwrap();
    std::fs::rename(&away, &files).unwrap();
    let images = [("a.bmp", image.len()), ("b.bmp", later.len()), ("d.bmp", last.len())];
    comes_to(&store, &images).await;
    let (ended, _) = watch.stop().await;
    assert_eq!(ended.code, Some(143), "{ended:?}");
}

pub async fn watching_ends_with_the_server_whose_store_it_uses() {
    let here = tempfile::tempdir().unwrap();
    let (store, state, files) = (here.path().join("store"), here.path().join("state"), here.path().join("files"));
    std::fs::create_dir(&files).unwrap();
    let (mut server, client) = serving(&store).await;
    let mut watch = watching(&store, &state, &files);
    std::fs::write(files.join("a.bmp"), fixture("photo.bmp")).unwrap();
    comes_to(&store, &[("a.bmp", fixture("photo.bmp").len())]).await;
    assert_eq!(client.get("/images/by-name/a.bmp").await.status, 200);
    server.stop().await;
    // The next file shows it, and is kept the next time.
    std::fs::write(files.join("b.bmp"), bitmap(20_000, 2)).unwrap();
    let ended = watch.ended().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("watching ends: "), "{ended:?}");
    let _watch = watching(&store, &state, &files);
    comes_to(&store, &[("a.bmp", fixture("photo.bmp").len()), ("b.bmp", bitmap(20_000, 2).len())]).await;
}

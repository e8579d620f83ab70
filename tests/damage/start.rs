//! Stores that cannot be used: the server says so in one line and does not start.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use redb::{Database, TableDefinition};
use tokio::process::Command;

use super::{FILE, Sample, misread, unclear};
use crate::support::client::Client;
use crate::support::images::fixture;
use crate::support::process::{Ended, Process, SERVE, serve};

/// A user that owns nothing.
const NOBODY: u32 = 65534;

async fn started(command: &mut Command) -> Result<(Process, Client), Ended> {
    let mut process = Process::spawn(command);
    let client = process.ready().await?;
    Ok((process, client))
}

pub async fn a_store_that_cannot_be_used_is_told_in_one_line() {
    let sample = Sample::new().await;
    let whole = std::fs::read(sample.directory.path().join(FILE)).unwrap();
    let mut wrong = Vec::new();
    let sqlite = [b"SQLite format 3\0".as_slice(), &[0; 8176]].concat();
    for (what, content) in [
        ("cut to 100 bytes", &whole[..100]),
        ("cut to a page", &whole[..4096]),
        ("cut in half", &whole[..whole.len() / 2]),
        ("a byte short", &whole[..whole.len() - 1]),
        ("text", b"This is no store.\n"),
        ("a PNG", &fixture("photo.png")),
        ("SQLite's", &sqlite),
        ("zeros", &vec![0; 100_000]),
    ] {
        let store = tempfile::tempdir().unwrap();
        let file = store.path().join(FILE);
        std::fs::write(&file, content).unwrap();
        match started(&mut serve(store.path())).await {
            // The images that are still readable must be right.
            Ok((_process, client)) if what == "a byte short" => {
                for image in sample.all() {
                    wrong.extend(misread(&client, image).await.map(|fault| format!("{what}: {fault}")));
                }
            }
            Ok(_) => wrong.push(format!("{what}: it serves")),
            Err(ended) => {
                wrong.extend(unclear(&ended.stderr, &file).map(|fault| format!("{what}: {fault}")));
                if std::fs::read(&file).unwrap() != content {
                    wrong.push(format!("{what}: the file was changed"));
                }
            }
        }
    }
    let newer = sample.copy();
    let format = TableDefinition::<&str, u64>::new("meta");
    let database = Database::open(newer.path().join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(format).unwrap().insert("format", 3).unwrap();
    transaction.commit().unwrap();
    drop(database);
    match started(&mut serve(newer.path())).await {
        Ok(_) => wrong.push("a newer format: it serves".into()),
        Err(ended) => {
            wrong.extend(unclear(&ended.stderr, &newer.path().join(FILE)));
            wrong.extend((!ended.stderr.contains("format 3")).then(|| format!("a newer format: {}", ended.stderr)));
        }
    }
    // An empty file, which a crash before the first write leaves, is a new store.
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join(FILE), b"").unwrap();
    wrong.extend(started(&mut serve(empty.path())).await.err().map(|ended| format!("an empty file: {ended:?}")));
    super::nothing_of(&wrong);
}

pub async fn a_store_that_may_not_be_written_is_told_in_one_line() {
    if !is_root() {
        skipped("a store that may not be written needs root, who becomes another user");
        return;
    }
    let sample = Sample::new().await;
    let mut wrong = Vec::new();
    // A copy of the program in a place that this user can read.
    let home = tempfile::tempdir().unwrap();
    let program = home.path().join("burrow");
    std::fs::copy(env!("CARGO_BIN_EXE_burrow"), &program).unwrap();
    mode(home.path(), 0o755);
    mode(&program, 0o755);
    for (what, directory, file) in [
        ("a directory that may only be read, with a store", 0o555, Some(0o444)),
        ("a file that may only be read", 0o777, Some(0o444)),
        ("a file that may not be read", 0o777, Some(0o600)),
        ("a directory that may only be read, without a store", 0o555, None),
        ("a directory that may not be entered", 0o700, Some(0o666)),
    ] {
        let store = sample.copy();
        let path = store.path().join(FILE);
        match file {
            Some(file) => mode(&path, file),
            None => std::fs::remove_file(&path).unwrap(),
        }
        mode(store.path(), directory);
        let mut command = Command::new(&program);
        command.env("HOME", home.path()).arg("--store").arg(store.path()).args(SERVE).uid(NOBODY).gid(NOBODY);
        match started(&mut command).await {
            Ok(_) => wrong.push(format!("{what}: it serves")),
            Err(ended) => wrong.extend(unclear(&ended.stderr, &path).map(|fault| format!("{what}: {fault}"))),
        }
    }
    super::nothing_of(&wrong);
}

pub(super) fn is_root() -> bool {
    let owner = std::fs::metadata("/proc/self").map(|process| std::os::unix::fs::MetadataExt::uid(&process));
    owner.is_ok_and(|owner| owner == 0)
}

pub(super) fn skipped(why: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

//! Damaged stores: a flipped byte, a file that is no store, a blob's file that is not right, a full disk.
//!
//! Burrow never sends wrong bytes, serves what is not damaged, and names what is.

mod blobs;
mod file;
mod room;
mod start;
mod values;

use std::path::Path;

use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;

use crate::support::client::{Client, Reply, Unanswered};
use crate::support::images::{bitmap, drawing, fixture, noise};
use crate::support::process::serving;

pub use blobs::a_blobs_file_that_is_not_right_harms_only_its_images;
pub use file::a_flipped_byte_in_the_file_never_changes_an_image;
pub use room::a_disk_that_is_full_loses_nothing;
pub use start::{a_store_that_cannot_be_used_is_told_in_one_line, a_store_that_may_not_be_written_is_told_in_one_line};
pub use values::{
    a_flipped_byte_in_a_value_harms_only_what_it_belongs_to, what_a_newer_burrow_stored_is_not_called_damaged,
};

/// The name of the image that is damaged. An older image has the same name.
const NAME: &str = "victim.bmp";

/// The idempotency key with which one of the images was uploaded.
const KEY: &str = "asked-once";

/// An image that was acknowledged.
struct Kept {
    id: String,
    bytes: Bytes,
}

/// A closed store that holds every kind of value.
struct Sample {
    directory: tempfile::TempDir,
    victim: Kept,
    others: Vec<Kept>,
}

impl Sample {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, client) = serving(directory.path()).await;
        let others = vec![
            upload(&client, NAME, noise(300_000, 1), &[]).await.unwrap(),
            upload(&client, "photo.png", fixture("photo.png"), &[]).await.unwrap(),
            upload(&client, "keyed.svg", drawing(2000, 2), &[("idempotency-key", KEY)]).await.unwrap(),
            upload(&client, "big.bmp", bitmap(1_500_000, 3), &[]).await.unwrap(),
        ];
        let gone = upload(&client, "gone.bmp", bitmap(300_000, 4), &[]).await.unwrap();
        assert_eq!(client.send(Method::DELETE, &format!("/images/{}", gone.id), &[], "").await.status, 204);
        let victim = upload(&client, NAME, bitmap(700_000, 5), &[]).await.unwrap();
        assert_eq!(client.send(Method::POST, "/jobs/resume", &[], "").await.status, 200);
        assert_eq!(process.stop().await.0.code, Some(0));
        Self { directory, victim, others }
    }

    fn all(&self) -> impl Iterator<Item = &Kept> {
        self.others.iter().chain([&self.victim])
    }

    fn copy(&self) -> tempfile::TempDir {
        copy(self.directory.path())
    }
}

/// The file of records, and the directory of blobs, in a store's directory.
const FILE: &str = "vault.redb";
const BLOBS: &str = "blobs";

/// Copies a store.
fn copy(store: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(store.join(FILE), copy.path().join(FILE)).unwrap();
    std::fs::create_dir(copy.path().join(BLOBS)).unwrap();
    for file in std::fs::read_dir(store.join(BLOBS)).unwrap().map(Result::unwrap) {
        // A test may have put something else in place of a file.
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), copy.path().join(BLOBS).join(file.file_name())).unwrap();
        }
    }
    copy
}

/// Uploads an image.
///
/// # Errors
///
/// The answer, if its status is not 201.
async fn upload(
    client: &Client,
    name: &str,
    bytes: impl Into<Bytes>,
    headers: &[(&str, &str)],
) -> Result<Kept, Box<Reply>> {
    let bytes = bytes.into();
    let headers = [&[("content-type", "application/octet-stream")], headers].concat();
    let reply = client.send(Method::POST, &format!("/images?name={name}"), &headers, bytes.clone()).await;
    if reply.status != 201 {
        return Err(Box::new(reply));
    }
    Ok(Kept { id: reply.json()["id"].as_str().unwrap().to_owned(), bytes })
}

/// Reads an image's content; returns what prevents that, if anything does. Panics if the server sends wrong bytes.
async fn misread(client: &Client, image: &Kept) -> Option<String> {
    let path = format!("/images/{}/content", image.id);
    match client.try_send(Method::GET, &path, &[], "").await {
        Ok(reply) if reply.status == 200 => {
            assert!(reply.body == image.bytes, "wrong bytes of {path}");
            None
        }
        Ok(reply) => Some(format!("{path}: {} {}", reply.status, reply.text())),
        Err(Unanswered::Cut(status)) => Some(format!("{path}: {status}, cut")),
        Err(Unanswered::Nothing(error)) => Some(format!("{path}: no answer: {error}")),
    }
}

/// The ids of all images in the list.
async fn listed(client: &Client) -> Vec<String> {
    let images = client.get("/images?limit=1000").await.json()["images"].as_array().cloned().unwrap_or_default();
    images.iter().filter_map(|image: &Value| image["id"].as_str().map(str::to_owned)).collect()
}

/// Checks the error of a program that cannot start: one line with the store's path; the log may say more. Returns the
/// fault, if there is one.
fn unclear(stderr: &str, store: &Path) -> Option<String> {
    let told: Vec<_> = stderr.lines().filter(|line| !line.contains(" ERROR burrow_host::")).collect();
    let clear = told.len() == 1
        && told.iter().all(|line| line.starts_with("burrow: ") && line.contains(&store.display().to_string()));
    (!clear).then(|| format!("not one clear line: {stderr:?}"))
}

/// Fails with all faults, if there are any.
fn nothing_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

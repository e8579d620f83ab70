//! A vault with its larger contents in a bucket: what is where, what belongs together, and what is told when it fails.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use hyper::Method;
use serde_json::Value;
use tokio::process::Command;

use crate::support::bucket::{Bucket, Fault};
use crate::support::host::{Host, burrow};
use crate::support::images::{fixture, noise};
use crate::support::redis::Redis;
use crate::support::verify::{Report, verify_by};

/// `burrow` over a store whose larger contents are in a bucket.
fn with(store: &Path, bucket: &Bucket) -> Command {
    let mut command = burrow(store);
    bucket.used_by(&mut command);
    command
}

async fn run(command: &mut Command) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    stdout
}

/// Runs a command that must fail, with one line on standard error; returns the line.
async fn refused(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.trim_end().lines().count() == 1, "{}: {error}", output.status);
    error
}

/// Files to add: three that become objects, and a small one.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for n in 1..=3 {
            std::fs::write(directory.path().join(format!("{n}.bmp")), Self::large(n)).unwrap();
        }
        std::fs::write(directory.path().join("small.png"), fixture("photo.png")).unwrap();
        Self { directory }
    }

    fn large(n: u64) -> Vec<u8> {
        noise(700_000, n)
    }

    async fn add(&self, store: &Path, bucket: &Bucket) {
        run(with(store, bucket).arg("add").arg(self.directory.path())).await;
    }
}

async fn get(command: &mut Command, name: &str) -> Vec<u8> {
    run(command.args(["get", name, "-o", "-"])).await
}

/// The names of the blobs' objects.
fn blobs(bucket: &Bucket) -> Vec<String> {
    bucket.objects("vault").into_iter().map(|(name, _)| name).filter(|name| name.len() == 32).collect()
}

pub async fn larger_contents_are_objects() {
    let (bucket, store, files) = (Bucket::start().await, tempfile::tempdir().unwrap(), Files::new());
    let store = store.path();
    files.add(store, &bucket).await;
    assert_eq!(blobs(&bucket).len(), 3);
    assert!(!store.join("blobs").exists());
    for n in 1..=3 {
        assert!(get(&mut with(store, &bucket), &format!("{n}.bmp")).await == Files::large(n));
    }
    assert!(get(&mut with(store, &bucket), "small.png").await == fixture("photo.png"));
    let report = verify_by(with(store, &bucket), false).await;
    assert!(report.sound, "{:?}", report.findings);
    // The same content again makes no object.
    run(with(store, &bucket).args(["add", "--again"]).arg(files.directory.path())).await;
    assert_eq!(blobs(&bucket).len(), 3);
    // An archive takes them into a store of any kind, and the file can set the flag.
    let elsewhere = tempfile::tempdir().unwrap();
    let (archive, copy) = (elsewhere.path().join("vault.tar"), elsewhere.path().join("copy"));
    run(with(store, &bucket).arg("export").arg(&archive)).await;
    run(burrow(&copy).arg("import").arg(&archive)).await;
    assert!(get(&mut burrow(&copy), "2.bmp").await == Files::large(2));
    let config = elsewhere.path().join("config.toml");
    std::fs::write(&config, "blobs = \"s3://pictures/vault\"\n").unwrap();
    let mut command = with(store, &bucket);
    command.env_remove("BURROW_BLOBS").env("BURROW_CONFIG", &config);
    assert!(get(&mut command, "3.bmp").await == Files::large(3));
}

pub async fn a_store_and_its_bucket_belong_together() {
    let (bucket, store, files) = (Bucket::start().await, tempfile::tempdir().unwrap(), Files::new());
    files.add(store.path(), &bucket).await;
    let error = refused(burrow(store.path()).arg("ls")).await;
    assert!(error.contains("are in s3://pictures/vault; name that with --blobs"), "{error}");
    let error = refused(with(store.path(), &bucket).args(["--blobs", "s3://pictures/other", "ls"])).await;
    assert!(error.contains("not in s3://pictures/other"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let error = refused(with(other.path(), &bucket).args(["add"]).arg(files.directory.path())).await;
    assert!(error.contains("has the blobs of another vault"), "{error}");
    for store in ["memory:", "spin:."] {
        let error = refused(with(Path::new(store), &bucket).arg("ls")).await;
        assert!(error.contains(store) && error.contains("leave --blobs out"), "{error}");
    }
    let error = refused(with(other.path(), &bucket).args(["--blobs", "pictures", "ls"])).await;
    assert!(error.contains("s3://BUCKET"), "{error}");
}

/// The id of an image, and of its blob.
async fn ids(store: &Path, bucket: &Bucket, name: &str) -> (String, String) {
    let shown: Value = serde_json::from_slice(&run(with(store, bucket).args(["show", name, "--json"])).await).unwrap();
    let before = blobs(bucket);
    // Its blob is the one whose loss makes it unreadable.
    for blob in before {
        let (path, kept) = (bucket.file(&format!("vault/{blob}")), bucket.file(&format!("vault/kept-{blob}")));
        std::fs::rename(&path, &kept).unwrap();
        let read = with(store, bucket).args(["get", name, "-o", "-"]).output().await.unwrap();
        std::fs::rename(&kept, &path).unwrap();
        if !read.status.success() {
            return (shown["id"].as_str().unwrap().into(), blob);
        }
    }
    panic!("{name} is in no object");
}

pub async fn what_is_hurt_is_found_and_nothing_else() {
    let (bucket, store, files) = (Bucket::start().await, tempfile::tempdir().unwrap(), Files::new());
    let store = store.path();
    files.add(store, &bucket).await;
    let (image, blob) = ids(store, &bucket, "2.bmp").await;
    let path = bucket.file(&format!("vault/{blob}"));
    let whole = std::fs::read(&path).unwrap();
    let other = bucket.file(&format!("vault/{}", blobs(&bucket).into_iter().find(|other| *other != blob).unwrap()));
    let mut flipped = whole.clone();
    flipped[400_000] ^= 1;
    for (what, bytes) in [
        ("missing", None),
        ("empty", Some(Vec::new())),
        ("cut short", Some(whole[..300_000].to_vec())),
        ("of another blob", Some(std::fs::read(&other).unwrap())),
        ("changed in a bit", Some(flipped)),
    ] {
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let Report { sound, findings, summary } = verify_by(with(store, &bucket), true).await;
        assert!(!sound && summary["damaged_images"] == serde_json::json!([image]), "{what}: {findings:?} {summary}");
        assert!(
            findings.iter().all(|it| it["kind"] == "damaged-content" && it["image"] == *image),
            "{what}: {findings:?}"
        );
        let output = with(store, &bucket).args(["get", "2.bmp", "-o", "-"]).output().await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(&image), "{what}: {error}");
        for n in [1, 3] {
            assert!(get(&mut with(store, &bucket), &format!("{n}.bmp")).await == Files::large(n), "{what}");
        }
        std::fs::write(&path, &whole).unwrap();
    }
    // What a crash left, and what belongs to others.
    let left = "0191d0d0d0d07d0d8d0d0d0d0d0d0d0d";
    std::fs::write(bucket.file(&format!("vault/{left}")), &whole).unwrap();
    std::fs::write(bucket.file("vault/notes.txt"), b"mine").unwrap();
    std::fs::write(bucket.file(left), b"mine").unwrap();
    let report = verify_by(with(store, &bucket), false).await;
    assert!(!report.sound && report.findings.len() == 1 && report.findings[0]["kind"] == "orphan", "{report:?}");
    let report = verify_by(with(store, &bucket), true).await;
    assert!(report.sound && !bucket.file(&format!("vault/{left}")).exists(), "{report:?}");
    assert!(bucket.file("vault/notes.txt").exists() && bucket.file(left).exists());
    assert!(verify_by(with(store, &bucket), false).await.sound);
    assert!(get(&mut with(store, &bucket), "2.bmp").await == Files::large(2));
}

pub async fn a_bucket_beside_redis() {
    let (redis, bucket, files) = (Redis::start().await, Bucket::start().await, Files::new());
    files.add(&redis.url, &bucket).await;
    assert_eq!(blobs(&bucket).len(), 3);
    assert!(get(&mut with(&redis.url, &bucket), "1.bmp").await == Files::large(1));
    assert!(verify_by(with(&redis.url, &bucket), false).await.sound);
    assert!(refused(burrow(&redis.url).arg("ls")).await.contains("--blobs"));
}

pub async fn what_the_bucket_refuses_is_told() {
    let (bucket, store, files) = (Bucket::start().await, tempfile::tempdir().unwrap(), Files::new());
    let error = refused(with(store.path(), &bucket).env("AWS_SECRET_ACCESS_KEY", "wrong").arg("ls")).await;
    assert!(error.contains("there is no store"), "{error}");
    let mut add = with(store.path(), &bucket);
    let error = refused(add.env("AWS_SECRET_ACCESS_KEY", "wrong").arg("add").arg(files.directory.path())).await;
    assert!(error.contains("AWS_SECRET_ACCESS_KEY") && !error.contains("wrong"), "{error}");
    files.add(store.path(), &bucket).await;

    bucket.plan(|_| Some(Fault::Answer(400, "ExpiredToken")));
    let output = with(store.path(), &bucket).args(["get", "1.bmp", "-o", "-"]).output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("the credentials have expired"), "{error}");
    assert!(get(&mut with(store.path(), &bucket), "small.png").await == fixture("photo.png"));
    assert_eq!(String::from_utf8(run(with(store.path(), &bucket).arg("ls")).await).unwrap().lines().count(), 4);
    bucket.recover();
    assert!(verify_by(with(store.path(), &bucket), false).await.sound);
}

/// The server is killed while the bucket takes its time: nothing was acknowledged, and nothing but a job is left.
pub async fn an_upload_is_acknowledged_when_its_object_is_there() {
    let mut server = Host::WithBucket.start().await;
    let bucket = server.bucket();
    bucket.plan(|what| what.starts_with("PUT").then_some(Fault::Slow(Duration::from_mins(10))));
    let send =
        server.client.send(Method::POST, "/images?name=a.bmp", &[("content-type", "image/bmp")], Files::large(1));
    assert!(tokio::time::timeout(Duration::from_secs(3), send).await.is_err(), "it was acknowledged too early");
    bucket.recover();
    server.kill_and_restart().await;
    assert_eq!(server.client.get("/stats").await.json()["images"], 0);
    let reply =
        server.client.send(Method::POST, "/images?name=a.bmp", &[("content-type", "image/bmp")], Files::large(1)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    server.kill_and_restart().await;
    assert!(server.client.get("/images/by-name/a.bmp/content").await.body == Files::large(1));
    assert_eq!(blobs(server.bucket()).len(), 1);
}

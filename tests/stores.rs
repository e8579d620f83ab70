//! Stores: a vault that one host wrote is read and continued by the others.

use std::path::{Path, PathBuf};
use std::process::Output;

use hyper::Method;
use serde_json::Value;
use tokio::process::Command;

use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture, repository, sha256, store_of_version_1};
use crate::support::origin::Origin;
use crate::support::redis::Redis;
use crate::support::verify::verify;

/// Runs a command, which must succeed; returns standard output.
async fn run(command: &mut Command) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    stdout
}

async fn add(store: &Path, url: &str) {
    run(burrow(store).args(["--allow-private-network", "add", url])).await;
}

async fn get(store: &Path, name: &str) -> Vec<u8> {
    run(burrow(store).args(["get", name, "-o", "-"])).await
}

/// Checks with `burrow verify` that a vault has no faults.
async fn is_sound(store: &Path) {
    let report = verify(store, false).await;
    assert!(report.sound, "{:?} {}", report.findings, report.summary);
}

/// The command line uses the store that a server has left, and then the server uses what the command line has left.
pub async fn the_command_line_goes_on_where_a_server_stopped(host: Host) {
    let (mut server, origin) = (host.start().await, Origin::start().await);
    let store = match host {
        Host::Native | Host::WithBucket => server.store().to_owned(),
        Host::Wasmtime(_) => PathBuf::from(format!("files:{}", server.store().display())),
        Host::Spin(_) | Host::SpinConfigured(_) => {
            PathBuf::from(format!("spin:{}/sqlite_key_value.db", server.store().display()))
        }
    };
    let by_server = fixture("photo.png");
    let path = "/images?name=by-server";
    let sent = server.client.send(Method::POST, path, &[("content-type", "image/png")], by_server.clone()).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    server.stop().await;

    is_sound(&store).await;
    assert!(get(&store, "by-server").await == by_server);
    let by_hand = bitmap(600_000, 5);
    add(&store, &origin.image("/by-hand.bmp", by_hand.clone())).await;
    is_sound(&store).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let archive = elsewhere.path().join("vault.tar");
    run(burrow(&store).arg("export").arg(&archive)).await;
    let copy = elsewhere.path().join("copy");
    run(burrow(&copy).arg("import").arg(&archive)).await;
    assert!(get(&copy, "by-hand.bmp").await == by_hand && get(&copy, "by-server").await == by_server);

    server.start_again().await;
    let listed = server.client.get("/images").await.json();
    let names: Vec<&str> = listed["images"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["by-hand.bmp", "by-server"]);
    assert!(server.client.get("/images/by-name/by-hand.bmp/content").await.body == by_hand);
    assert_eq!(server.client.get("/stats").await.json()["images"], 2);
}

pub async fn a_vault_may_be_on_redis() {
    let (redis, origin) = (Redis::start().await, Origin::start().await);
    let big = bitmap(900_000, 6);
    add(&redis.url, &origin.image("/big.bmp", big.clone())).await;
    add(&redis.url, &origin.image("/photo.png", fixture("photo.png"))).await;
    assert!(get(&redis.url, "big.bmp").await == big);
    is_sound(&redis.url).await;
    // Two processes use the vault at once.
    let urls: Vec<String> = (0..8).map(|n| origin.image(&format!("/{n}.bmp"), bitmap(5_000, n))).collect();
    let (one, other) = urls.split_at(4);
    let add = |urls: &[String]| {
        let mut command = burrow(&redis.url);
        command.args(["--allow-private-network", "add"]).args(urls);
        command
    };
    let (mut one, mut other) = (add(one), add(other));
    futures::join!(run(&mut one), run(&mut other));
    assert_eq!(String::from_utf8(run(burrow(&redis.url).arg("ls")).await).unwrap().lines().count(), 10);
    is_sound(&redis.url).await;

    // `--repair` is refused while other processes may use the store, unless `--alone` says that none does.
    let refused = burrow(&redis.url).args(["verify", "--repair"]).output().await.unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("--alone"), "{error}");
    run(burrow(&redis.url).args(["verify", "--repair", "--alone"])).await;
    is_sound(&redis.url).await;
}

/// The file is one that Spin 4.1 wrote. tests/fixtures/spin-4.1/README.md lists its images.
pub async fn what_spin_left_is_read_and_gone_on_with() {
    let (directory, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let file = directory.path().join("sqlite_key_value.db");
    std::fs::copy(repository().join("tests/fixtures/spin-4.1/sqlite_key_value.db"), &file).unwrap();
    let store = PathBuf::from(format!("spin:{}", file.display()));
    let known = [
        ("otter.png", "87bd86c72d3803800dbcf8e50c66c76151fc1ef0afb4307acd1f5b04174aeec4"),
        ("vole.bmp", "71c9a0185e06f1bd266f1c72c84c406278566e000d2f0c712e246fe460014446"),
    ];
    is_sound(&store).await;
    add(&store, &origin.image("/new.bmp", bitmap(300_000, 7))).await;
    for (name, digest) in known {
        assert_eq!(sha256(&get(&store, name).await), digest, "{name}");
    }
    assert!(get(&store, "new.bmp").await == bitmap(300_000, 7));
    is_sound(&store).await;
}

/// Later versions must read a store of every released version.
pub async fn a_store_of_version_1_is_read_and_gone_on_with() {
    let (directory, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = directory.path();
    store_of_version_1(store);
    is_sound(store).await;
    let images = std::fs::read_to_string(repository().join("tests/fixtures/store-1/images.json")).unwrap();
    let images: Vec<Value> = serde_json::from_str(&images).unwrap();
    assert_eq!(images.len(), 4);
    for image in &images {
        let (name, digest) = (image["name"].as_str().unwrap(), image["sha256"].as_str().unwrap());
        assert_eq!(sha256(&get(store, name).await), digest, "{name}");
    }
    add(store, &origin.image("/new.bmp", bitmap(300_000, 7))).await;
    assert!(get(store, "new.bmp").await == bitmap(300_000, 7));
    is_sound(store).await;
}

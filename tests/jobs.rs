//! Jobs: answered at once, done in the background, never lost, and harmless when they fail.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::client::Reply;
use crate::support::host::Host;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};

pub async fn origins_that_fail_leave_the_old_image(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    burrow.client.add_ready(&json!({ "url": url, "name": "photo" })).await;
    let before = burrow.client.get("/stats").await.json();
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let cut = bitmap(1_000_000, 4);
    let failing = [
        (nobody, 3),
        (origin.serve("/404", Behaviour::Status(404)), 1),
        (origin.serve("/500", Behaviour::Status(500)), 3),
        (origin.serve("/204", Behaviour::Status(204)), 1),
        (origin.serve("/cut", Behaviour::Truncated(cut.into())), 3),
        (origin.serve("/loop", Behaviour::Redirect("/loop".into())), 1),
    ];
    for (url, attempts) in failing {
        let id = burrow.client.add(&json!({ "url": url, "name": "photo" })).await;
        let record = burrow.client.settled(&id).await;
        assert_eq!(record["status"], "failed", "{url}");
        assert_eq!(record["attempts"], attempts, "{url}: {record}");
        let error = record["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains("ErrorCode"), "{url}: {error}");
        assert!(burrow.client.get("/image/photo").await.body == fixture("photo.png"), "{url}");
    }
    let after = burrow.client.get("/stats").await.json();
    assert_eq!((&after["images"], &after["pending"], &after["failed"]), (&json!(1), &json!(0), &json!(6)));
    assert_eq!(after["stored_bytes"], before["stored_bytes"], "something was left half-stored");
}

/// Jobs whose origins are silent or trickle take no place from others, however many they are.
pub async fn slow_origins_stop_nobody() {
    let burrow = Host::Native.start_with(&[("between_bytes_timeout_seconds", "60")]).await;
    let (silent, trickling, good) = (Origin::start().await, Origin::start().await, Origin::start().await);
    let (_gate, closed) = watch::channel(false);
    let picture = bitmap(1000, 1);
    let mut slow = Vec::new();
    for n in 0..40 {
        let silent = silent.serve(&format!("/{n}"), Behaviour::Gated(picture.clone().into(), closed.clone()));
        let trickling = trickling.serve(&format!("/{n}"), Behaviour::Dribbling(picture.clone().into()));
        for url in [silent, trickling] {
            slow.push(burrow.client.add(&json!({ "url": url })).await);
        }
    }
    // All places are taken, and none of those that took them will be free soon.
    while silent.requests() + trickling.requests() < 16 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for n in 0..3 {
        let url = good.image(&format!("/{n}.png"), fixture("photo.png"));
        let added = Instant::now();
        assert_eq!(burrow.client.settled(&burrow.client.add(&json!({ "url": url })).await).await["status"], "ready");
        assert!(added.elapsed() < Duration::from_secs(15), "{:?}", added.elapsed());
    }
    // An origin that trickles is given up, and not tried again.
    let first = burrow.client.settled(&slow[1]).await;
    let error = first["error"].as_str().unwrap();
    assert!(error.contains("less than min_download_bytes_per_second = 1024"), "{error}");
    assert_eq!(first["attempts"], 1, "{first}");
}

pub async fn a_full_vault_takes_no_more(host: Host) {
    let (origin, type_) = (Origin::start().await, [("content-type", "image/png")]);
    let (_gate, closed) = watch::channel(false);
    let settings = [("max_images", "3"), ("max_pending_jobs", "1")];
    let burrow = host.start_with(&settings).await;
    let client = &burrow.client;
    let full = |reply: &Reply, limit: &str, allowed: u64| {
        let problem = reply.json();
        let told = ["type", "limit", "allowed", "seen", "status"].map(|name| problem[name].clone());
        let expected = [json!("/problems/full"), json!(limit), json!(allowed), json!(allowed), json!(507)];
        assert_eq!(told, expected, "{problem}");
    };
    let add = async |path: &str| {
        let url = origin.serve(path, Behaviour::Gated(bitmap(1000, 1).into(), closed.clone()));
        let json = [("content-type", "application/json")];
        client.send(Method::POST, "/images", &json, json!({ "url": url }).to_string()).await
    };
    let upload = async || client.send(Method::POST, "/images", &type_, fixture("photo.png")).await;
    let job = add("/1").await;
    assert_eq!(job.status, 202);
    full(&add("/2").await, "max_pending_jobs", 1);
    assert_eq!((upload().await.status, upload().await.status), (StatusCode::CREATED, StatusCode::CREATED));
    full(&upload().await, "max_images", 3);
    full(&add("/3").await, "max_images", 3);
    // What is removed makes room.
    let path = format!("/images/{}", job.json()["id"].as_str().unwrap());
    assert_eq!(client.send(Method::DELETE, &path, &[], "").await.status, 204);
    assert_eq!(upload().await.status, 201);
    let small = host.start_with(&[("max_stored_bytes", "100")]).await;
    let first = small.client.send(Method::POST, "/images", &type_, fixture("photo.png")).await;
    assert_eq!(first.status, 201);
    let reply = small.client.send(Method::POST, "/images", &type_, fixture("photo.png")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["limit"]), (507, &json!("max_stored_bytes")));
}

pub async fn origins_say_when_to_come_back(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let soon = Behaviour::Answer(429, &[("retry-after", "2")]);
    let image = Behaviour::Image(fixture("photo.png").into());
    let url = origin.serve("/soon.png", Behaviour::AtFirst(soon.into(), image.into()));
    let begun = Instant::now();
    let record = burrow.client.settled(&burrow.client.add(&json!({ "url": url })).await).await;
    assert_eq!((&record["status"], &record["attempts"]), (&json!("ready"), &json!(2)));
    assert!(begun.elapsed() >= Duration::from_secs(2), "it was asked again too early");
    let late = origin.serve("/late.png", Behaviour::Answer(503, &[("retry-after", "300")]));
    let asked = origin.requests();
    let record = burrow.client.settled(&burrow.client.add(&json!({ "url": late })).await).await;
    assert_eq!(record["error"], "the origin answered 503 and asks to come back in 300 s");
    assert_eq!((origin.requests() - asked, &record["attempts"]), (1, &json!(1)));
}

pub async fn redirects_are_followed_and_checked(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    origin.image("/photo.png", fixture("photo.png"));
    let mut url = "/photo.png".to_owned();
    for hop in 0..5 {
        url = origin.serve(&format!("/hop{hop}"), Behaviour::Redirect(url));
    }
    burrow.client.add_ready(&json!({ "url": url })).await;
    let six = origin.serve("/hop5", Behaviour::Redirect(url));
    let elsewhere = origin.serve("/file", Behaviour::Redirect("file:///etc/passwd".into()));
    for (url, reason) in [(six, "more than 5 redirects"), (elsewhere, "only http and https")] {
        let record = burrow.client.settled(&burrow.client.add(&json!({ "url": url })).await).await;
        assert!(record["error"].as_str().unwrap().contains(reason), "{record}");
    }
}

pub async fn fifty_uploads_at_once(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let uploads = (0..50).map(|number| {
        let image = bitmap(20_000 + 6_144 * number, number as u64);
        let url = origin.image(&format!("/{number}.bmp"), image.clone());
        let client = burrow.client.clone();
        async move {
            let record = client.add_ready(&json!({ "url": url })).await;
            assert!(client.content(record["id"].as_str().unwrap()).await == image, "{number}");
        }
    });
    futures::future::join_all(uploads).await;
    let stats = burrow.client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["pending"], &stats["failed"]), (&json!(50), &json!(0), &json!(0)));
    let listed = burrow.client.get("/images?limit=100").await.json();
    assert_eq!(listed["images"].as_array().unwrap().len(), 50);
}

pub async fn a_restart_keeps_everything(host: Host) {
    let (mut burrow, origin) = (host.start().await, Origin::start().await);
    let image = bitmap(700_000, 5);
    let url = origin.image("/photo.bmp", image.clone());
    let before = burrow.client.add_ready(&json!({ "url": url, "name": "x", "tags": ["t"] })).await;
    let stats = burrow.client.get("/stats").await.json();
    burrow.kill_and_restart().await;
    let id = before["id"].as_str().unwrap();
    assert_eq!(burrow.client.get(&format!("/images/{id}")).await.json(), before);
    assert!(burrow.client.content(id).await == image);
    assert!(burrow.client.get("/image/x").await.body == image);
    assert_eq!(burrow.client.get("/stats").await.json(), stats);
    burrow.client.add_ready(&json!({ "url": url })).await;
}

/// The order of events shows it: the server answers pages after the job has begun to store the image, and before the
/// image is ready.
pub async fn a_page_is_served_while_a_big_image_is_packed(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let image = bitmap(40_000_000, 6);
    let (open, gate) = watch::channel(false);
    let url = origin.serve("/big.bmp", Behaviour::Gated(image.clone().into(), gate));
    let id = burrow.client.add(&json!({ "url": url })).await;
    open.send(true).unwrap();
    let mut pages_while_storing = 0;
    loop {
        assert_eq!(burrow.client.get("/").await.status, 200);
        let record: Value = burrow.client.get(&format!("/images/{id}")).await.json();
        match record["status"].as_str().unwrap() {
            "ready" => break,
            // Between two of these records a page was answered while the image was being stored.
            "storing" => pages_while_storing += 1,
            status => assert_eq!(status, "pending"),
        }
    }
    assert!(pages_while_storing >= 5, "only {pages_while_storing} pages were answered while the image was packed");
    assert!(burrow.client.content(&id).await == image);
}

pub async fn removing_an_image_that_is_being_stored(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let (open, gate) = watch::channel(false);
    let url = origin.serve("/slow.png", Behaviour::Gated(fixture("photo.png").into(), gate));
    let id = burrow.client.add(&json!({ "url": url, "name": "gone" })).await;
    while burrow.client.get(&format!("/images/{id}")).await.json()["status"] != "storing" {}
    assert_eq!(burrow.client.send(Method::DELETE, &format!("/images/{id}"), &[], "").await.status, 204);
    open.send(true).unwrap();
    // A later job on the same content is done later, so the first job is over when this one is ready.
    let later = burrow.client.add_ready(&json!({ "url": url })).await;
    assert_eq!(burrow.client.get(&format!("/images/{id}")).await.status, 404);
    assert_eq!(burrow.client.get("/image/gone").await.status, 404);
    assert!(burrow.client.content(later["id"].as_str().unwrap()).await == fixture("photo.png"));
    assert_eq!(burrow.client.get("/stats").await.json()["pending"], 0);
}

/// Only the embedded store has it: others may have several processes.
pub async fn a_slow_download_tells_how_far_it_has_come() {
    let burrow = Host::Native.start_with(&[("min_download_bytes_per_second", "0")]).await;
    let origin = Origin::start().await;
    let mut image = b"GIF89a\x01\0\x01\0\0\0\0;".to_vec();
    image.resize(60, 0);
    let url = origin.serve("/slow.gif", Behaviour::Dribbling(image.clone().into()));
    let told = async || {
        let id = burrow.client.add(&json!({ "url": url })).await;
        let path = format!("/images/{id}");
        loop {
            let record = burrow.client.get(&path).await.json();
            assert!(["pending", "storing"].contains(&record["status"].as_str().unwrap()), "{record}");
            if let Some(received) = record["received_bytes"].as_u64() {
                assert!((10..60).contains(&received) && record["expected_bytes"] == 60, "{record}");
                return (id, path);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (id, path) = told().await;
    let page = burrow.client.send(Method::GET, &path, &[("accept", "text/html")], "").await.text();
    assert!(page.contains(" of 60 B") && page.contains("<progress max=\"60\""), "{page}");
    let record = burrow.client.settled(&id).await;
    assert!(record["status"] == "ready" && record.get("received_bytes").is_none(), "{record}");
    assert!(burrow.client.content(&id).await == image);
    // What is removed meanwhile stays away.
    let (_, path) = told().await;
    assert_eq!(burrow.client.send(Method::DELETE, &path, &[], "").await.status, 204);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(burrow.client.get(&path).await.status, 404);
    let stats = burrow.client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["pending"], &stats["failed"]), (&json!(1), &json!(0), &json!(0)));
}

/// With `run_jobs` off, a server leaves jobs to others, but does them when it is asked to resume.
pub async fn jobs_may_be_left_to_others(host: Host) {
    let (burrow, origin) = (host.start_with(&[("run_jobs", "false")]).await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let id = burrow.client.add(&json!({ "url": url })).await;
    let resumed = burrow.client.send(Method::POST, "/jobs/resume", &[], "").await;
    assert!(matches!(resumed.status.as_u16(), 200 | 202), "{}", resumed.text());
    assert_eq!(burrow.client.settled(&id).await["status"], "ready");
    assert!(burrow.client.content(&id).await == fixture("photo.png"));
}

pub async fn a_killed_server_finishes_its_jobs() {
    let (mut burrow, origin) = (Host::Native.start().await, Origin::start().await);
    let (open, gate) = watch::channel(false);
    let image = bitmap(900_000, 7);
    let mut ids = Vec::new();
    for number in 0..5 {
        let url = origin.serve(&format!("/{number}"), Behaviour::Gated(image.clone().into(), gate.clone()));
        ids.push(burrow.client.add(&json!({ "url": url, "name": format!("n{number}") })).await);
    }
    // Every job has begun, and no job can end.
    while origin.requests() < 5 {
        tokio::task::yield_now().await;
    }
    open.send(true).unwrap();
    burrow.kill_and_restart().await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(burrow.client.settled(id).await["status"], "ready");
        assert!(burrow.client.content(id).await == image);
        assert!(burrow.client.get(&format!("/image/n{number}")).await.body == image);
    }
}

/// Kills the server right after each acknowledgement.
pub async fn an_acknowledged_image_survives_a_kill() {
    let (mut burrow, origin) = (Host::Native.start().await, Origin::start().await);
    let mut ids = Vec::new();
    for round in 0..6 {
        let image = bitmap(300_000, 100 + round);
        let url = origin.image(&format!("/{round}.bmp"), image.clone());
        ids.push((burrow.client.add(&json!({ "url": url })).await, image));
        burrow.kill_and_restart().await;
    }
    for (id, image) in ids {
        assert_eq!(burrow.client.settled(&id).await["status"], "ready");
        assert!(burrow.client.content(&id).await == image);
    }
}

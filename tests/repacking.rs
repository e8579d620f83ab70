//! Images become smaller and stay the same, on request, from the command line and in the background.

use std::path::Path;
use std::process::Stdio;

use hyper::Method;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::{Host, burrow};
use crate::support::images::fixture;

/// Adds the photo. Returns its record.
async fn add(client: &Client) -> Value {
    let reply = client.send(Method::POST, "/images?name=photo.jpg", &[("content-type", "image/jpeg")], photo()).await;
    assert_eq!(reply.status, 201);
    reply.json()
}

/// A picture of slopes and a little noise, as JPEG.
pub fn photo() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.encode(&pixels(), 600, 400, image::ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// The same picture in a format that keeps every pixel.
pub fn exact(format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut bytes, &pixels(), 600, 400, image::ExtendedColorType::Rgb8, format).unwrap();
    bytes.into_inner()
}

/// 600 by 400 pixels, 3 bytes each.
fn pixels() -> Vec<u8> {
    let (width, height, mut state) = (600_u32, 400_u32, 1_u32);
    (0..width * height)
        .flat_map(|n| [n % width / 4, n / width / 3, (n % width * (n / width)) >> 10])
        .map(|value| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u8::try_from(value + (state >> 28)).unwrap()
        })
        .collect()
}

pub async fn photos_become_smaller_and_stay_the_same(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let (record, twin) = (add(client).await, add(client).await);
    let path = record["content"].as_str().unwrap();
    let before = client.get(path).await;
    let gif = client.send(Method::POST, "/images", &[("content-type", "image/gif")], fixture("photo.gif")).await;
    assert_eq!(gif.status, 201);

    let done = client.send(Method::POST, "/jobs/repack", &[], "").await;
    assert_eq!(done.status, 200);
    let done = done.json();
    assert_eq!((&done["repacked"], &done["busy"], &done["done"]), (&json!(1), &json!(0), &json!(true)), "{done}");

    let now = client.get(&format!("/images/{}", record["id"].as_str().unwrap())).await.json();
    assert_eq!(now["codec"], "lepton");
    let (was, is) = (record["stored_size"].as_u64().unwrap(), now["stored_size"].as_u64().unwrap());
    assert_eq!(done["saved_bytes"], was - is);
    assert!(is < was * 9 / 10, "{is} of {was}");
    let stats = client.get("/stats").await.json();
    assert_eq!((&stats["repacked"], &stats["saved_bytes"]), (&json!(1), &json!(was - is)));
    let of_type = |kind: &Value| kind["media_type"] == "image/jpeg";
    let photos = stats["formats"].as_array().unwrap().iter().find(|kind| of_type(kind)).unwrap();
    assert_eq!((&photos["images"], &photos["stored_bytes"]), (&json!(2), &json!(was + is)), "saved once: {stats}");

    let after = client.get(path).await;
    assert!(after.body == photo());
    for header in ["etag", "content-length", "content-type", "repr-digest", "last-modified", "cache-control"] {
        assert_eq!(after.header(header), before.header(header), "{header}");
    }
    let head = client.send(Method::HEAD, path, &[], "").await;
    assert_eq!(head.header("content-length"), photo().len().to_string());
    let part = client.send(Method::GET, path, &[("range", "bytes=500-509")], "").await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &photo()[500..510]));
    let parts = client.send(Method::GET, path, &[("range", "bytes=0-1,-2")], "").await;
    assert!(parts.status == 200 && parts.body == photo());
    let unchanged = client.send(Method::GET, path, &[("if-none-match", before.header("etag"))], "").await;
    assert_eq!(unchanged.status, 304);
    let zipped = client.send(Method::GET, path, &[("accept-encoding", "gzip")], "").await;
    assert!(zipped.body == photo() && !zipped.headers.contains_key("content-encoding"));
    assert!(client.content(twin["id"].as_str().unwrap()).await == photo());
    // What is there already is shared.
    let third = add(client).await;
    assert_eq!(client.get("/stats").await.json()["stored_bytes"], stats["stored_bytes"]);
    assert!(client.content(third["id"].as_str().unwrap()).await == photo());
}

pub async fn pngs_and_bitmaps_become_smaller_and_stay_the_same(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    for (format, media_type, most) in
        [(image::ImageFormat::Png, "image/png", 95), (image::ImageFormat::Bmp, "image/bmp", 66)]
    {
        let original = exact(format);
        let added = client.send(Method::POST, "/images", &[("content-type", media_type)], original.clone()).await;
        assert_eq!(added.status, 201);
        let (record, path) = (added.json(), format!("/images/{}", added.json()["id"].as_str().unwrap()));
        let done = client.send(Method::POST, "/jobs/repack", &[], "").await.json();
        assert_eq!(done["repacked"], 1, "{done}");
        let now = client.get(&path).await.json();
        // How long it takes to unpack decides which.
        assert!(["pixels", "pixels-fast"].contains(&now["codec"].as_str().unwrap()), "{now}");
        let is = now["stored_size"].as_u64().unwrap();
        assert!(is < original.len() as u64 * most / 100, "{media_type}: {is} of {}", original.len());
        let content = record["content"].as_str().unwrap();
        assert!(client.get(content).await.body == original);
        for range in
            [0..1, 500..510, original.len() / 2..original.len() / 2 + 70_000, original.len() - 5..original.len()]
        {
            let header = format!("bytes={}-{}", range.start, range.end - 1);
            let part = client.send(Method::GET, content, &[("range", &header)], "").await;
            assert!(part.status == 206 && part.body == original[range], "{media_type}: {header}");
        }
    }
}

pub async fn a_policy_may_forbid_it(host: Host) {
    let burrow = host.start_with(&[("compression", "fast")]).await;
    let record = add(&burrow.client).await;
    let done = burrow.client.send(Method::POST, "/jobs/repack", &[], "").await.json();
    assert_eq!(done["repacked"], 0);
    let now = burrow.client.get(&format!("/images/{}", record["id"].as_str().unwrap())).await.json();
    assert_eq!((&now["codec"], &now["stored_size"]), (&record["codec"], &record["stored_size"]));
}

pub async fn the_command_line_repacks() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("photo.jpg");
    std::fs::write(&file, photo()).unwrap();
    let run = async |arguments: &[&str]| {
        let output = burrow(&directory.path().join("store")).args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["add", file.to_str().unwrap(), "--tag", "kept"]).await;
    let none = run(&["repack", "--tag", "other"]).await;
    assert!(none.starts_with("0 repacked"), "{none}");
    let one = run(&["repack", "--tag", "kept", "--json"]).await;
    let lines: Vec<Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["outcome"], &lines[1]["summary"]["repacked"]), (&json!("smaller"), &json!(1)), "{one}");
    let shown = run(&["show", "photo.jpg"]).await;
    assert!(shown.contains("lepton"), "{shown}");
    let got = burrow(&directory.path().join("store")).args(["get", "photo.jpg", "-o", "-"]).output().await.unwrap();
    assert!(got.stdout == photo());
    let verified = run(&["verify"]).await;
    assert!(verified.contains("all is well"), "{verified}");
}

/// The component and the native code pack the same bytes: those of the golden files, which native code made.
pub async fn the_component_packs_what_native_code_packs() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/recompress/tests/golden");
    // Less than 2 KiB is not made smaller.
    let names = ["animation.png", "grey-16.png", "interlaced.png", "rgb-stored.png"];
    for verb in ["add", "repack"] {
        let mut command = burrow(&store);
        command.arg(verb);
        match verb {
            "add" => command.args(names.map(|name| golden.join(name))),
            _ => command.args(["--compression", "small"]),
        };
        assert!(command.status().await.unwrap().success(), "{verb}");
    }
    let database = Database::open(store.join("vault.redb")).unwrap();
    let table = database.begin_read().unwrap().open_table(TableDefinition::<&str, &[u8]>::new("values")).unwrap();
    let values: Vec<Vec<u8>> = table.iter().unwrap().map(|entry| entry.unwrap().1.value().to_vec()).collect();
    for name in names {
        let packed = std::fs::read(golden.join(name).with_extension("v1.packed")).unwrap();
        let stored = values.iter().any(|value| value.windows(packed.len()).any(|part| part == packed));
        assert!(stored, "{name} is packed to other bytes");
    }
}

pub async fn files_are_explained_and_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (file, text, store) =
        (directory.path().join("photo.jpg"), directory.path().join("no.txt"), directory.path().join("store"));
    std::fs::write(&file, photo()).unwrap();
    std::fs::write(&text, "no image").unwrap();
    let output = burrow(&store).args(["explain", "--json"]).arg(&file).arg(&text).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "one file is no image");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no.txt: not an image"));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [told, summary] = &lines[..] else { panic!("{lines:?}") };
    let policies = &told["policies"];
    assert_eq!((&told["media_type"], &told["size"]), (&json!("image/jpeg"), &json!(photo().len())));
    assert!(policies["fast"]["why"].as_str().unwrap().contains("compression = fast"), "{told}");
    assert_eq!((&policies["balanced"]["codec"], &policies["balanced"]["why"]), (&json!("lepton"), &Value::Null));
    assert!(policies["balanced"]["stored_size"].as_u64() < policies["fast"]["stored_size"].as_u64(), "{told}");
    assert_eq!(summary["summary"]["failed"], 1);
    assert!(!store.exists(), "nothing is kept");
}

pub async fn an_idle_server_repacks() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("photo.jpg");
    std::fs::write(&file, photo()).unwrap();
    let store = directory.path().join("store");
    let added = burrow(&store).arg("add").arg(&file).status().await.unwrap();
    assert!(added.success());
    let mut server = burrow(&store)
        .args(["serve", "--listen", "127.0.0.1:0", "--repack", "always"])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    loop {
        let output = burrow(&store).args(["stats", "--json"]).output().await.unwrap();
        let stats: Value = serde_json::from_slice(&output.stdout).unwrap();
        if stats["repacked"] == 1 {
            break;
        }
        assert!(server.try_wait().unwrap().is_none(), "the server ended");
    }
}

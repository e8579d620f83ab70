//! The verbs that list, show, write and change images.

use serde_json::Value;
use tokio::process::Command;

use super::{add, run, store_of};
use crate::support::host::{Host, burrow};
use crate::support::images::fixture;
use crate::support::origin::{Behaviour, Origin};

/// The lines of an output, each parsed as JSON.
fn objects(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The record of an image.
async fn record(store: &std::path::Path, image: &str) -> Value {
    let (code, out, err) = run(burrow(store).args(["show", image, "--json"])).await;
    assert_eq!(code, Some(0), "{err}");
    objects(&out).remove(0)
}

pub async fn json_is_what_the_http_interface_says() {
    let origin = Origin::start().await;
    let mut host = Host::Native.start().await;
    for name in ["photo.png", "drawing.svg"] {
        let url = origin.image(&format!("/{name}"), fixture(name));
        host.client.add_ready(&serde_json::json!({ "url": url })).await;
    }
    let missing = origin.serve("/missing.png", Behaviour::Status(404));
    let id = host.client.add(&serde_json::json!({ "url": missing })).await;
    host.client.settled(&id).await;
    let listed = host.client.get("/images").await.json()["images"].as_array().unwrap().clone();
    let counted = host.client.get("/stats").await.json();
    assert_eq!(counted["formats"].as_array().unwrap().len(), 2, "{counted}");
    assert_eq!(listed.len(), 3);
    assert_eq!(host.stop().await, Some(0));
    let (_, out, _) = run(burrow(host.store()).args(["ls", "--json"])).await;
    assert_eq!(objects(&out), listed);
    let ids = listed.iter().map(|image| image["id"].as_str().unwrap());
    let (_, out, _) = run(burrow(host.store()).args(["show", "--json"]).args(ids)).await;
    assert_eq!(objects(&out), listed);
    let (_, out, _) = run(burrow(host.store()).args(["stats", "--json"])).await;
    assert_eq!(objects(&out), [counted]);
}

pub async fn show_tells_all_for_people() {
    let store = store_of(&["photo.png", "drawing.svg"]).await;
    let (code, out, err) = run(burrow(store.path()).args(["show", "photo.png", "nobody", "drawing.svg"])).await;
    assert_eq!((code, err.as_str()), (Some(1), "burrow: nobody: no such image\n"));
    let photo = record(store.path(), "photo.png").await;
    for field in ["id", "name", "url", "status", "created", "sha256"] {
        assert!(out.contains(photo[field].as_str().unwrap()), "{field}: {out}");
    }
    assert!(out.contains("\n\nid ") && out.contains("image/svg+xml"), "{out}");
}

pub async fn ls_lists_what_is_asked_for() {
    let store = store_of(&["photo.png", "photo.jpg", "drawing.svg"]).await;
    let origin = Origin::start().await;
    let missing = origin.serve("/missing.png", Behaviour::Status(404));
    run(burrow(store.path()).args(["--allow-private-network", "add", &missing])).await;
    run(burrow(store.path()).args(["tag", "photo.png", "photo.jpg", "--add", "camera"])).await;
    run(burrow(store.path()).args(["tag", "photo.png", "--add", "river"])).await;
    let names = async |args: &[&str]| -> Vec<String> {
        let (code, out, err) = run(burrow(store.path()).args(["ls", "--json"]).args(args)).await;
        assert_eq!(code, Some(0), "{err}");
        objects(&out).iter().map(|image| image["name"].as_str().unwrap().into()).collect()
    };
    assert_eq!(names(&[]).await, ["missing.png", "drawing.svg", "photo.jpg", "photo.png"]);
    assert_eq!(names(&["--tag", "camera"]).await, ["photo.jpg", "photo.png"]);
    assert_eq!(names(&["--tag", "camera", "--tag", "river"]).await, ["photo.png"]);
    assert_eq!(names(&["--name", "PHOTO", "-n", "1"]).await, ["photo.jpg"]);
    assert_eq!(names(&["--search", "photo j"]).await, ["photo.jpg"]);
    assert_eq!(names(&["--oldest", "--since", "2020-01-01", "--tag", "camera"]).await, ["photo.png", "photo.jpg"]);
    assert_eq!(names(&["--until", "2020-01-01"]).await, Vec::<String>::new());
    assert_eq!(names(&["--type", "svg"]).await, ["drawing.svg"]);
    assert_eq!(names(&["--host", "nobody.example"]).await, Vec::<String>::new());
    let (code, _, err) = run(burrow(store.path()).args(["ls", "--since", "yesterday"])).await;
    assert!(code == Some(2) && err.contains("2026-11-26"), "{err}");
    assert_eq!(names(&["--status", "failed"]).await, ["missing.png"]);
    assert_eq!(names(&["--status", "failed", "--tag", "camera"]).await, Vec::<String>::new());
    let (code, _, err) = run(burrow(store.path()).args(["ls", "--status", "lost"])).await;
    assert!(code == Some(2) && err.contains("pending, storing, ready, failed"), "{err}");
    // Columns are aligned.
    let (_, out, _) = run(burrow(store.path()).arg("ls")).await;
    let at: Vec<_> = out.lines().map(|line| line.find("ready").or_else(|| line.find("failed")).unwrap()).collect();
    assert!(at.iter().all(|column| *column == at[0]), "{out}");
    assert!(out.contains("camera,river"), "{out}");
}

pub async fn get_writes_several_into_a_directory() {
    let store = store_of(&["photo.png", "drawing.svg"]).await;
    let here = tempfile::tempdir().unwrap();
    let mut get = burrow(store.path());
    get.args(["get", "photo.png", "nobody", "drawing.svg", "-o", "new/deep"]).current_dir(here.path());
    let (code, _, err) = run(&mut get).await;
    assert_eq!((code, err.as_str()), (Some(1), "burrow: nobody: no such image\n"));
    for name in ["photo.png", "drawing.svg"] {
        assert!(std::fs::read(here.path().join("new/deep").join(name)).unwrap() == fixture(name), "{name}");
    }
    assert_eq!(std::fs::read_dir(here.path().join("new/deep")).unwrap().count(), 2);
    // One image is written into an existing directory. With `-`, several are written one after the other.
    assert_eq!(run(burrow(store.path()).args(["get", "photo.png", "-o"]).arg(here.path())).await.0, Some(0));
    assert!(here.path().join("photo.png").is_file());
    let output = burrow(store.path()).args(["get", "photo.png", "drawing.svg", "-o", "-"]).output().await.unwrap();
    assert!(output.stdout == [fixture("photo.png"), fixture("drawing.svg")].concat());
    // A file that exists is replaced only with --force. If two images have the same file name, the second is an error and does not overwrite the first.
    let mut get = burrow(store.path());
    let (code, _, err) = run(get.args(["get", "photo.png", "photo.png", "--force"]).current_dir(here.path())).await;
    assert!(code == Some(1) && err.contains("another of these images") && err.lines().count() == 1, "{err}");
    // A pipe is written, not replaced. A name may be as long as a file name may be.
    let pipe = here.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().await.unwrap().success());
    let reading = Command::new("cat").arg(&pipe).kill_on_drop(true).output();
    let mut get = burrow(store.path());
    let (read, got) = tokio::join!(reading, run(get.args(["get", "photo.png", "-o"]).arg(&pipe)));
    assert!(got.0 == Some(0) && read.unwrap().stdout == fixture("photo.png"), "{}", got.2);
    let long = "n".repeat(255);
    assert_eq!(run(burrow(store.path()).args(["rename", "photo.png", &long])).await.0, Some(0));
    let (code, _, err) = run(burrow(store.path()).args(["get", &long, "-o"]).arg(here.path())).await;
    assert!(code == Some(0) && here.path().join(&long).is_file(), "{err}");
}

pub async fn tags_and_names_are_changed() {
    let store = store_of(&["photo.png", "photo.jpg"]).await;
    let both = ["tag", "photo.png", "photo.jpg"];
    assert_eq!(run(burrow(store.path()).args(both).args(["--add", "a", "--add", "b"])).await.0, Some(0));
    assert_eq!(record(store.path(), "photo.jpg").await["tags"], serde_json::json!(["a", "b"]));
    let mut tag = burrow(store.path());
    let (code, out, err) =
        run(tag.args(["tag", "photo.png", "nobody", "--add", "c", "--add", "b", "--remove", "a"])).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), "", "burrow: nobody: no such image\n"));
    assert_eq!(record(store.path(), "photo.png").await["tags"], serde_json::json!(["b", "c"]));
    // `tag` without `--add` and `--remove` is an error.
    assert_eq!(run(burrow(store.path()).args(["tag", "photo.png"])).await.0, Some(2));
    assert_eq!(run(burrow(store.path()).args(["rename", "photo.png", "other name.png"])).await.0, Some(0));
    assert_eq!(record(store.path(), "other name.png").await["tags"], serde_json::json!(["b", "c"]));
    let (code, _, err) = run(burrow(store.path()).args(["rename", "photo.png", "x"])).await;
    assert_eq!((code, err.as_str()), (Some(1), "burrow: photo.png: no such image\n"));
    let (code, _, err) = run(burrow(store.path()).args(["rename", "photo.jpg", ""])).await;
    assert!(code == Some(1) && err.starts_with("burrow: photo.jpg: name"), "{err}");
}

pub async fn tags_are_listed_and_renamed() {
    let store = store_of(&["photo.png", "photo.jpg", "photo.gif"]).await;
    let tag = async |args: &[&str]| assert_eq!(run(burrow(store.path()).arg("tag").args(args)).await.0, Some(0));
    tag(&["photo.png", "photo.jpg", "--add", "rodents"]).await;
    tag(&["photo.png", "photo.gif", "--add", "Rodentia"]).await;
    let tags = async |args: &[&str]| run(burrow(store.path()).arg("tags").args(args)).await;
    let (code, out, err) = tags(&[]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "        2  Rodentia\n        2  rodents\n", ""));
    let (_, out, _) = tags(&["rod", "--json"]).await;
    assert_eq!(objects(&out), [serde_json::json!({ "tag": "rodents", "images": 2 })]);
    let (code, out, err) = tags(&["rename", "rodents", "Rodentia"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "2 images have the tag Rodentia now\n", ""));
    assert_eq!(tags(&[]).await.1, "        3  Rodentia\n");
    assert_eq!(record(store.path(), "photo.png").await["tags"], serde_json::json!(["Rodentia"]));
    let (code, _, err) = tags(&["rename", "a", " a"]).await;
    assert!(code == Some(1) && err.contains("the same tag"), "{err}");
    let (code, _, err) = run(burrow(store.path()).arg("verify")).await;
    assert_eq!(code, Some(0), "{err}");
}

pub async fn rm_removes_by_id_and_by_name() {
    let store = store_of(&["photo.png", "photo.jpg", "drawing.svg"]).await;
    let id = record(store.path(), "photo.jpg").await["id"].as_str().unwrap().to_owned();
    let (code, out, err) = run(burrow(store.path()).args(["rm", "photo.png", "nobody", &id])).await;
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), "", "burrow: nobody: no such image\n"));
    let (_, out, _) = run(burrow(store.path()).args(["ls", "--json"])).await;
    let left = objects(&out);
    assert!(left.len() == 1 && left[0]["name"] == "drawing.svg", "{out}");
    let (code, _, err) = run(burrow(store.path()).args(["rm", &id])).await;
    assert_eq!((code, err), (Some(1), format!("burrow: {id}: no such image\n")));
}

pub async fn failed_images_are_found_and_tried_again() {
    let store = store_of(&["photo.png"]).await;
    let origin = Origin::start().await;
    let lost = origin.serve("/lost.png", Behaviour::Status(404));
    let later = origin.serve("/later.png", Behaviour::Status(404));
    let mut command = burrow(store.path());
    let (code, _, err) = run(command.args(["--allow-private-network", "add", &lost, &later])).await;
    assert_eq!((code, err.matches("burrow: ").count()), (Some(1), 2), "{err}");
    // A failed image is also found by name, although names lead to ready images first.
    assert_eq!(record(store.path(), "lost.png").await["status"], "failed");
    let (code, _, err) = run(burrow(store.path()).args(["get", "lost.png", "-o", "-"])).await;
    assert!(code == Some(1) && err.starts_with("burrow: lost.png: the image is failed"), "{err}");
    origin.image("/later.png", fixture("photo.jpg"));
    let retry =
        async |args: &[&str]| run(burrow(store.path()).args(["--allow-private-network", "retry"]).args(args)).await;
    let (code, out, err) = retry(&["later.png", "lost.png", "photo.png"]).await;
    assert_eq!((code, out.lines().count(), err.lines().count()), (Some(1), 1, 2), "{out}{err}");
    assert!(
        out.contains("later.png") && err.contains("lost.png: ") && err.contains("photo.png: the image is ready"),
        "{err}"
    );
    origin.image("/lost.png", fixture("photo.gif"));
    let (code, out, _) = retry(&["--all"]).await;
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}");
    assert_eq!(retry(&["--all"]).await, (Some(0), String::new(), String::new()));
    assert_eq!(retry(&[]).await.0, Some(2));
    assert_eq!(retry(&["--all", "lost.png"]).await.0, Some(2));
    // Of images that share a name, `retry` takes the one that failed.
    let (code, _, _) = run(burrow(store.path()).args(["--allow-private-network", "add", &format!("{lost}?")])).await;
    assert_eq!(code, Some(0));
    origin.serve("/lost.png", Behaviour::Status(410));
    run(burrow(store.path()).args(["--allow-private-network", "add", "--again", &lost])).await;
    add(store.path(), &origin.image("/else/lost.png", fixture("photo.bmp"))).await;
    assert_eq!(retry(&["lost.png"]).await.0, Some(1));
    origin.image("/lost.png", fixture("photo.webp"));
    assert_eq!(retry(&["lost.png"]).await.0, Some(0));
}

pub async fn stats_draw_what_is_saved() {
    let store = store_of(&["photo.bmp"]).await;
    let (code, out, _) = run(burrow(store.path()).arg("stats")).await;
    assert!(code == Some(0) && out.contains("images   1\n") && out.contains(" %)"), "{out}");
    assert!(out.contains("format   image/bmp ") && out.contains("month    20"), "{out}");
    assert_eq!(out.chars().filter(|c| matches!(c, '█' | '░')).count(), 40, "{out}");
}

pub async fn version_says_what_is_at_work() {
    let (code, out, _) = run(burrow("nowhere".as_ref()).arg("version")).await;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 4), "{out}");
    assert!(lines[0].ends_with(env!("CARGO_PKG_VERSION")) && lines[1].contains("sha256:"), "{out}");
    assert!(lines[2].starts_with("wasmtime   48.") && lines[3].starts_with("rustc      1."), "{out}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_, out, _) = run(burrow("nowhere".as_ref()).arg("--component").arg(file.path()).arg("version")).await;
    // The SHA-256 of an empty file.
    assert!(out.contains("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), "{out}");
}

//! `burrow add` with lists, files and directories: errors, interruption, and running again.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::host::burrow;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn run(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: status.code(), out: text(&stdout), err: text(&stderr) }
}

fn add(store: &Path) -> Command {
    let mut command = burrow(store);
    command.args(["--allow-private-network", "add"]);
    command
}

/// The names of all ready images, sorted.
async fn names(store: &Path) -> Vec<String> {
    let listed = run(burrow(store).args(["ls", "--status", "ready", "--json"])).await;
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    let name = |line: &str| serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = listed.out.lines().map(name).collect();
    names.sort_unstable();
    names
}

pub async fn bad_lines_are_told_by_number_and_the_rest_goes_on() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = here.path().join("store");
    for n in 1..=6 {
        origin.image(&format!("/{n}.bmp"), bitmap(20_000, n));
    }
    let base = origin.image("/1.bmp", bitmap(20_000, 1)).trim_end_matches("/1.bmp").to_owned();
    let write = |name: &str, list: &[u8]| {
        std::fs::write(here.path().join(name), list).unwrap();
        here.path().join(name)
    };
    let mut plain =
        format!("\u{feff}{base}/1.bmp\r\n\r\n# more\r\nnonsense\r\n{base}/gone.bmp\r\n{base}/1.bmp\r\n").into_bytes();
    plain.extend(b"http://\xff\n");
    let plain = write("plain.txt", &plain);
    let csv = format!("url,name,tags\n{base}/2.bmp,two,a; b\n\"{base}/3.bmp\n,three,\n{base}/4.bmp,,\n");
    let csv = write("list.csv", csv.as_bytes());
    let json = format!("{{\"url\":\"{base}/5.bmp\",\"tags\":[\"j\"]}}\n{{\"uri\":\"x\"}}\n{{\"url\":\"{base}/6.bmp\"");
    let json = write("list.jsonl", json.as_bytes());
    let failed = here.path().join("failed.jsonl");
    let ran = run(add(&store)
        .args(["--tag", "all", "--from"])
        .arg(&plain)
        .arg("--from")
        .arg(&csv)
        .arg("--from")
        .arg(&json)
        .arg("--failed")
        .arg(&failed))
    .await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for told in [
        "plain.txt, line 4: nonsense: url: not a URL",
        "gone.bmp: the origin answered 404",
        "plain.txt, line 7: not UTF-8",
        "list.csv, line 3: a quote is not closed",
        "list.csv, line 4: it needs either a url or a file",
        "list.jsonl, line 2: it needs either a url or a file",
        "list.jsonl, line 3: not a JSON object",
    ] {
        assert!(ran.err.contains(told), "{told}\n{}", ran.err);
    }
    assert_eq!(names(&store).await, ["1.bmp", "4.bmp", "5.bmp", "two"]);
    let tagged = run(burrow(&store).args(["ls", "--json", "--tag", "all", "--tag", "b"])).await;
    assert_eq!(tagged.out.lines().count(), 1, "{}", tagged.out);

    // The list of failures can be read again, and `--failed` may name the list that is read.
    origin.image("/gone.bmp", bitmap(20_000, 9));
    let ran = run(add(&store).arg("--from").arg(&failed).arg("--failed").arg(&failed)).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert_eq!(names(&store).await, ["1.bmp", "4.bmp", "5.bmp", "gone.bmp", "two"]);
    let left = std::fs::read_to_string(&failed).unwrap();
    assert!(left.contains("nonsense") && !left.contains("gone.bmp"), "{left}");
}

pub async fn a_second_run_fetches_only_what_is_missing() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = here.path().join("store");
    let urls: Vec<_> = (0..20).map(|n| origin.image(&format!("/{n}.bmp"), bitmap(30_000, n))).collect();
    let list = urls.join("\n");
    let feed = async |args: &[&str], list: &str| {
        let mut command = add(&store);
        command.args(["--from", "-", "--json"]).args(args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(list.as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let end = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
        let summary = serde_json::from_str::<Value>(&end).unwrap()["summary"].clone();
        ["added", "present", "failed", "left"].map(|what| summary[what].as_u64().unwrap())
    };
    let half = urls[..10].join("\n");
    assert_eq!(feed(&[], &half).await, [10, 0, 0, 0]);
    assert_eq!(feed(&[], &format!("{list}\n{list}")).await[..2], [10, 30]);
    assert_eq!(origin.requests(), 20);
    assert_eq!(names(&store).await.len(), 20);
    assert_eq!(feed(&["--again"], &half).await, [10, 0, 0, 0]);
    assert_eq!(names(&store).await.len(), 30);
}

pub async fn interrupted_it_ends_what_is_under_way_and_goes_on_the_next_time() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = here.path().join("store");
    let list = here.path().join("list");
    let slow = |n| Behaviour::Slow(bitmap(30_000, n).into(), Duration::from_millis(200));
    let urls: Vec<_> = (0..60).map(|n| origin.serve(&format!("/{n}.bmp"), slow(n))).collect();
    std::fs::write(&list, urls.join("\n")).unwrap();
    let interrupt = async |after: usize, times: usize| {
        let before = origin.requests();
        let mut command = add(&store);
        command.arg("--from").arg(&list).arg("--failed").arg(&list);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().unwrap();
        while origin.requests() < before + after {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..times {
            Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let output = child.wait_with_output().await.unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(err.contains("interrupt again") && err.contains("left"), "{err}");
    };
    interrupt(12, 1).await;
    assert_eq!(std::fs::read_to_string(&list).unwrap(), urls.join("\n"), "what is left stays in the list");
    // Interrupted once, `add` finishes the images that it has begun.
    let listed = run(burrow(&store).args(["ls", "--json"])).await;
    assert!(listed.out.lines().all(|line| line.contains("\"ready\"")), "{}", listed.out);
    let ended = names(&store).await.len();
    assert!((8..60).contains(&ended), "{ended}");
    // Until the gate opens, no image can be finished.
    let (open, gate) = tokio::sync::watch::channel(false);
    for n in 0..60 {
        origin.serve(&format!("/{n}.bmp"), Behaviour::Gated(bitmap(30_000, n).into(), gate.clone()));
    }
    interrupt(8, 2).await;
    open.send(true).unwrap();
    let ran = run(add(&store).arg("--from").arg(&list)).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let expected = urls.iter().map(|url| url.rsplit('/').next().unwrap().to_owned());
    let mut expected: Vec<_> = expected.collect();
    expected.sort_unstable();
    assert_eq!(names(&store).await, expected, "each once");
}

pub async fn files_and_directories() {
    let here = tempfile::tempdir().unwrap();
    let (store, photos) = (here.path().join("store"), here.path().join("photos"));
    std::fs::create_dir_all(photos.join("deep/er")).unwrap();
    std::fs::create_dir_all(photos.join(".hidden")).unwrap();
    let image = bitmap(400_000, 1);
    for (path, bytes) in [
        ("a.png", fixture("photo.png")),
        ("deep/er/b.bmp", image.clone()),
        ("deep/notes.txt", b"no image".to_vec()),
        ("empty", Vec::new()),
        (".hidden/c.png", fixture("photo.png")),
    ] {
        std::fs::write(photos.join(path), bytes).unwrap();
    }
    let ran = run(add(&store).arg(&photos).arg(photos.join("a.png")).arg(here.path().join("nothing"))).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("nothing: neither a URL"), "{}", ran.err);
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("burrow: ")).count(), 1, "{}", ran.err);
    assert_eq!(names(&store).await, ["a.png", "deep/er/b.bmp"]);
    let got = burrow(&store).args(["get", "deep/er/b.bmp", "-o", "-"]).output().await.unwrap();
    assert!(got.stdout == image);
    // A file that is no image is a failure if it is named on the command line.
    let ran = run(add(&store).arg(photos.join("deep/notes.txt"))).await;
    assert!(ran.code == Some(1) && ran.err.contains("not an image"), "{}", ran.err);
    // A changed file is another image.
    std::fs::write(photos.join("deep/er/b.bmp"), bitmap(400_000, 2)).unwrap();
    let ran = run(add(&store).arg(&photos)).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(names(&store).await, ["a.png", "deep/er/b.bmp", "deep/er/b.bmp"]);
    // A file is also recognized if a newer image has its name.
    std::fs::write(photos.join("deep/er/b.bmp"), &image).unwrap();
    let ran = run(add(&store).arg(&photos)).await;
    assert!(ran.code == Some(0) && ran.err.contains("were here"), "{}", ran.err);
    assert_eq!(names(&store).await, ["a.png", "deep/er/b.bmp", "deep/er/b.bmp"]);
}

/// Headers, comments and empty lines do not count as left. A broken pipe at standard output does not end the work.
pub async fn all_of_a_list_is_done_and_none_is_left() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let store = here.path().join("store");
    let urls: Vec<_> = (0..40).map(|n| origin.image(&format!("/{n}.bmp"), bitmap(20_000, n))).collect();
    let list = here.path().join("list.csv");
    std::fs::write(&list, format!("# mine\nurl\n\n{}\n", urls.join("\n"))).unwrap();
    let ran = run(add(&store).arg("--from").arg(&list)).await;
    assert!(ran.code == Some(0) && !ran.err.contains("left"), "{}", ran.err);
    let again = here.path().join("again");
    let mut child = add(&again)
        .arg("--from")
        .arg(&list)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&again).await.len(), 40);
    // JSON names list and line, and holds no control characters.
    std::fs::write(&list, "url\n\"open\nhttp://127.0.0.1:1/a\u{7f}\u{85}b\n").unwrap();
    let ran = run(add(&store).args(["--json", "nonsense", "--from"]).arg(&list)).await;
    assert!(ran.code == Some(1) && !ran.out.contains(['\u{7f}', '\u{85}']), "{}", ran.out);
    let lines: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = |what: &str| {
        let line = lines.iter().find(|line| line[what].is_string() && line["error"].is_string());
        line.unwrap_or_else(|| panic!("{what}: {}", ran.out))
    };
    assert_eq!(failed("argument")["argument"], "nonsense");
    assert!(
        lines.iter().any(|line| line["at"].as_str().is_some_and(|at| at.ends_with("list.csv, line 2"))),
        "{}",
        ran.out
    );
    assert_eq!(failed("url")["url"], "http://127.0.0.1:1/a\u{7f}\u{85}b");
}

pub async fn the_first_failure_may_end_it() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let urls: Vec<_> = (0..200).map(|n| origin.image(&format!("/{n}.bmp"), bitmap(20_000, n))).collect();
    let ran = run(add(&here.path().join("store")).args(["--fail-fast", "nonsense"]).args(&urls)).await;
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(origin.requests() < 100 && ran.err.contains("left"), "{} {}", origin.requests(), ran.err);
}

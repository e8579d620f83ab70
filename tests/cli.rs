//! The command line: adding and getting images, failures, interruption.

mod configuration;
mod manual;
mod pictures;
mod printing;
mod shells;
mod verbs;
mod watch;

pub use configuration::*;
pub use manual::*;
pub use pictures::*;
pub use printing::*;
pub use shells::*;
pub use verbs::*;
pub use watch::*;

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::support::host::{Host, burrow, unconfigured};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::Origin;

/// Runs a command; returns its exit code, standard output and standard error.
async fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

/// Runs a command on a terminal of 200 columns; returns its exit code, and both outputs as one text.
async fn run_on_terminal(command: &Command, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let command = command.as_std();
    let quote = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', "'\\''"));
    let words: Vec<_> = [command.get_program()].into_iter().chain(command.get_args()).map(quote).collect();
    let mut script = Command::new("script");
    script.args([
        "--quiet",
        "--return",
        "--command",
        &format!("stty cols 200 rows 50; {}", words.join(" ")),
        "/dev/null",
    ]);
    unconfigured(&mut script).env("TERM", "xterm-256color").envs(variables.iter().copied());
    let (code, out, _) = run(script.stdin(Stdio::null())).await;
    (code, out)
}

/// A store with these fixtures, each named after its file. The last one is the newest.
async fn store_of(images: &[&str]) -> tempfile::TempDir {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    for image in images {
        add(store.path(), &origin.image(&format!("/{image}"), fixture(image))).await;
    }
    store
}

async fn add(store: &Path, url: &str) {
    let (code, _, err) = run(burrow(store).args(["--allow-private-network", "add", "--again", url])).await;
    assert_eq!(code, Some(0), "{err}");
}

pub async fn add_ls_get_give_the_same_bytes() {
    let (store, here, origin) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Origin::start().await);
    let image = bitmap(700_000, 8);
    let urls = [origin.image("/a%20b.bmp", image.clone()), origin.image("/b.png", fixture("photo.png"))];
    let (code, out, err) =
        run(burrow(store.path()).args(["--allow-private-network", "add", "--tag", "t"]).args(&urls)).await;
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{out} {err}");
    assert!(err.starts_with("added ") && err.contains("698.0 kB stored in 633.8 kB, 9 % saved"), "{err}");
    let (code, out, _) = run(burrow(store.path()).arg("ls")).await;
    assert_eq!((code, out.lines().count()), (Some(0), 2), "{out}");
    assert!(out.contains("a b.bmp") && out.contains("b.png") && out.contains("ready"), "{out}");
    let (_, out, _) = run(burrow(store.path()).args(["ls", "-n", "1"])).await;
    assert_eq!(out.lines().count(), 1, "{out}");
    // To a file named after the image, to a named file, and to standard output; by name and by id.
    assert_eq!(run(burrow(store.path()).args(["get", "a b.bmp"]).current_dir(here.path())).await.0, Some(0));
    assert!(std::fs::read(here.path().join("a b.bmp")).unwrap() == image);
    let id = out.split_whitespace().next().unwrap();
    let file = here.path().join("file");
    assert_eq!(run(burrow(store.path()).args(["get", id, "-o"]).arg(&file)).await.0, Some(0));
    assert!([image.clone(), fixture("photo.png")].contains(&std::fs::read(&file).unwrap()));
    // A file that is there is replaced only with --force.
    std::fs::write(&file, "mine").unwrap();
    let (code, _, err) = run(burrow(store.path()).args(["get", id, "-o"]).arg(&file)).await;
    assert!(code == Some(1) && err.contains("--force") && std::fs::read(&file).unwrap() == b"mine", "{err}");
    assert_eq!(run(burrow(store.path()).args(["get", "--force", id, "-o"]).arg(&file)).await.0, Some(0));
    assert!(std::fs::read(&file).unwrap() != b"mine");
    let output = burrow(store.path()).args(["get", "b.png", "-o", "-"]).output().await.unwrap();
    assert!(output.stdout == fixture("photo.png"));
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 2, "something else was left there");
}

pub async fn failures_are_told_and_counted() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let good = origin.image("/photo.png", fixture("photo.png"));
    let (code, out, err) =
        run(burrow(store.path()).args(["--allow-private-network", "add", &good, &format!("{good}x"), "nonsense"]))
            .await;
    assert_eq!((code, out.lines().count()), (Some(1), 1), "{out}");
    assert!(err.contains("answered 404") && err.contains("nonsense: neither a URL"), "{err}");
    let (code, _, err) = run(burrow(store.path()).args(["get", "nobody"])).await;
    assert_eq!((code, err.as_str()), (Some(1), "burrow: nobody: no such image\n"));
    let (code, _, err) = run(burrow(store.path()).args(["dig"])).await;
    assert_eq!(code, Some(2), "{err}");
    let occupied = tempfile::NamedTempFile::new().unwrap();
    let (code, _, err) = run(burrow(occupied.path()).arg("ls")).await;
    assert_eq!(code, Some(1));
    assert!(err.contains(&occupied.path().display().to_string()), "{err}");
}

pub async fn an_interrupted_run_says_so_with_its_exit_code() {
    let store = tempfile::tempdir().unwrap();
    let mut command = burrow(store.path());
    command.args(["import", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    // The verb waits for an archive that does not come.
    let held = child.stdin.take();
    while !store.path().join("vault.sock").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.unwrap().success());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "burrow: interrupted\n");
    drop(held);
    assert_eq!(run(burrow(store.path()).arg("ls")).await.0, Some(0));
}

/// Without `--allow-private-network`, private places are refused by address and by name.
pub async fn private_places_are_refused() {
    let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    for url in [url.as_str(), "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/"] {
        let (code, out, err) = run(burrow(store.path()).args(["add", url])).await;
        assert_eq!((code, out.as_str()), (Some(1), ""), "{url}");
        assert!(err.contains("allow_private_network"), "{url}: {err}");
    }
    assert_eq!(origin.requests(), 0);
}

pub async fn serve_stops_when_asked() {
    let mut burrow = Host::Native.start().await;
    assert_eq!(burrow.client.get("/healthz").await.status, 200);
    assert_eq!(burrow.stop().await, Some(0));
}

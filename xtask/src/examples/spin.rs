//! Tests examples/spin-dependency: builds the app, and starts it where `BURROW_SPIN` names a spin.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::{Origin, empty};
use crate::component;
use crate::run::{output, root, run, say};

/// Builds the app, and has it keep a picture.
pub(super) fn test() -> Result<(), String> {
    component::build_app(&root().join("examples/spin-dependency"))?;
    let Some(spin) = std::env::var_os("BURROW_SPIN") else {
        say("SKIPPED: starting examples/spin-dependency, for BURROW_SPIN does not name a spin");
        return Ok(());
    };
    let origin = Origin::start()?;
    let state = empty(&root().join("target/examples/spin-dependency"))?;
    let mut command = Command::new(spin);
    command.args(["up", "--listen", "127.0.0.1:0", "--variable", "allow_private_network=true", "--state-dir"]);
    command.arg(&state).current_dir(root().join("examples/spin-dependency"));
    let mut app = App(command.stdout(Stdio::piped()).spawn().map_err(|error| format!("spin cannot start: {error}"))?);
    let mut lines = BufReader::new(app.0.stdout.take().ok_or("spin has no standard output")?).lines();
    let base = loop {
        let line = lines.next().ok_or("spin ended before it served")?.map_err(|error| error.to_string())?;
        if let Some(base) = line.strip_prefix("Serving ") {
            break base.to_owned();
        }
    };
    say(&format!("testing examples/spin-dependency at {base}"));
    let (kept, again) = (state.join("kept"), state.join("again"));
    let picture = format!("{base}/picture");
    let headers = state.join("headers");
    let curl = |args: &[&str]| run(Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(args));
    let path = |path: &std::path::Path| path.display().to_string();
    curl(&[
        &picture,
        "--data",
        &format!("{}/gallery.webp", origin.url),
        "--output",
        &path(&kept),
        "--dump-header",
        &path(&headers),
    ])?;
    let headers = fs::read_to_string(&headers).map_err(|error| error.to_string())?;
    let id = headers.lines().find_map(|line| line.strip_prefix("x-image-id: ")).ok_or("the answer names no image")?;
    curl(&[&format!("{picture}?{}", id.trim()), "--output", &path(&again)])?;
    let original = fs::read(root().join("docs/screenshots/gallery.webp")).map_err(|error| error.to_string())?;
    for file in [kept, again] {
        if fs::read(&file).ok().as_ref() != Some(&original) {
            return Err(format!("{} is not the picture", file.display()));
        }
    }
    let none = output(
        "curl",
        &[
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            &format!("{picture}?00000000-0000-7000-8000-000000000000"),
        ],
    );
    if none.as_deref() == Some("404") { Ok(()) } else { Err(format!("a picture that is not there: {none:?}")) }
}

/// A Spin app. Dropping it ends it.
struct App(Child);

impl Drop for App {
    fn drop(&mut self) {
        // Spin runs the app in a child process, and ends that only if it is asked to stop.
        let asked = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        if !asked.is_ok_and(|asked| asked.success()) {
            // It may have ended already.
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}

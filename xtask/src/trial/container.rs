//! Tries the container image with podman: without rights, over a root that cannot be written.

use std::path::Path;
use std::process::Command;

use super::{find, gives_the_image, has_released_component, keeps_an_image};
use crate::run::{output, run, say};

const NAME: &str = "burrow-trial";

/// Loads the image, runs it twice over one volume, and looks into it while it runs.
///
/// # Errors
///
/// podman cannot run the image, or Burrow loses what it was given.
pub(crate) fn test(made: &Path) -> Result<(), String> {
    say("trying the container image");
    let image = load(made)?;
    let _volume = Volume;
    {
        let container = Container::start(&image)?;
        keeps_an_image(&[], &container.url)?;
        // The verbs work inside, through the server that runs.
        run(Command::new("podman").args(["exec", NAME, "burrow", "stats"]))?;
        has_released_component(Command::new("podman").args(["exec", NAME, "burrow"]), made)?;
        run(Command::new("podman").args(["stop", NAME]))?;
    }
    let container = Container::start(&image)?;
    gives_the_image(&[], &container.url)
}

/// Loads the image into podman's store. Returns its name there.
pub(crate) fn load(made: &Path) -> Result<String, String> {
    let file = find(made, "-image-amd64.oci.tar")?;
    run(Command::new("podman").args(["load", "--quiet", "--input"]).arg(&file))?;
    Ok(format!("localhost/burrow:{}", env!("CARGO_PKG_VERSION")))
}

/// A container that runs. Dropping it removes it.
struct Container {
    url: String,
}

impl Container {
    fn start(image: &str) -> Result<Self, String> {
        let mut podman = Command::new("podman");
        // runc runs also where version 1 and 2 of control groups are mixed. The limits are below what any machine allows.
        podman.args(["--runtime", "runc", "run", "--detach", "--replace", "--name", NAME]);
        podman.args(["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]);
        podman.args(["--read-only", "--read-only-tmpfs=false", "--cap-drop", "all"]);
        podman.args(["--security-opt", "no-new-privileges", "--volume", &format!("{NAME}:/data")]);
        run(podman.args(["--publish", "127.0.0.1::3000", image]))?;
        let mut container = Self { url: String::new() };
        let address = output("podman", &["port", NAME, "3000"]).ok_or("the container has no port")?;
        container.url = format!("http://{address}");
        Ok(container)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = output("podman", &["rm", "--force", "--time", "0", NAME]);
    }
}

/// The volume of the containers. Dropping it removes it.
struct Volume;

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = output("podman", &["volume", "rm", "--force", NAME]);
    }
}

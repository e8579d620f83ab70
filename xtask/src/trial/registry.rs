//! Tries a registry: pushes image and component to one on this machine, pulls them, and compares.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::{container, emptied, find};
use crate::run::{output, root, run, say};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Pushes and pulls. The registry must keep every byte, so that the digests are those of the release.
///
/// # Errors
///
/// There is no registry, or it gives something else back.
pub(crate) fn test(made: &Path) -> Result<(), String> {
    say("trying a registry");
    let registry = Registry::start()?;
    for (ending, name) in [("-image-amd64.oci.tar", "burrow"), ("-component.oci.tar", "burrow-component")] {
        let (source, target) =
            (format!("oci-archive:{}:{VERSION}", find(made, ending)?.display()), registry.name(name));
        run(Command::new("skopeo").args(["copy", "--quiet", "--dest-tls-verify=false", &source, &target]))?;
        let (pushed, stored) = (manifest(&source)?, manifest(&target)?);
        if pushed != stored {
            return Err(format!("the registry has another manifest of {name}:\n{stored}\npushed was\n{pushed}"));
        }
    }
    component(&registry, made)?;
    image(&registry, made)
}

/// Pulls the component. Its file is named after its digest, as in SHA256SUMS.
fn component(registry: &Registry, made: &Path) -> Result<(), String> {
    let directory = emptied("pulled")?;
    let (source, target) = (registry.name("burrow-component"), format!("dir:{}", directory.display()));
    run(Command::new("skopeo").args(["copy", "--quiet", "--src-tls-verify=false", &source, &target]))?;
    let released = fs::read(made.join("burrow.wasm")).map_err(|error| format!("cannot read burrow.wasm: {error}"))?;
    let entries = fs::read_dir(&directory).map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
    if entries.flatten().any(|entry| fs::read(entry.path()).is_ok_and(|pulled| pulled == released)) {
        Ok(())
    } else {
        Err(format!("the component that was pulled to {} is not burrow.wasm", directory.display()))
    }
}

/// Pulls the image. It is the one that was loaded from the file, and tried.
fn image(registry: &Registry, made: &Path) -> Result<(), String> {
    let loaded = container::load(made)?;
    let pulled = registry.name("burrow");
    let pulled = pulled.trim_start_matches("docker://");
    run(Command::new("podman").args(["pull", "--quiet", "--tls-verify=false", pulled]))?;
    let id = |name| output("podman", &["image", "inspect", "--format", "{{.Id}}", name]);
    let (loaded_id, pulled_id) = (id(&loaded), id(pulled));
    run(Command::new("podman").args(["image", "rm", pulled]))?;
    if loaded_id.is_some() && loaded_id == pulled_id {
        Ok(())
    } else {
        Err(format!("the image that was pulled is {pulled_id:?}, the one of the release is {loaded_id:?}"))
    }
}

fn manifest(name: &str) -> Result<String, String> {
    output("skopeo", &["inspect", "--raw", "--tls-verify=false", name]).ok_or(format!("skopeo cannot inspect {name}"))
}

/// Debian's docker-registry, on a free port, over an empty directory. Dropping it ends it.
struct Registry {
    process: Child,
    address: String,
    /// Kept open: the registry still writes to it.
    _log: BufReader<ChildStderr>,
}

impl Registry {
    fn start() -> Result<Self, String> {
        let directory = emptied("registry")?;
        let config = root().join("target/trial/registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            directory.display()
        );
        fs::write(&config, text).map_err(|error| format!("cannot write {}: {error}", config.display()))?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut process = command.spawn().map_err(|error| format!("docker-registry could not be started: {error}"))?;
        let mut log = BufReader::new(process.stderr.take().ok_or("docker-registry has no standard error")?);
        let mut line = String::new();
        while !line.contains("listening on ") {
            line.clear();
            match log.read_line(&mut line) {
                Ok(0) => return Err("docker-registry ended before it listened".into()),
                Ok(_) => {}
                Err(error) => return Err(format!("docker-registry says nothing: {error}")),
            }
        }
        let (_, address) = line.split_once("listening on ").unwrap_or_default();
        let address: String = address.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
        Ok(Self { process, address, _log: log })
    }

    /// The name of an image here, as skopeo has it.
    fn name(&self, image: &str) -> String {
        format!("docker://{}/{image}:{VERSION}", self.address)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

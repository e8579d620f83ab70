//! Tries the Debian package: systemd runs in a container over a copy of this machine's root, and the package is installed
//! there.

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{find, has_released_component, keeps_an_image};
use crate::run::{as_root, root, run, say};

const NAME: &str = "burrow-trial-systemd";

/// How every command is run in the container.
const INSIDE: [&str; 3] = ["podman", "exec", NAME];

const UNITS: [&str; 3] = ["burrow.service", "burrow-verify.service", "burrow-verify.timer"];

/// The highest exposure that `systemd-analyze security` may find, in tenths: 0 is none, 100 is a service without limits.
const EXPOSURE: &str = "--threshold=20";

/// Installs the package, gives the service an image, verifies what it stored, and purges the package.
///
/// # Errors
///
/// systemd does not run in podman here, or the package does not do what it is for.
pub(crate) fn test(made: &Path) -> Result<(), String> {
    say("trying the Debian package under systemd");
    let _machine = Machine::start(made)?;
    inside(&["dpkg", "--install", &find(made, ".deb")?.to_string_lossy()])?;
    has_released_component(as_root("podman").args(["exec", NAME, "burrow"]), made)?;
    let backup =
        ["burrow-export.service", "burrow-export.timer"].map(|unit| root().join("examples/operator").join(unit));
    let backup = backup.each_ref().map(|path| path.to_string_lossy());
    inside(&[&["systemd-analyze", "verify"], &UNITS[..], &[&backup[0], &backup[1]]].concat())?;
    for unit in ["burrow.service", "burrow-verify.service"] {
        inside(&["systemd-analyze", "security", "--no-pager", EXPOSURE, unit])?;
    }
    inside(&["systemctl", "is-enabled", "burrow.service", "burrow-verify.timer"])?;
    inside(&["systemctl", "is-active", "burrow.service", "burrow-verify.timer"])?;
    keeps_an_image(&INSIDE, "http://127.0.0.1:3000")?;
    // As the timer does, while the service runs.
    inside(&["systemctl", "start", "burrow-verify.service"])?;
    inside(&["man", "--where", "burrow-serve"])?;
    inside(&["systemctl", "stop", "burrow.service"])?;
    inside(&["dpkg", "--purge", "burrow"])?;
    inside(&["test", "-f", "/var/lib/burrow/vault/vault.redb"])
}

fn inside(args: &[&str]) -> Result<(), String> {
    let (program, rest) = INSIDE.split_first().ok_or("no program")?;
    run(as_root(program).args(rest).args(args)).inspect_err(|_| {
        // What the services said explains most failures.
        let _ = as_root(program).args(rest).args(["journalctl", "--no-pager", "--lines=50", "--unit=burrow*"]).status();
    })
}

/// systemd in a container. What it changes is gone with it. Dropping it ends it.
struct Machine;

impl Machine {
    fn start(made: &Path) -> Result<Self, String> {
        let machine = Self;
        let mut podman = as_root("podman");
        podman.args(["--runtime", "runc", "run", "--detach", "--replace", "--name", NAME, "--systemd=always"]);
        podman.args([
            "--privileged",
            "--network",
            "none",
            "--ulimit",
            "nofile=20000:20000",
            "--ulimit",
            "nproc=8192:8192",
        ]);
        for directory in ["/run", "/tmp"] {
            podman.args(["--mount", &format!("type=tmpfs,destination={directory},notmpcopyup")]);
        }
        for directory in [made.to_path_buf(), root().join("docs"), root().join("examples")] {
            podman.args(["--volume", &format!("{0}:{0}:ro", directory.display())]);
        }
        run(podman.args(["--rootfs", "/:O", "/lib/systemd/systemd"]))?;
        wait()?;
        // Many machines that tests run on forbid packages to start services.
        inside(&["rm", "--force", "/usr/sbin/policy-rc.d"])?;
        Ok(machine)
    }
}

/// Waits until systemd has started in the container, for a minute.
fn wait() -> Result<(), String> {
    for _ in 0..60 {
        let asked = as_root("podman").args(["exec", NAME, "systemctl", "is-system-running"]).output();
        let asked = asked.map_err(|error| format!("podman could not be started: {error}"))?;
        // Degraded: other services of this machine do not work in a container.
        if matches!(String::from_utf8_lossy(&asked.stdout).trim(), "running" | "degraded") {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(1));
    }
    Err("systemd did not start in podman within a minute".into())
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = as_root("podman").args(["rm", "--force", "--time", "0", NAME]).output();
    }
}

//! Tests the clients that generators make from openapi.json: one in Python, one in TypeScript.

use std::path::Path;
use std::process::Command;

use super::{Origin, keeps};
use crate::run::{root, run, say};
use crate::server::Server;
use crate::{node, python};

/// Makes both clients, and has each keep pictures of an origin.
pub(super) fn test(burrow: &Path) -> Result<(), String> {
    let mut server = Server::start(burrow, "examples", &[("BURROW_ALLOW_PRIVATE_NETWORK", "true")])?;
    let origin = Origin::start()?;
    let urls = ["gallery.webp", "image.webp"].map(|name| format!("{}/{name}", origin.url));
    for client in [in_python()?, in_typescript()?] {
        keeps(client, &urls, urls.len(), &server.url)?;
    }
    server.check()
}

/// Generates the client in Python. Returns the command of the example.
fn in_python() -> Result<Command, String> {
    say("making a client in Python from openapi.json");
    let folder = root().join("examples/python-generated");
    let bin = python::venv("generated", &folder.join("requirements.txt"))?.join("bin");
    let output = Command::new(bin.join("openapi-python-client"))
        .args(["generate", "--path", "../../openapi.json", "--config", "generator.yml", "--meta", "none"])
        .args(["--output-path", "burrow_client", "--overwrite"])
        .current_dir(&folder)
        .output()
        .map_err(|error| format!("openapi-python-client could not be started: {error}"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // It leaves out what it does not understand, and says so in a warning.
    if !output.status.success() || said.contains("WARNING") {
        return Err(format!("openapi-python-client does not take all of openapi.json:\n{said}"));
    }
    let mut client = Command::new(bin.join("python"));
    client.arg(folder.join("keep.py"));
    Ok(client)
}

/// Generates the types in TypeScript, and checks the example by them. Returns its command.
fn in_typescript() -> Result<Command, String> {
    say("making types in TypeScript from openapi.json");
    let folder = root().join("examples/typescript");
    node::packages(&folder)?;
    run(Command::new("npm").args(["run", "--silent", "build"]).current_dir(&folder))?;
    let mut client = Command::new("node");
    client.arg(folder.join("out/keep.js"));
    Ok(client)
}

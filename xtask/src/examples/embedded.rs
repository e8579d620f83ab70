//! Tests the examples with Burrow inside: the codecs in Python and in Node.js, and the whole of it in Node.js and in a page.

use std::process::Command;

use crate::run::{root, run, say};
use crate::{component, node, python};

/// Builds the components, and has Python, Node.js and Chromium keep pictures.
pub(super) fn test() -> Result<(), String> {
    component::compose()?;
    let python = root().join("examples/embed-python");
    let venv = python::venv("codec", &python.join("requirements.txt"))?;
    say("testing the codecs in Python");
    let mut tests = Command::new(venv.join("bin/python"));
    run(tests.args(["-m", "unittest"]).current_dir(python).env("PYTHONDONTWRITEBYTECODE", "1"))?;
    say("testing the codecs in Node.js");
    in_javascript("examples/embed-javascript", "transpile")?;
    say("testing the vault in Node.js");
    in_javascript("adapters/js", "build")?;
    say("testing the page of examples/browser");
    in_javascript("examples/browser", "build")
}

/// Installs the packages of a directory, runs its script that builds it, and tests it.
fn in_javascript(directory: &str, build: &str) -> Result<(), String> {
    let folder = root().join(directory);
    node::packages(&folder)?;
    for verb in [["run", "--silent", build].as_slice(), &["test", "--silent"]] {
        run(Command::new("npm").args(verb).current_dir(&folder))?;
    }
    Ok(())
}

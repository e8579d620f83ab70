//! Tests the Flask front end, `examples/flask-frontend`, over a real server.

use std::path::Path;
use std::process::Command;

use crate::python;
use crate::run::{root, run, say};
use crate::server::Server;

/// Serves an empty store, and runs the tests of the front end on it.
pub(crate) fn test(burrow: &Path, args: &[String]) -> Result<(), String> {
    if !args.is_empty() {
        return Err("flask takes no arguments".into());
    }
    let example = root().join("examples/flask-frontend");
    let venv = python::venv("flask", &example.join("requirements.txt"))?;
    let mut server = Server::start(burrow, "flask", &[("BURROW_ALLOW_PRIVATE_NETWORK", "true")])?;
    say(&format!("testing the Flask front end over {}", server.url));
    let mut tests = Command::new(venv.join("bin/python"));
    tests.arg(example.join("test_frontend.py")).env("BURROW_URL", &server.url).env("PYTHONDONTWRITEBYTECODE", "1");
    let tested = run(&mut tests);
    server.check()?;
    tested
}

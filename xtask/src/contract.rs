//! Checks the service against openapi.json, and against HTTP: schemathesis draws requests and checks answers; `REDbot` asks
//! for every kind of resource in several ways.

use std::path::Path;
use std::process::Command;

use crate::python;
use crate::run::{root, run, say};
use crate::server::Server;

/// Random requests for each operation, unless `--examples` sets their number. Requests from the document's examples and
/// limits come in addition.
const EXAMPLES: u32 = 40;

/// Settings of the server, as tests/contract expects them. With these hosts, random URLs reach only the server itself
/// and names that never resolve.
const SETTINGS: [(&str, &str); 6] = [
    ("BURROW_ALLOW_PRIVATE_NETWORK", "true"),
    ("BURROW_ALLOWED_HOSTS", "127.0.0.1 *.example *.invalid"),
    ("BURROW_LINK_KEYS", "contract:contract-link-secret"),
    ("BURROW_MAX_WAIT_SECONDS", "1"),
    ("BURROW_READ_TOKEN", "contract-read-token"),
    ("BURROW_WRITE_TOKEN", "contract-write-token"),
];

/// Serves an empty store, and runs schemathesis and `REDbot` on it. `args` may hold `--examples N`.
pub(crate) fn test(burrow: &Path, args: &[String]) -> Result<(), String> {
    let examples = match args {
        [] => EXAMPLES,
        [flag, number] if flag == "--examples" => number.parse().map_err(|_| format!("{number} is not a number"))?,
        _ => return Err("contract takes --examples N, and nothing else".into()),
    };
    let venv = python::venv("contract", &root().join("tests/contract/requirements.txt"))?;
    let mut server = Server::start(burrow, "contract", &SETTINGS)?;
    say(&format!("checking {} against openapi.json", server.url));
    let mut schemathesis = Command::new(venv.join("bin/schemathesis"));
    schemathesis
        .args(["--config-file", "tests/contract/schemathesis.toml", "run", "openapi.json", "--url", &server.url])
        .args(["--max-examples", &examples.to_string()])
        // Leaves no files among the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", root().join("target/contract/hypothesis"))
        .current_dir(root());
    let checked = run(&mut schemathesis);
    server.check()?;
    checked?;
    judge(&server)?;
    server.check()
}

/// Has `REDbot` judge the answers for every kind of resource.
fn judge(server: &Server) -> Result<(), String> {
    let venv = python::venv("redbot", &root().join("tests/contract/redbot.txt"))?;
    say("checking every kind of resource by HTTP's rules");
    let mut judged = Command::new(venv.join("bin/python"));
    judged.args(["tests/contract/judged.py", &server.url, "contract-write-token"]);
    run(judged.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(root()))
}

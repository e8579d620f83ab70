//! `cargo xtask`: builds, serves, tests and lints Burrow, and installs the tools for that.
//!
//! It prints each step, and uses only the standard library, so that it compiles in a moment.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]

mod bench;
mod browser;
mod component;
mod contract;
mod deny;
mod dist;
mod examples;
mod flask;
mod host;
mod node;
mod python;
mod run;
mod server;
mod torture;
mod trial;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  build              the component, target/burrow.wasm; sets up the toolchain for it if there is none
  compose            components for other hosts: with adapters, and the codecs alone; target/burrow-*.wasm
  serve [-- ARGS]    builds all, then `burrow serve ARGS` (http://127.0.0.1:3000 over ./burrow-data)
  test [-- ARGS]     builds all, then runs every test but those of components and apps in examples/; with ARGS runs
                     only `cargo test ... ARGS`
  browser [-- FILES] builds all, then tests the pages in Chromium: tests/browser/FILES, or all
  flask              builds all, then tests examples/flask-frontend
  examples           builds all, then tests examples/: clients, the codecs in Python and Node.js, an app on BURROW_SPIN
  contract [-- ARGS] builds all, then checks the service against openapi.json; --examples N for each operation (40)
  torture [-- ARGS]  builds all, then kills and checks `burrow serve` again and again; --minutes N (10), --seed S,
                     --bucket (contents in a bucket of S3)
  bench [-- ARGS]    builds all, then measures Burrow beside its peers; --short, --only NAME, --rounds N, ...
  dist [-- --test]   packs a release in target/dist: programs, packages, images; --test tries each, as root
  lint               clippy for the host and for the component, and the documentation, warnings denied; cargo-deny
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.skip_while(|arg| arg == "--").collect();
    let burrow = || component::build().and_then(|component| host::build(&component, &["burrow"]));
    let done = match command.as_str() {
        "build" => component::build().map(|path| println!("{}", path.display())),
        "compose" => component::compose().map(|paths| paths.iter().for_each(|path| println!("{}", path.display()))),
        "serve" => component::build().and_then(|component| host::serve(&component, &rest)),
        "test" => component::build().and_then(|component| {
            host::test(&component, &rest)?;
            if !rest.is_empty() {
                return Ok(());
            }
            let burrow = host::build(&component, &["burrow"])?;
            contract::test(&burrow, &[])?;
            flask::test(&burrow, &[])?;
            examples::test_clients(&burrow)?;
            browser::test(&burrow, &[])
        }),
        "browser" => burrow().and_then(|burrow| browser::test(&burrow, &rest)),
        "bench" => component::build()
            .and_then(|component| host::build(&component, &["burrow", "bench"]))
            .and_then(|burrow| bench::run_all(&burrow, &rest)),
        "dist" => dist::run_all(&rest),
        "examples" => burrow().and_then(|burrow| examples::test(&burrow, &rest)),
        "flask" => burrow().and_then(|burrow| flask::test(&burrow, &rest)),
        "contract" => burrow().and_then(|burrow| contract::test(&burrow, &rest)),
        "torture" => component::build().and_then(|component| torture::test(&component, &rest)),
        "lint" => {
            component::lint().and_then(|()| host::lint()).and_then(|()| host::document()).and_then(|()| deny::check())
        }
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command {other}\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

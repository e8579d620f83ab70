//! Runs the example: it copies an image byte for byte, and refuses a private address.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn what_goes_in_comes_out() {
    let here = tempfile::tempdir().unwrap();
    let (store, copy) = (here.path().join("store"), here.path().join("copy.png"));
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let (component, photo) = (format!("{top}/target/burrow.wasm"), format!("{top}/tests/fixtures/images/photo.png"));
    let embed = |source: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_embed-rust"));
        command.args([&component, store.to_str().unwrap(), source, copy.to_str().unwrap()]).output().unwrap()
    };
    let output = embed(&photo);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(&copy).unwrap() == std::fs::read(&photo).unwrap());
    // The library refuses private addresses by default.
    let output = embed("http://127.0.0.1:1/x.png");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("allow_private_network"), "{output:?}");
}

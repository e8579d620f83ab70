//! README.md describes every measure.

use std::process::Command;

#[test]
fn the_readme_describes_every_measure() {
    let help = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let measures: Vec<&str> =
        help.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_once(':')).map(|(name, _)| name).collect();
    assert!(measures.len() > 3, "{help}");
    for name in measures {
        assert!(readme.contains(&format!("| `{name}` |")), "README.md does not describe {name}");
    }
}

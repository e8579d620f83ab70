//! The documents of the repository: the map has every file, and every link leads to one.

use std::path::{Path, PathBuf};

use crate::support::images::repository;

/// Directories whose files are in the map.
const MAPPED: [&str; 11] = [
    "crates/model/src",
    "crates/vault/src",
    "crates/pixels/src",
    "crates/recompress/src",
    "crates/http/src",
    "src",
    "codec/src",
    "adapters/filesystem/src",
    "adapters/compose/src",
    "host/src",
    "cli/src",
];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a directory whose names end so, as paths; without built and foreign ones.
fn files_below(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | ".git" | "burrow-data") {
                files.extend(files_below(&path, ending));
            }
        } else if name.ends_with(ending) {
            files.push(path);
        }
    }
    files
}

/// The source files that the map lists: each line is indented below its directory or below the file that is its door.
fn mapped() -> Vec<PathBuf> {
    let page = read(&repository().join("ARCHITECTURE.md"));
    let map = page.split("\n## The map\n").nth(1).unwrap().split("```\n").nth(1).unwrap();
    let (mut files, mut root, mut doors) = (Vec::new(), PathBuf::new(), Vec::<String>::new());
    for line in map.lines().filter(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        let depth = (line.len() - line.trim_start().len()) / 2;
        if depth == 0 {
            root = name.trim_end_matches('/').into();
            continue;
        }
        doors.truncate(depth - 1);
        let file = doors.iter().fold(root.clone(), |path, door| path.join(door)).join(name);
        doors.push(name.trim_end_matches(".rs").to_owned());
        files.push(file);
    }
    files
}

/// ARCHITECTURE.md lists every source file but those of unit tests, and no file that is gone.
pub async fn the_map_has_every_source_file() {
    let mut there: Vec<PathBuf> = MAPPED
        .iter()
        .flat_map(|directory| files_below(&repository().join(directory), ".rs"))
        .map(|path| path.strip_prefix(repository()).unwrap().to_owned())
        .filter(|path| path.components().all(|part| !matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs"))))
        .collect();
    let mut listed = mapped();
    there.sort();
    listed.sort();
    assert_eq!(listed, there);
}

/// Relative links in Markdown files name files or directories of the repository.
pub async fn every_link_leads_to_a_file() {
    let mut broken = Vec::new();
    for page in files_below(&repository(), ".md") {
        let text = read(&page);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let path = target.split(['#', ' ']).next().unwrap();
            let is_relative = !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:");
            if is_relative && !page.parent().unwrap().join(path).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Each row of docs/threats.md names a test, and each test that it names is there; those of the suite are in its list.
pub async fn every_threat_names_a_test_that_is_there() {
    let page = read(&repository().join("docs/threats.md"));
    let suite = read(&repository().join("tests/suite.rs"));
    let table = page.split("\n## Table\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let tests: Vec<&str> = row.split(" | ").last().unwrap().split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        for test in tests {
            let (path, name) = test.split_once("::").unwrap_or((test, ""));
            let is_listed = || suite.split([' ', ',', ';', '\n', '(']).any(|word| word == name);
            let is_there = std::fs::read_to_string(repository().join(path)).is_ok_and(|source| {
                name.is_empty()
                    || (source.contains(&format!("fn {name}(")) && (!path.starts_with("tests/") || is_listed()))
            });
            if !is_there {
                wrong.push(format!("there is no test {test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

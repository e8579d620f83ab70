//! The list of everything that is built into the program and the component, as `CycloneDX` 1.6.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use toml::de::DeTable;

use crate::{SUMMARY, VERSION, read};

/// A crate, as `cargo tree` prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    license: String,
}

/// A crate and the crates that it uses.
type Graph = BTreeMap<Package, BTreeSet<Package>>;

/// The two things that are built: package and features, and the target.
const BUILT: [(&str, &[&str], &str); 2] = [
    ("burrow-cli", &["--features", "burrow-cli/bundled"], "x86_64-unknown-linux-musl"),
    ("burrow", &[], "wasm32-wasip2"),
];

/// Writes the list: asks cargo which crates are built for each target, without those that only build others.
///
/// # Errors
///
/// Cargo fails, or Cargo.lock cannot be read.
pub(crate) fn write(checkout: &Path, created: &str) -> Result<Vec<u8>> {
    let mut graph = Graph::new();
    for (package, features, target) in BUILT {
        let mut cargo = Command::new("cargo");
        cargo.args(["tree", "--locked", "--package", package, "--target", target]).args(features);
        cargo.args(["--edges", "normal,no-proc-macro", "--prefix", "depth", "--format", "|{p}|{l}"]);
        let output = cargo.current_dir(checkout).output().context("cannot run cargo tree")?;
        ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
        for (package, used) in parse(&String::from_utf8(output.stdout)?)? {
            graph.entry(package).or_default().extend(used);
        }
    }
    let checksums = checksums(&String::from_utf8(read(&checkout.join("Cargo.lock"))?)?)?;
    Ok(serde_json::to_vec_pretty(&document(&graph, &checksums, created))?)
}

/// Reads what `cargo tree --prefix depth` prints: each crate a line, after its depth in the tree.
fn parse(tree: &str) -> Result<Graph> {
    let mut graph = Graph::new();
    let mut above: Vec<Package> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut fields = line.split('|');
        let (depth, package, license) = (fields.next(), fields.next(), fields.next());
        let depth: usize = depth.unwrap_or_default().parse().with_context(|| format!("no depth in {line:?}"))?;
        let mut words = package.unwrap_or_default().split(' ');
        let (name, version) = words.next().zip(words.next()).with_context(|| format!("no package in {line:?}"))?;
        let package = Package {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
            // A crate whose own crates were printed before has (*) at its end.
            license: license.unwrap_or_default().trim_end_matches(" (*)").to_owned(),
        };
        above.truncate(depth);
        if let Some(user) = above.last() {
            graph.entry(user.clone()).or_default().insert(package.clone());
        }
        graph.entry(package.clone()).or_default();
        above.push(package);
    }
    Ok(graph)
}

/// SHA-256 of each crate's file in the registry, by name and version, from Cargo.lock.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let table = DeTable::parse(lock).context("cannot read Cargo.lock")?.into_inner();
    let packages =
        table.get("package").and_then(|value| value.get_ref().as_array()).context("no package in Cargo.lock")?;
    let mut found = BTreeMap::new();
    for package in packages {
        let text = |key| Some(package.get_ref().as_table()?.get(key)?.get_ref().as_str()?.to_owned());
        if let (Some(name), Some(version), Some(checksum)) = (text("name"), text("version"), text("checksum")) {
            found.insert((name, version), checksum);
        }
    }
    Ok(found)
}

fn document(graph: &Graph, checksums: &BTreeMap<(String, String), String>, created: &str) -> Value {
    let components = graph.keys().map(|package| {
        let Package { name, version, license } = package;
        let mut component = json!({
            "type": "library",
            "bom-ref": reference(package),
            "name": name,
            "version": version,
            "licenses": [{ "expression": expression(license) }],
        });
        let checksum = checksums.get(&(name.clone(), version.clone()));
        if let (Some(checksum), Some(fields)) = (checksum, component.as_object_mut()) {
            fields.insert("purl".into(), json!(reference(package)));
            fields.insert("hashes".into(), json!([{ "alg": "SHA-256", "content": checksum }]));
        }
        component
    });
    let dependencies = graph.iter().map(|(package, used)| {
        json!({ "ref": reference(package), "dependsOn": used.iter().map(reference).collect::<Vec<_>>() })
    });
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": created,
            "component": {
                "type": "application",
                "bom-ref": "release",
                "name": "burrow",
                "version": VERSION,
                "description": SUMMARY,
                "licenses": [{ "expression": "Apache-2.0" }],
            },
        },
        "components": components.collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    })
}

/// The package URL (purl) of a crate.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

/// A licence as an SPDX expression. Older crates have `/` for `OR`.
fn expression(license: &str) -> String {
    license.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, license: &str) -> Package {
        Package { name: name.into(), version: version.into(), license: license.into() }
    }

    #[test]
    fn the_tree_of_cargo_becomes_a_graph() {
        let (program, library) =
            (package("burrow-cli", "0.1.0", "Apache-2.0"), package("ring", "0.17.14", "Apache-2.0 AND ISC"));
        let (http, bytes) = (package("http", "1.5.0", "MIT OR Apache-2.0"), package("bytes", "1.12.2", "MIT"));
        let tree = "0|burrow-cli v0.1.0 (/somewhere/cli)|Apache-2.0\n1|http v1.5.0|MIT OR Apache-2.0\n2|bytes v1.12.2|MIT\n\
                    1|ring v0.17.14|Apache-2.0 AND ISC\n1|bytes v1.12.2|MIT (*)\n";
        let graph = parse(tree).unwrap();
        let uses = |used: &[&Package]| used.iter().map(|package| (*package).clone()).collect::<BTreeSet<_>>();
        let expected = Graph::from([
            (program, uses(&[&http, &library, &bytes])),
            (http, uses(&[&bytes])),
            (library, uses(&[])),
            (bytes, uses(&[])),
        ]);
        assert_eq!(graph, expected);
        assert!(parse("burrow-cli v0.1.0|Apache-2.0").is_err());
    }

    #[test]
    fn crates_of_the_registry_have_a_package_url_and_a_checksum() {
        let lock = "[[package]]\nname = \"burrow-cli\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"wasip3\"\nversion = \"0.7.1+wasi-0.3.0\"\nchecksum = \"c0ffee\"\n";
        let graph = Graph::from([
            (package("burrow-cli", "0.1.0", "Apache-2.0"), BTreeSet::new()),
            (package("wasip3", "0.7.1+wasi-0.3.0", "MIT/Apache-2.0"), BTreeSet::new()),
        ]);
        let document = document(&graph, &checksums(lock).unwrap(), "2026-11-27T00:00:00Z");
        assert_eq!(document["components"][0].get("purl"), None);
        let component = &document["components"][1];
        assert_eq!(component["purl"], "pkg:cargo/wasip3@0.7.1%2Bwasi-0.3.0");
        assert_eq!(component["hashes"][0]["content"], "c0ffee");
        assert_eq!(component["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }
}

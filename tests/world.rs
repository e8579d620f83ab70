//! The built component has exactly the imports and exports of `wit/world.wit`.

use std::collections::BTreeSet;

use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId};

use crate::support::images::repository;

/// The packages of WASI 0.2 that Rust's standard library imports, in whatever 0.2 release it was built with. The
/// world's documentation names them, too.
const STANDARD_LIBRARY: [&str; 5] = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/"];

pub async fn the_component_is_what_the_world_says() {
    let component = std::fs::read(repository().join("target/burrow.wasm")).expect("run `cargo xtask build` first");
    let DecodedWasm::Component(built, world) = wit_component::decode(&component).unwrap() else {
        panic!("burrow.wasm is no component");
    };
    let (imports, exports) = interfaces(&built, world);
    let imports: BTreeSet<_> = imports
        .into_iter()
        .filter(|name| !(name.contains("@0.2.") && STANDARD_LIBRARY.iter().any(|package| name.starts_with(package))))
        .collect();

    let mut said = Resolve::default();
    let (package, _) = said.push_dir(repository().join("wit")).unwrap();
    let world = said.select_world(&[package], Some("burrow")).unwrap();
    let (said_imports, said_exports) = interfaces(&said, world);

    assert_eq!(imports, said_imports);
    assert_eq!(exports, said_exports);
}

/// The names of the interfaces that a world imports and exports.
fn interfaces(resolve: &Resolve, world: WorldId) -> (BTreeSet<String>, BTreeSet<String>) {
    let world = &resolve.worlds[world];
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, wit_parser::WorldItem>| {
        items.keys().map(|key| resolve.name_world_key(key)).collect()
    };
    (names(&world.imports), names(&world.exports))
}

//! Plugs an adapter under the component: what the adapter exports, the component imports, and nobody else sees it.
//!
//! ```sh
//! compose COMPONENT ADAPTER OUTPUT
//! ```
//!
//! `cargo xtask compose` calls it. The component's own bytes stand in the output unchanged.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId, plug};

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [component, adapter, output] = arguments.as_slice() else {
        bail!("compose takes three paths: the component, the adapter, and what to write");
    };
    let composed = compose(component, adapter)?;
    std::fs::write(output, composed).with_context(|| format!("cannot write {}", output.display()))
}

fn compose(component: &Path, adapter: &Path) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "burrow:component", component)?;
    let adapter = register(&mut graph, "burrow:adapter", adapter)?;
    let offered: Vec<String> = graph.types()[graph[adapter].ty()].exports.keys().cloned().collect();
    plug(&mut graph, vec![adapter], socket)?;
    let composed = graph.encode(EncodeOptions::default())?;
    // What does not fit is left out in silence, and would be missed only when a host starts the component.
    let composed_package = Package::from_bytes("burrow:composed", None, composed.clone(), graph.types_mut())?;
    let imports = &graph.types()[composed_package.ty()].imports;
    for interface in offered {
        ensure!(!imports.contains_key(&interface), "{interface} of the adapter is not the component's");
    }
    Ok(composed)
}

fn register(graph: &mut CompositionGraph, name: &str, path: &Path) -> Result<PackageId> {
    let package = Package::from_file(name, None, path, graph.types_mut())
        .with_context(|| format!("{} cannot be read", path.display()))?;
    graph.register_package(package).with_context(|| format!("{} cannot be used", path.display()))
}

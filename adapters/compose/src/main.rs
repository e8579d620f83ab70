//! Makes components of others. `cargo xtask compose` calls it.
//!
//! ```sh
//! compose plug COMPONENT ADAPTER OUTPUT
//! compose seal MODULE ADAPTER OUTPUT
//! ```
//!
//! `plug` puts an adapter under a component: what the adapter exports, the component imports, and nobody else sees it.
//! The component's own bytes stand in the output unchanged. `seal` makes a component of a module of WASI 0.1 that needs
//! no host: the adapter, in WebAssembly's text form, answers what the module asks of WASI.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};
use wit_component::{ComponentEncoder, DecodedWasm};

/// The name under which modules import WASI 0.1.
const WASI: &str = "wasi_snapshot_preview1";

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [verb, input, adapter, output] = arguments.as_slice() else {
        bail!("compose takes plug or seal, and three paths: what to compose, the adapter, and what to write");
    };
    let composed = match verb.to_str() {
        Some("plug") => plug(input, adapter)?,
        Some("seal") => seal(input, adapter)?,
        _ => bail!("{} is neither plug nor seal", verb.display()),
    };
    std::fs::write(output, composed).with_context(|| format!("cannot write {}", output.display()))
}

fn plug(component: &Path, adapter: &Path) -> Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let socket = register(&mut graph, "burrow:component", component)?;
    let adapter = register(&mut graph, "burrow:adapter", adapter)?;
    let offered: Vec<String> = graph.types()[graph[adapter].ty()].exports.keys().cloned().collect();
    wac_graph::plug(&mut graph, vec![adapter], socket)?;
    let composed = graph.encode(EncodeOptions::default())?;
    // What does not fit is left out in silence, and would be missed only when a host starts the component.
    let imported = imports(&composed)?;
    for interface in offered {
        ensure!(!imported.contains(&interface), "{interface} of the adapter does not fit the component's");
    }
    Ok(composed)
}

fn register(graph: &mut CompositionGraph, name: &str, path: &Path) -> Result<PackageId> {
    let package = Package::from_file(name, None, path, graph.types_mut())
        .with_context(|| format!("{} cannot be read", path.display()))?;
    graph.register_package(package).with_context(|| format!("{} cannot be used", path.display()))
}

fn seal(module: &Path, adapter: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let adapter = wat::parse_file(adapter)?;
    let sealed = ComponentEncoder::default().validate(true).module(&bytes)?.adapter(WASI, &adapter)?.encode()?;
    let imported = imports(&sealed)?;
    ensure!(imported.is_empty(), "it still imports {}", imported.join(", "));
    Ok(sealed)
}

/// The interfaces that a component imports.
fn imports(component: &[u8]) -> Result<Vec<String>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        bail!("it is no component");
    };
    let world = resolve.worlds.get(world).context("it has no world")?;
    Ok(world.imports.keys().map(|key| resolve.name_world_key(key)).collect())
}

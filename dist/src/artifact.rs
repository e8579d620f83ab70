//! The component as an OCI artifact, as `wkg` publishes it: CNCF's Wasm OCI Artifact layout, version 0.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, World, WorldKey};

use crate::oci::Layout;
use crate::parts::Parts;

/// Packs the artifact. The component has its WIT inside.
///
/// # Errors
///
/// The file is no component, or the time of the release is no time.
pub(crate) fn pack(parts: &Parts) -> Result<Vec<u8>> {
    let created = &parts.created;
    let mut layout = Layout::default();
    let mut layer = layout.blob("application/wasm", &parts.component);
    let config = json!({
        "created": created,
        "architecture": "wasm",
        // The layout's only word for components, whichever WASI they import.
        "os": "wasip2",
        "layerDigests": [layer.get("digest")],
        "component": interface(&parts.component)?,
    });
    if let Some(fields) = layer.as_object_mut() {
        fields.insert("annotations".into(), json!({ "org.opencontainers.image.title": "burrow.wasm" }));
    }
    let config = layout.blob("application/vnd.wasm.config.v0+json", &serde_json::to_vec(&config)?);
    layout.finish("localhost/burrow-component", &config, &layer, created, parts.time)
}

/// The names of what a component imports and exports.
fn interface(component: &[u8]) -> Result<Value> {
    let DecodedWasm::Component(resolve, world) =
        wit_component::decode(component).context("cannot read the component")?
    else {
        bail!("this is WIT, and no component");
    };
    let World { imports, exports, .. } = resolve.worlds.get(world).context("the component has no world")?;
    let named = |keys: Vec<&WorldKey>| keys.into_iter().map(|key| name(&resolve, key)).collect::<Vec<_>>();
    Ok(json!({ "imports": named(imports.keys().collect()), "exports": named(exports.keys().collect()) }))
}

fn name(resolve: &Resolve, key: &WorldKey) -> String {
    resolve.name_world_key(key)
}

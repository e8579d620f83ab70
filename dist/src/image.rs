//! The container image: the program alone, without a shell or a distribution, run by a user without rights.

use anyhow::Result;
use serde_json::json;

use crate::VERSION;
use crate::oci::{Layout, annotations, hex_sha256};
use crate::parts::Parts;
use crate::tree::{Tree, gzip};

/// The user of the image, called `nonroot` in others.
const USER: u64 = 65532;

/// Packs the image. It writes only to the volume `/data`: the root may be read-only.
///
/// # Errors
///
/// The time of the release is no time.
pub(crate) fn pack(parts: &Parts) -> Result<Vec<u8>> {
    let mut root = Tree::default();
    root.file("usr/bin/burrow", 0o755, &parts.program);
    root.file("usr/share/doc/burrow/copyright", 0o644, &parts.license);
    root.directory("data", 0o700, USER);
    let unpacked = root.tar("", parts.time)?;
    let created = &parts.created;
    let config = json!({
        "created": created,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": ["/usr/bin/burrow"],
            "Cmd": ["serve"],
            "Env": [
                "PATH=/usr/bin",
                "BURROW_LISTEN=0.0.0.0:3000",
                "BURROW_STORE=/data/vault",
                // The compiled component: a container that starts again with its volume does not compile it again.
                "XDG_CACHE_HOME=/data/cache",
            ],
            "ExposedPorts": { "3000/tcp": {} },
            "Volumes": { "/data": {} },
            "WorkingDir": "/data",
            "StopSignal": "SIGTERM",
            "Labels": annotations(created),
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", hex_sha256(&unpacked))] },
        "history": [{ "created": created, "created_by": format!("burrow {VERSION}") }],
    });
    let mut layout = Layout::default();
    let config = layout.blob("application/vnd.oci.image.config.v1+json", &serde_json::to_vec(&config)?);
    let layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(&unpacked)?);
    layout.finish("localhost/burrow", &config, &layer, created, parts.time)
}

//! Writes images and artifacts in the OCI image layout (image-spec 1.1), packed as one tar file.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::tree::Tree;
use crate::{SUMMARY, VERSION};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layout that is being filled.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    files: Tree,
}

impl Layout {
    /// Adds a blob. Returns its descriptor.
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = hex_sha256(bytes);
        self.files.file(&format!("blobs/sha256/{digest}"), 0o644, bytes);
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() })
    }

    /// Adds the manifest of these descriptors, which the layout calls by the version, and ends the layout. `name` is the
    /// name under which tools load the image, `created` a time as in RFC 3339.
    ///
    /// # Errors
    ///
    /// None that is known: all names are short.
    pub(crate) fn finish(
        mut self,
        name: &str,
        config: &Value,
        layer: &Value,
        created: &str,
        time: u64,
    ) -> Result<Vec<u8>> {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [layer],
            "annotations": annotations(created),
        });
        let mut descriptor = self.blob(MANIFEST, &serde_json::to_vec(&manifest)?);
        if let Some(fields) = descriptor.as_object_mut() {
            let names = json!({ "org.opencontainers.image.ref.name": VERSION, "io.containerd.image.name": format!("{name}:{VERSION}") });
            fields.insert("annotations".into(), names);
        }
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor] });
        self.files.file("index.json", 0o644, &serde_json::to_vec(&index)?);
        self.files.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#);
        self.files.tar("", time)
    }
}

/// What the image specification has names for (annotations.md), as annotations and as labels.
pub(crate) fn annotations(created: &str) -> Value {
    json!({
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.description": SUMMARY,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.title": "burrow",
        "org.opencontainers.image.version": VERSION,
    })
}

/// SHA-256 in hexadecimal.
pub(crate) fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn every_descriptor_leads_to_the_bytes_it_states() {
        let mut layout = Layout::default();
        let config = layout.blob("application/json", b"{}");
        let layer = layout.blob("application/wasm", b"\0asm");
        let packed = layout.finish("localhost/burrow", &config, &layer, "2026-11-27T00:00:00Z", 0).unwrap();
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(packed.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().to_string_lossy().into_owned(), bytes);
        }
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
            let bytes = files[&format!("blobs/sha256/{digest}")].clone();
            assert_eq!((hex_sha256(&bytes), json!(bytes.len())), (digest, descriptor["size"].clone()));
            bytes
        };
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        assert_eq!(blob(&manifest["config"]), b"{}");
        assert_eq!(blob(&manifest["layers"][0]), b"\0asm");
    }
}

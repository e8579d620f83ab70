//! The records of an object store: what each object holds, and which object store a vault uses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Record;

/// An object, which holds chunks of one blob. It is written when the object is complete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Where each chunk lies: its number, with its offset and length in bytes.
    pub chunks: BTreeMap<u32, (u64, u32)>,
}

impl Record for Object {
    const KIND: u8 = b'B';
    const WHAT: &'static str = "record of an object";
}

/// The object store that holds a vault's objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectStore {
    /// Its name, as `--blobs` takes it.
    pub name: String,
    /// The vault's own id, which the object store has, too: no other vault may use the same place.
    pub vault: String,
}

impl Record for ObjectStore {
    const KIND: u8 = b'O';
    const WHAT: &'static str = "record of the object store";
}

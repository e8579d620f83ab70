//! The vault: what one can do with images. Each verb is a method, in the file that bears its name.
//!
//! Whoever is told of an image (a method returned its record) can rely on it: the record is durable by then.

mod accept;
mod ingest;
mod read;
mod remove;
mod resume;

pub use accept::Label;
pub use read::{Page, Statistics};
pub use resume::Resumed;

use crate::policy::OriginPolicy;
use crate::ports::Ports;
use crate::store::Store;

/// Settings that the operator may change; their names are those of the variables.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `max_image_bytes`: the largest image taken.
    pub max_image_bytes: u64,
    /// `allow_private_network`: which origins are asked.
    pub origins: OriginPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_image_bytes: 256 * 1024 * 1024, origins: OriginPolicy::default() }
    }
}

/// The vault behind one set of ports. Cheap to clone; keeps nothing between calls.
#[derive(Clone, Debug)]
pub struct Vault<P> {
    ports: P,
    store: Store<P>,
    settings: Settings,
}

impl<P: Ports> Vault<P> {
    /// Opens the vault.
    pub fn new(ports: P, settings: Settings) -> Self {
        Self { store: Store::new(ports.clone()), ports, settings }
    }
}

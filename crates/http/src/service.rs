//! The service over one vault, and the request head that its routes get.

use burrow_vault::ports::Ports;
use burrow_vault::vault::Vault;
use http::{HeaderMap, Method};

use crate::route::Unchecked;
use crate::settings::ServiceSettings;

/// The service over one vault.
#[derive(Debug)]
pub struct Service<P> {
    pub(crate) vault: Vault<P>,
    pub(crate) settings: ServiceSettings,
}

/// A request without its body, as routes get it.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: &'a Unchecked,
    pub(crate) headers: &'a HeaderMap,
    /// Seconds for which the request's signed link is still valid; `None` if it does not use one.
    pub(crate) link: Option<u64>,
}

impl<P: Ports> Service<P> {
    /// Makes the service of a vault.
    pub fn new(vault: Vault<P>, settings: ServiceSettings) -> Self {
        Self { vault, settings }
    }
}

//! The service, and what its routes need of a request.

use burrow_vault::ports::Ports;
use burrow_vault::vault::Vault;
use http::{HeaderMap, Method};

use crate::route::Query;
use crate::settings::ServiceSettings;

/// The service over one vault.
#[derive(Debug)]
pub struct Service<P> {
    pub(crate) vault: Vault<P>,
    pub(crate) settings: ServiceSettings,
}

/// What a route needs of a request beside its body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: &'a Query,
    pub(crate) headers: &'a HeaderMap,
    /// Seconds for which the signed link that was used is still good.
    pub(crate) link: Option<u64>,
}

impl<P: Ports> Service<P> {
    /// Serves a vault.
    pub fn new(vault: Vault<P>, settings: ServiceSettings) -> Self {
        Self { vault, settings }
    }
}

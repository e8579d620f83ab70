//! `burrow:vault/webhook`: tells the operator's webhook, for hosts that do jobs themselves.

use burrow_vault::vault;

use super::Component;
use crate::bindings::burrow::vault::types as wit;
use crate::bindings::exports::burrow::vault::webhook::{Delivered, Guest};
use crate::wasi::vault;

impl Guest for Component {
    async fn deliver() -> Result<Delivered, wit::Error> {
        let vault::Delivered { sent, failure } = vault().await?.deliver().await?;
        Ok(Delivered { sent, failure })
    }
}

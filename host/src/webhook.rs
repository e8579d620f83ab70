//! Tells the webhook of the setting `webhook_url` of images, in the background.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::vault::call;
use crate::{Burrow, Error};

/// Time between two looks whether there is something to tell.
const LOOK: Duration = Duration::from_secs(1);

/// Time to wait after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

impl Burrow {
    /// Tells the webhook what there is to tell, until `stop` is cancelled.
    pub(crate) async fn tell_webhook(&self, stop: CancellationToken) {
        loop {
            let pause = match self.tell_once().await {
                Ok(failure) => {
                    if let Some(failure) = failure {
                        tracing::warn!("{failure}");
                    }
                    LOOK
                }
                Err(error) => {
                    tracing::error!("cannot tell the webhook: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn tell_once(&self) -> Result<Option<String>, Error> {
        Ok(call!(self, burrow_vault_webhook.call_deliver()).failure)
    }
}

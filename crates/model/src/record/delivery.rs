//! The record of what the webhook was told, and is still to be told.

use serde::{Deserialize, Serialize};

use super::{Record, Versioned};
use crate::key::Job;
use crate::lease::Lease;

/// How far the webhook was told of the images, in the order of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// How often the record was written.
    pub version: u64,
    /// The lease of the process that sends.
    #[serde(flatten)]
    pub lease: Lease,
    /// Of images that became ready or failed before this time, in milliseconds since 1970, it is told nothing.
    pub since: u64,
    /// Every image up to this feed number was told, or is in `waiting`.
    pub upto: u64,
    /// Feed numbers of which it is still to be told.
    pub waiting: Vec<Delivery>,
    /// How often in a row nobody took a delivery.
    pub failures: u32,
    /// Until then nothing is sent.
    pub paused: u64,
    /// Deliveries that were given up.
    pub given_up: u64,
}

/// A feed number of which the webhook is still to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The number.
    pub seq: u64,
    /// Since when it waits.
    pub since: u64,
    /// How often the webhook refused it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// It is not sent again before this time.
    #[serde(default, skip_serializing_if = "is_never")]
    pub after: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as Serde calls it")]
fn is_zero(tries: &u32) -> bool {
    *tries == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as Serde calls it; on 32 bits Clippy does not mind")]
fn is_never(after: &u64) -> bool {
    *after == 0
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            version: 0,
            lease: Lease::NOBODY,
            since: 0,
            upto: 0,
            waiting: Vec::new(),
            failures: 0,
            paused: 0,
            given_up: 0,
        }
    }
}

impl Record for Deliveries {
    const KIND: u8 = b'D';
    const WHAT: &'static str = "record of deliveries";
}

impl Versioned for Deliveries {
    const JOB: Job = Job::Webhook;

    fn written(&mut self) -> &mut u64 {
        &mut self.version
    }
}

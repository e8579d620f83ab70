//! Tells the webhook of each image that became ready or failed: at least once, in about the order of the feed.
//!
//! Nothing is written for it when an image changes. The feed has every image, and one record says up to which number the
//! webhook was told, and which numbers wait, since their images were still jobs. So a restart goes on, and a crash
//! repeats at most what was sent since the record was last written.

use std::time::Duration;

use burrow_model::error::{Error, FetchError, passing_over};
use burrow_model::key::Vaultwide;
use burrow_model::lease::Lease;
use burrow_model::record::{Deliveries, Delivery, ImageRecord};
use burrow_model::time::retry_after;

use super::Vault;
use crate::ports::{FetchTimeouts, Ports};
use crate::store::LEASE;
use crate::webhook::Webhook;

/// How long a process sends before another may take its place, in milliseconds, and how long it does at most.
const SENDING: u64 = 3 * 60 * 1000;
const AT_MOST: u64 = 30 * 1000;

/// Numbers that wait, at most. If there are more jobs, those that come later are looked at later.
const WAITING: usize = 2000;

/// Numbers that wait and are looked at again in one call, and new ones.
const AGAIN: usize = 200;
const NEW: usize = 500;

/// Deliveries between two writes of the record.
const RECORDED: u32 = 10;

/// Refusals after which a delivery is given up: the receiver answers, but not to this one.
const REFUSALS: u32 = 8;

/// When the webhook is told for the first time: of what became ready this long ago, in milliseconds, among so many of
/// the newest images.
const BEFORE: u64 = 15 * 60 * 1000;
const NEWEST: u64 = 1000;

/// The pauses after failures in a row, in milliseconds, and the one after all further ones.
const PAUSES: [u64; 6] = [1000, 5000, 30_000, 120_000, 600_000, 1_800_000];
const LONGEST: u64 = 3_600_000;

const TIMEOUTS: FetchTimeouts = FetchTimeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    between_bytes: Duration::from_secs(10),
};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that the receiver took.
    pub sent: u32,
    /// Why the last message that was not taken was not, for the log.
    pub failure: Option<String>,
}

/// What came of a number.
enum Outcome {
    /// Nothing more is to be done.
    Done,
    /// It waits.
    Waits(Delivery),
    /// The receiver is not there: nothing more is sent for a while.
    Down(Delivery),
}

/// A receiver's answer to a message.
enum Answer {
    Taken,
    /// It does not take this one.
    Refused(String),
    /// It takes nothing now, and perhaps says for how long, in milliseconds.
    Down(String, u64),
}

impl<P: Ports> Vault<P> {
    /// Whether the operator wants to be told of images.
    pub fn has_webhook(&self) -> bool {
        self.settings.webhook.is_some()
    }

    /// Tells the webhook what there is to tell, unless another process does.
    pub async fn deliver(&self) -> Result<Delivered, Error> {
        let Some(webhook) = &self.settings.webhook else { return Ok(Delivered::default()) };
        let newest = self.store.count(Vaultwide::Feed).await?;
        let mut record = if let Some(record) = self.store.job::<Deliveries>().await? {
            record
        } else {
            let since = self.ports.now().saturating_sub(BEFORE);
            let mut first = Deliveries { since, upto: newest.saturating_sub(NEWEST), ..Deliveries::default() };
            if !self.store.claim_and_save_job(&mut first, SENDING).await? {
                return Ok(Delivered::default());
            }
            first
        };
        let now = self.ports.now();
        if record.lease.is_held(now, self.settings.host.generation, SENDING) || self.pauses(&record) {
            return Ok(Delivered::default());
        }
        if !self.has_news(&record, newest).await? {
            return Ok(Delivered::default());
        }
        record.lease = self.new_lease(SENDING);
        if !self.store.claim_and_save_job(&mut record, SENDING).await? {
            return Ok(Delivered::default());
        }
        let mut done = Delivered::default();
        self.send_all(webhook, &mut record, newest, &mut done).await?;
        if record.lease.is_mine(self.ports.now(), self.settings.host.generation, SENDING) {
            record.lease = Lease::NOBODY;
            self.store.save_job(&mut record).await?;
        }
        Ok(done)
    }

    /// Whether nothing is to be sent now. A pause that no failure of today can have made is over: a clock was ahead.
    fn pauses(&self, record: &Deliveries) -> bool {
        let now = self.ports.now();
        now < record.paused && record.paused <= now.saturating_add(LONGEST)
    }

    /// Whether there is an image to tell of, or a number that need not wait.
    async fn has_news(&self, record: &Deliveries, newest: u64) -> Result<bool, Error> {
        for waiting in record.waiting.iter().take(AGAIN) {
            let is_over = self.ports.now().saturating_sub(waiting.since) > LEASE;
            match passing_over(self.store.feed(waiting.seq).await)? {
                Some(image) if image.lease().is_none() && waiting.after <= self.ports.now() => return Ok(true),
                None if is_over => return Ok(true),
                _ => {}
            }
        }
        if record.waiting.len() > AGAIN {
            // The others get their turn.
            return Ok(true);
        }
        for seq in (record.upto + 1..=newest).take(AGAIN) {
            if passing_over(self.store.feed(seq).await)?.is_some_and(|image| image.lease().is_none()) {
                return Ok(true);
            }
        }
        // So that fewer numbers are looked at the next time.
        Ok(newest - record.upto.min(newest) > AGAIN as u64 && record.waiting.len() < WAITING)
    }

    /// Sends what there is, for as long as one call does.
    async fn send_all(
        &self,
        webhook: &Webhook,
        record: &mut Deliveries,
        newest: u64,
        done: &mut Delivered,
    ) -> Result<(), Error> {
        let (begun, mut recorded) = (self.ports.now(), 0);
        let mut again = record.waiting.len().min(AGAIN);
        let mut new = (record.upto + 1..=newest).take(NEW);
        while self.ports.now().saturating_sub(begun) <= AT_MOST {
            // What is not looked at yet stays in the record, which may be written before that.
            let delivery = if again > 0 {
                again -= 1;
                record.waiting.remove(0)
            } else if let Some(seq) = new.next().filter(|_| record.waiting.len() < WAITING) {
                record.upto = seq;
                Delivery { seq, since: begun, tries: 0, after: 0 }
            } else {
                break;
            };
            match self.tell(webhook, record, delivery, done).await? {
                Outcome::Done => {}
                Outcome::Waits(delivery) => record.waiting.push(delivery),
                Outcome::Down(delivery) => {
                    record.waiting.push(delivery);
                    break;
                }
            }
            if done.sent >= recorded + RECORDED {
                recorded = done.sent;
                self.store.save_job(record).await?;
            }
        }
        Ok(())
    }

    /// Tells of the image with one number.
    async fn tell(
        &self,
        webhook: &Webhook,
        record: &mut Deliveries,
        mut delivery: Delivery,
        done: &mut Delivered,
    ) -> Result<Outcome, Error> {
        let now = self.ports.now();
        if delivery.after > now {
            return Ok(Outcome::Waits(delivery));
        }
        let Some(image) = passing_over(self.store.feed(delivery.seq).await)? else {
            // Its writer may have taken the number and not yet written the entry. After the time of a lease it is dead.
            let is_over = now.saturating_sub(delivery.since) > LEASE;
            return Ok(if is_over { Outcome::Done } else { Outcome::Waits(delivery) });
        };
        let Some(message) = webhook.message(&image, now).filter(|_| is_news(&image, record.since)) else {
            return Ok(if image.lease().is_some() { Outcome::Waits(delivery) } else { Outcome::Done });
        };
        let answer = self.ports.post(webhook.url(), &message.headers, message.body, TIMEOUTS).await;
        match judge(answer, now) {
            Answer::Taken => {
                (done.sent, record.failures) = (done.sent + 1, 0);
                Ok(Outcome::Done)
            }
            Answer::Refused(why) => {
                delivery.tries += 1;
                delivery.after = now + pause(delivery.tries);
                let is_over = delivery.tries >= REFUSALS;
                record.given_up += u64::from(is_over);
                let more = if is_over { "; it is given up" } else { "" };
                done.failure = Some(format!("webhook: {why} to the message of {}{more}", image.id));
                Ok(if is_over { Outcome::Done } else { Outcome::Waits(delivery) })
            }
            Answer::Down(why, asked) => {
                record.failures = record.failures.saturating_add(1);
                record.paused = now + pause(record.failures).max(asked.min(LONGEST));
                let seconds = (record.paused - now) / 1000;
                done.failure = Some(format!("webhook: {why}; it is tried again in {seconds} s"));
                Ok(Outcome::Down(delivery))
            }
        }
    }
}

/// The pause after so many failures in a row, from 1.
fn pause(failures: u32) -> u64 {
    let nth = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES.get(nth).copied().unwrap_or(LONGEST)
}

/// Whether an image became ready or failed here, and not before this time.
fn is_news(image: &ImageRecord, since: u64) -> bool {
    image.updated >= since && image.restored.is_none_or(|restored| image.updated > restored)
}

fn judge(answer: Result<(u16, Option<String>), FetchError>, now: u64) -> Answer {
    match answer {
        Err(error) => Answer::Down(error.to_string(), 0),
        Ok((200..=299, _)) => Answer::Taken,
        Ok((status @ (408 | 425 | 429 | 500..), after)) => {
            let asked = after.and_then(|after| retry_after(&after, now)).unwrap_or_default();
            Answer::Down(format!("it answered {status}"), u64::try_from(asked.as_millis()).unwrap_or(u64::MAX))
        }
        // A redirect is not followed: the address that it leads to was not the operator's choice.
        Ok((status, _)) => Answer::Refused(format!("it answered {status}")),
    }
}

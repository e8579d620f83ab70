//! Repacking: makes images smaller, on request or in the background.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use crate::metrics::cpu_time;
use crate::pool::Pool;
use crate::types::{Repackable, Repacked};
use crate::vault::call;
use crate::{Burrow, Error, VaultError};

/// When a server repacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repack {
    /// While no job runs and the server has little else to do.
    #[default]
    Idle,
    /// Always, on threads of the lowest priority.
    Always,
    /// Within these hours as [`Repack::Always`], and otherwise never.
    Within(Hours),
    /// Never; `burrow repack` still does.
    Never,
}

/// Hours of each day, in the time zone of the system: from the first, up to the other. `22-6` is 22:00 to 6:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    from: i8,
    to: i8,
}

impl Hours {
    fn have(self, hour: i8) -> bool {
        if self.from < self.to { (self.from..self.to).contains(&hour) } else { hour >= self.from || hour < self.to }
    }

    fn have_now(self) -> bool {
        self.have(jiff::Zoned::now().hour())
    }
}

impl FromStr for Hours {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (from, to) = text.split_once('-').ok_or(())?;
        let hour = |text: &str| text.parse().ok().filter(|hour| (0..=24).contains(hour));
        let hours = Self { from: hour(from).ok_or(())?, to: hour(to).ok_or(())? };
        if hours.from == hours.to { Err(()) } else { Ok(hours) }
    }
}

impl fmt::Display for Repack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Always => f.write_str("always"),
            Self::Within(Hours { from, to }) => write!(f, "{from}-{to}"),
            Self::Never => f.write_str("never"),
        }
    }
}

impl FromStr for Repack {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "idle" => Ok(Self::Idle),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            hours => {
                hours.parse().map(Self::Within).map_err(|()| "it must be idle, always, never, or hours such as 22-6")
            }
        }
    }
}

/// Images listed at once.
const PAGE: u32 = 200;

/// A server is idle if no job ran for this time, and the process used less than a tenth of it on a core.
const QUIET: Duration = Duration::from_secs(1);

/// How long an idle server repacks before it looks again whether it still is idle.
const ROUND: Duration = Duration::from_secs(10);

/// How long a server waits for new images once it has looked at all.
const REST: Duration = Duration::from_secs(10);

/// How often a server looks at all images again: at those whose repacker died, and those of other processes.
const AGAIN: Duration = Duration::from_hours(1);

impl Burrow {
    /// Lists images that can be made smaller, in the order in which they were accepted: those after `after`
    /// ([`Repackable::next`]; `None` for the first page) that have all of `tags`, at most `limit` (1 to 1000). A page may
    /// have fewer, or none, and not be the last.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (tags or limit), `store-failed`.
    pub async fn list_repackable(&self, tags: &[String], after: Option<u64>, limit: u32) -> Result<Repackable, Error> {
        let tags = tags.to_vec();
        Ok(call!(self, burrow_vault_maintenance.call_list_repackable(tags, after, limit)))
    }

    /// Makes the content of a ready image smaller, without loss, on a packing thread. All images that share the content
    /// switch at once, and readers notice nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `not-found`, `wrong-status`, `corrupt`, `store-failed`;
    /// [`Error::Component`] if the codec killed its instance; [`Error::TooLong`] as [`Burrow::put`].
    pub async fn repack(&self, id: &str) -> Result<Repacked, Error> {
        self.repack_on(&self.pool, id).await
    }

    async fn repack_on(&self, pool: &Pool, id: &str) -> Result<Repacked, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        let work = async move { Ok::<_, Error>(call!(burrow, burrow_vault_maintenance.call_repack(id))) };
        let limited = tokio::time::timeout(self.job_time, work);
        pool.spawn(limited).end().await?.unwrap_or(Err(Error::TooLong(self.job_time)))
    }

    /// Repacks in the background until `stop` is cancelled; what is under way then is taken up by the next start.
    pub(crate) async fn repack_in_background(&self, when: Repack, stop: CancellationToken) {
        if when != Repack::Never {
            stop.run_until_cancelled(self.repack_for_ever(when)).await;
        }
    }

    async fn repack_for_ever(&self, when: Repack) {
        let pool = match Pool::of_lowest_priority(self.jobs) {
            Ok(pool) => pool,
            Err(error) => return tracing::error!("cannot repack: {error}"),
        };
        let (mut after, mut began) = (None, Instant::now());
        loop {
            match when {
                Repack::Idle => self.wait_until_idle().await,
                Repack::Within(hours) => {
                    while !hours.have_now() {
                        tokio::time::sleep(REST).await;
                    }
                }
                Repack::Always | Repack::Never => {}
            }
            let round = Instant::now();
            let has_time = || match when {
                Repack::Idle => round.elapsed() < ROUND && self.pool.is_idle(),
                Repack::Within(hours) => hours.have_now(),
                Repack::Always | Repack::Never => true,
            };
            let mut is_last = false;
            while !is_last && has_time() {
                match self.list_repackable(&[], after, PAGE).await {
                    Ok(page) => {
                        let left = self.repack_page(&pool, page.images, &has_time).await;
                        if left > 0 {
                            // What is left of this page is listed again.
                            break;
                        }
                        (after, is_last) = (Some(page.next), page.is_last);
                    }
                    Err(error) => {
                        tracing::error!("cannot look for images to repack: {error}");
                        is_last = true;
                    }
                }
            }
            if is_last {
                tokio::time::sleep(REST).await;
            }
            if began.elapsed() > AGAIN {
                (after, began) = (None, Instant::now());
            }
        }
    }

    /// Repacks images, as many at once as there are packing threads, while there is time. Returns how many did not
    /// begin.
    async fn repack_page(&self, pool: &Pool, images: Vec<String>, has_time: &impl Fn() -> bool) -> usize {
        let repacking = futures::stream::iter(images).map(|id| async move {
            if !has_time() {
                return 1;
            }
            match self.repack_on(pool, &id).await {
                Ok(Repacked::Smaller(bytes)) => {
                    tracing::debug!("image {id}: repacked {} bytes as {}", bytes.before, bytes.after);
                }
                Ok(Repacked::Kept(why)) => tracing::debug!("image {id}: not repacked: {why}"),
                Ok(Repacked::Busy) | Err(Error::Vault(VaultError::NotFound | VaultError::WrongStatus(_))) => {}
                Err(error) => tracing::warn!("image {id}: cannot be repacked: {error}"),
            }
            0
        });
        repacking.buffer_unordered(self.jobs.get()).fold(0, async |left, one| left + one).await
    }

    /// Waits until no job runs and the process has little to do.
    async fn wait_until_idle(&self) {
        loop {
            let before = cpu_time();
            tokio::time::sleep(QUIET).await;
            if self.pool.is_idle() && cpu_time().saturating_sub(before) < QUIET / 10 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in ["idle", "always", "never", "22-6", "1-5", "0-24"] {
            assert_eq!(word.parse::<Repack>().unwrap().to_string(), word);
        }
        for wrong in ["sometimes", "22", "6-6", "22-25", "-1-5", "22-"] {
            assert!(wrong.parse::<Repack>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn hours_go_over_midnight() {
        let within = |text: &str| {
            let hours: Hours = text.parse().unwrap();
            (0..24).filter(|hour| hours.have(*hour)).collect::<Vec<_>>()
        };
        assert_eq!(within("22-2"), [0, 1, 22, 23]);
        assert_eq!(within("1-4"), [1, 2, 3]);
        assert_eq!((within("0-24").len(), within("22-24"), within("24-1")), (24, vec![22, 23], vec![0]));
    }
}

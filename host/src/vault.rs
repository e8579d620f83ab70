//! The vault for programs: calls `burrow:vault/vault` and `codec`. An instance serves one call at a time.

use std::time::{Duration, Instant, SystemTime};

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;
use wasmtime::Store;
use wasmtime::component::StreamReader;

use crate::bindings::Burrow as Instance;
use crate::bindings::exports::burrow::vault::vault::{
    Alike, Filter, JobsPage, LikenessesPage, Numbers, Page, Resumed, Shown, Statistics,
};
use crate::metrics::{self, Attempt};
use crate::pool::Running;
use crate::state::InstanceState;
use crate::streams::ToGuest;
use crate::{Burrow, Error, Image, Label, Source, Status, VaultError, millis};

/// The waits before the second and the third try of a job whose instance failed.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// Time between two checks whether another worker has finished a job.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Bytes read from a file at once.
const PIECE: usize = 64 * 1024;

/// Calls an export in an instance that serves no other call meanwhile. It runs in a task of its own, so that a panic
/// does not reach the caller.
macro_rules! call {
    ($burrow:expr, $interface:ident . $function:ident ( $($argument:ident),* )) => {{
        let burrow = $burrow.clone();
        $crate::vault::apart(async move {
            let mut callable = burrow.factory.take().await?;
            let exports = &callable.exports;
            let called = async |accessor: &_| exports.$interface().$function(accessor, $($argument),*).await;
            let answer = callable.store.run_concurrent(called).await.and_then(|called| called);
            let answer = $crate::vault::watched(answer.map_err($crate::Error::from))?;
            burrow.factory.put_back(callable);
            Ok(answer?)
        })
        .await?
    }};
}
pub(crate) use call;

/// Counts an instance that a trap ended.
pub(crate) fn watched<T>(result: Result<T, Error>) -> Result<T, Error> {
    result.inspect_err(|error| {
        if matches!(error, Error::Component(_)) {
            metrics::instance_failed();
        }
    })
}

/// Runs work in a task of its own, which is aborted if the caller is dropped.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    Running::new(tokio::spawn(work)).end().await?
}

impl Burrow {
    pub(crate) async fn instantiate(&self) -> Result<(Store<InstanceState>, Instance), Error> {
        self.instantiate_in(self.factory.store()).await
    }

    pub(crate) async fn instantiate_in(
        &self,
        mut store: Store<InstanceState>,
    ) -> Result<(Store<InstanceState>, Instance), Error> {
        let instance = self.factory.instantiate(&mut store).await?;
        let instance = Instance::new(&mut store, &instance)?;
        Ok((store, instance))
    }

    /// Runs work on the packing pool, for at most [`Builder::job_time`](crate::Builder::job_time).
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let limited = tokio::time::timeout(self.job_time, work);
        self.pool.spawn(limited).end().await?.unwrap_or(Err(Error::TooLong(self.job_time)))
    }

    /// Records a new image and downloads, packs and stores it. Returns its record, ready or failed.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`], with nothing recorded: `invalid-input` (source or label), `store-failed`. After the image is
    /// recorded, as [`Burrow::work`].
    pub async fn ingest(&self, source: impl Into<Source>, label: Label) -> Result<Image, Error> {
        let image = self.submit(source, label).await?;
        self.finish(&image.id).await
    }

    /// Records a new image and returns its record. [`Burrow::work`], or a server over this store, does the job.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`], with nothing recorded: `invalid-input` (source or label), `store-failed`.
    pub async fn submit(&self, source: impl Into<Source>, label: Label) -> Result<Image, Error> {
        let source = source.into();
        let image = call!(self, burrow_vault_vault.call_submit(source, label));
        self.recorded.notify_one();
        Ok(image)
    }

    /// Does a recorded job. Returns the image's record, ready or failed. If the instance traps, or takes longer than
    /// [`Builder::job_time`](crate::Builder::job_time), it tries the job again in another instance, three times in all.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `not-found` (also if the image was removed meanwhile),
    /// `wrong-status` if another worker holds the job, `corrupt`, `store-failed`. [`Error::Component`] or
    /// [`Error::TooLong`] if the third instance failed, too: the job stays, and can be done when its lease of 15
    /// minutes has ended.
    ///
    /// If the caller drops it, the job stays, and the next call goes on with it at once.
    pub async fn work(&self, id: &str) -> Result<Image, Error> {
        let Some(begun) = self.pool.begin(id) else {
            return Err(VaultError::WrongStatus(Status::Storing).into());
        };
        let left = match begun.left() {
            Some(since) => self.left_since(id, since).await,
            None => None,
        };
        let worked = self.work_with_retries(id, left).await;
        begun.end();
        worked
    }

    async fn work_with_retries(&self, id: &str, mut left: Option<u64>) -> Result<Image, Error> {
        let mut waits = WAITS.iter();
        loop {
            let (begun, since) = (Instant::now(), SystemTime::now());
            let worked = self.work_once(id, left).await;
            let attempt = match &worked {
                Ok(image) if image.status == Status::Ready => Attempt::Ready,
                Ok(_) => Attempt::Failed,
                Err(Error::Component(_) | Error::TooLong(_) | Error::Internal(_)) => Attempt::Retried,
                // The vault refused the call, so this was no attempt.
                Err(_) => return worked,
            };
            metrics::job_attempted(attempt, begun.elapsed());
            match (&worked, waits.next()) {
                (Err(error), Some(&wait)) => {
                    tracing::warn!("job {id}: {error}; it is tried again in another instance");
                    tokio::time::sleep(wait).await;
                    left = self.left_since(id, since).await;
                }
                _ => return worked,
            }
        }
    }

    /// When a job's record changed last, if the instance that began it at this time changed it. That instance is gone, so
    /// the lease in the record is a dead worker's.
    async fn left_since(&self, id: &str, since: SystemTime) -> Option<u64> {
        // If the clock was set back meanwhile, the time of the change says nothing.
        let was_set_back = SystemTime::now() < since;
        let image = self.get(id).await.ok()?;
        (was_set_back || Some(image.updated) >= millis(since)).then_some(image.updated)
    }

    /// Does a job, or waits until another worker has done it. Returns the image's record, ready or failed.
    pub(crate) async fn finish(&self, id: &str) -> Result<Image, Error> {
        loop {
            match self.work(id).await {
                Err(Error::Vault(VaultError::WrongStatus(_))) => tokio::time::sleep(LOOK_AGAIN).await,
                worked => return worked,
            }
        }
    }

    async fn work_once(&self, id: &str, left: Option<u64>) -> Result<Image, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        let work = async move { Ok(call!(burrow, burrow_vault_vault.call_work(id, left))) };
        self.compute(work).await
    }

    /// Lists jobs, which are images neither ready nor failed, oldest first: those after `after` (the `next` of the page
    /// before; `None` for all), at most `limit` (1 to 1000). A page may have fewer jobs and not be the last.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (limit), `store-failed`.
    pub async fn list_jobs(&self, after: Option<u64>, limit: u32) -> Result<JobsPage, Error> {
        Ok(call!(self, burrow_vault_vault.call_list_jobs(after, limit)))
    }

    /// Reclaims the space of removed images, and records up to which feed number every job has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt`, `store-failed`.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        call!(self, burrow_vault_vault.call_sweep());
        Ok(())
    }

    /// Reads `content`, such as a file or a `std::io::Cursor` over bytes, to its end and stores it as a new image.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (label), `not-an-image`, `limit-exceeded`, `store-failed`; [`Error::Read`] if
    /// reading `content` fails; [`Error::TooLong`] if it takes longer than
    /// [`Builder::job_time`](crate::Builder::job_time). No image is stored then.
    pub async fn put(&self, content: impl AsyncRead + Send + 'static, label: Label) -> Result<Image, Error> {
        let burrow = self.clone();
        let put = async move {
            let mut callable = burrow.factory.take().await?;
            let pieces = ReaderStream::with_capacity(content, PIECE).map_ok(Vec::from);
            let content = StreamReader::new(&mut callable.store, ToGuest(pieces.boxed()))?;
            let vault = callable.exports.burrow_vault_vault();
            let called = async |accessor: &_| vault.call_put(accessor, content, label).await;
            let image = callable.store.run_concurrent(called).await.and_then(|called| called).map_err(reading);
            let image = watched(image)?;
            burrow.factory.put_back(callable);
            Ok(image?)
        };
        self.compute(put).await
    }

    /// Returns the record of an image.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `not-found`, `corrupt`, `store-failed`.
    pub async fn get(&self, id: &str) -> Result<Image, Error> {
        let id = id.to_owned();
        Ok(call!(self, burrow_vault_vault.call_get(id)))
    }

    /// Returns the record of the newest ready image of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `not-found`, `corrupt`, `store-failed`.
    pub async fn get_by_name(&self, name: &str) -> Result<Image, Error> {
        let name = name.to_owned();
        Ok(call!(self, burrow_vault_vault.call_get_by_name(name)))
    }

    /// Returns the record of the newest ready image with that name and that content. `sha256` is the content's SHA-256
    /// in lower-case hexadecimal digits. The image is found if it is among the newest 32 of its name.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `not-found`, `corrupt`, `store-failed`.
    pub async fn get_by_content(&self, name: &str, sha256: &str) -> Result<Image, Error> {
        let (name, sha256) = (name.to_owned(), sha256.to_owned());
        Ok(call!(self, burrow_vault_vault.call_get_by_content(name, sha256)))
    }

    /// Returns the record of the image last recorded for that URL, whatever its status. It may miss an image while
    /// another of the same URL is being recorded, and after a crash or the removal of another image of that URL.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if it is no URL, `not-found`, `corrupt`, `store-failed`.
    pub async fn get_by_source(&self, url: &str) -> Result<Image, Error> {
        let url = url.to_owned();
        Ok(call!(self, burrow_vault_vault.call_get_by_source(url)))
    }

    /// Returns the thumbnail of a ready image, at most `width` pixels wide (160, 320, 640 or 1280), or what to show in
    /// its place. The first call draws and stores it.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, or for another width; `not-found`, `wrong-status`,
    /// `corrupt`, `store-failed`; [`Error::TooLong`] as [`Burrow::put`].
    pub async fn thumbnail(&self, id: &str, width: u32) -> Result<Shown, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        self.compute(async move { Ok(call!(burrow, burrow_vault_vault.call_thumbnail(id, width))) }).await
    }

    /// Finds ready images that look like this one, at most `limit` (1 to 1000): the nearest first. Makes the likeness of
    /// this one if that was not done before; of others it is made with their first thumbnail, or by
    /// [`Burrow::likeness`].
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, or for the limit; `not-found`, `wrong-status`, `corrupt`,
    /// `store-failed`; [`Error::TooLong`] as [`Burrow::put`].
    pub async fn similar(&self, id: &str, limit: u32) -> Result<Alike, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        self.compute(async move { Ok(call!(burrow, burrow_vault_vault.call_similar(id, limit))) }).await
    }

    /// Returns the likeness of a ready image, 64 bits of which few differ between pictures that look alike. The first
    /// call makes it. `None` if the image cannot be drawn, or is too plain.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id; `not-found`, `wrong-status`, `corrupt`, `store-failed`;
    /// [`Error::TooLong`] as [`Burrow::put`].
    pub async fn likeness(&self, id: &str) -> Result<Option<u64>, Error> {
        let (burrow, id) = (self.clone(), id.to_owned());
        self.compute(async move { Ok(call!(burrow, burrow_vault_vault.call_likeness(id))) }).await
    }

    /// Lists ready images and the likenesses that were made, in the order in which the images were accepted: those after
    /// `after` ([`LikenessesPage::next`]; `None` for the first page). It examines `limit` images (1 to 1000).
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (limit), `corrupt`, `store-failed`.
    pub async fn list_likenesses(&self, after: Option<u64>, limit: u32) -> Result<LikenessesPage, Error> {
        Ok(call!(self, burrow_vault_vault.call_list_likenesses(after, limit)))
    }

    /// Lists images, newest first: those after `cursor` (the `next` of the page before; `None` for the first page), at
    /// most `limit` (1 to 1000). A page may have fewer images than `limit`, or no image, and still have a `next`.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (filter, cursor or limit), `corrupt`, `store-failed`.
    pub async fn list(&self, filter: &Filter, cursor: Option<String>, limit: u32) -> Result<Page, Error> {
        let filter = filter.clone();
        Ok(call!(self, burrow_vault_vault.call_list_images(filter, cursor, limit)))
    }

    /// Changes the name of a ready image, its tags, or both; an argument that is `None` changes nothing. Returns the
    /// new record.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input`, `not-found`, `wrong-status` if it is not ready, `corrupt`, `store-failed`.
    pub async fn update(&self, id: &str, name: Option<String>, tags: Option<Vec<String>>) -> Result<Image, Error> {
        let id = id.to_owned();
        Ok(call!(self, burrow_vault_vault.call_update(id, name, tags)))
    }

    /// Tries a failed image again: downloads, packs and stores it. A `referrer` replaces the one that it has. Returns its
    /// record, ready or failed.
    ///
    /// # Errors
    ///
    /// As [`Burrow::requeue`], then as [`Burrow::work`].
    pub async fn retry(&self, id: &str, referrer: Option<String>) -> Result<Image, Error> {
        let image = self.requeue(id, referrer).await?;
        self.finish(&image.id).await
    }

    /// Makes a failed image a job again and returns its record. A `referrer` replaces the one that it has.
    /// [`Burrow::work`], or a server over this store, does the job.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, or for the referrer; `not-found`, `wrong-status` if it has not
    /// failed or another caller retries it, `corrupt`, `store-failed`.
    pub async fn requeue(&self, id: &str, referrer: Option<String>) -> Result<Image, Error> {
        let id = id.to_owned();
        let image = call!(self, burrow_vault_vault.call_requeue(id, referrer));
        self.recorded.notify_one();
        Ok(image)
    }

    /// Removes an image. Returns whether there was such an image.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` if `id` is no id, `store-failed`.
    pub async fn remove(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        Ok(call!(self, burrow_vault_vault.call_remove(id)))
    }

    /// Checks the settings: [`Builder::variables`](crate::Builder::variables). [`Builder::open`](crate::Builder::open) does
    /// it by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if there is no setting of a name; [`Error::Vault`]: `invalid-input` if the component cannot
    /// read a value, `store-failed`.
    pub async fn check_settings(&self) -> Result<(), Error> {
        // The first call of an instance reads all of them.
        self.list_jobs(None, 1).await?;
        match self.factory.variables.unknown().first() {
            Some(name) => Err(Error::Setting((*name).to_owned())),
            None => Ok(()),
        }
    }

    /// Returns counts over the whole vault.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `store-failed`.
    pub async fn stats(&self) -> Result<Statistics, Error> {
        Ok(call!(self, burrow_vault_vault.call_stats()))
    }

    /// Returns counts over all ready images, by format and by month; `None` if the vault has no index.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `store-failed`.
    pub async fn count_by_kind(&self) -> Result<Option<Numbers>, Error> {
        Ok(call!(self, burrow_vault_vault.call_count_by_kind()))
    }

    /// Finishes jobs that were recorded but never finished, and reclaims the space of removed images. It takes a job
    /// from another worker only if that worker had another [`Builder::generation`](crate::Builder::generation), or its
    /// lease of 15 minutes is over.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `corrupt`, `store-failed`. Jobs finished before the error stay finished.
    pub async fn resume(&self) -> Result<Resumed, Error> {
        Ok(call!(self, burrow_vault_vault.call_resume()))
    }
}

/// Converts the error of a call that read a given source: that of the source, or the component's.
fn reading(error: wasmtime::Error) -> Error {
    match error.downcast::<std::io::Error>() {
        Ok(error) => Error::Read(error),
        Err(error) => Error::Component(error),
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! Renames a tag, or merges it into another: on every image that has it, and on those that come in meanwhile.
//!
//! The renaming is recorded first, and is done in steps that can be repeated: a record says how far it has come, and
//! whoever calls next goes on from there. The walk over the images begins after the renaming is recorded. Every caller that
//! labels an image asks for renamings *after* it wrote the record, and a worker before it writes how its job ended. So an
//! image with the old tag either is there when the walk comes, or its writer sees the renaming.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::record::{ImageRecord, TagRename, TagRenames};

use super::label::{checked_tag, is_same_tag};
use super::{Edit, Filter, Order, Vault};
use crate::ports::Ports;
use crate::store::LEASE;

/// Images changed between two looks at the time.
const PAGE: usize = 50;

/// Images changed between two records of how far it has come.
const RECORDED: u64 = 500;

/// Renamings that are remembered after they ended, at most, and for how long: until every image that was being labelled
/// meanwhile is written, or its writer counts as dead.
const REMEMBERED: usize = 500;
const REMEMBERED_FOR: u64 = LEASE;

/// The pause before images are looked at again that others are working on.
const PAUSE: Duration = Duration::from_millis(250);

/// How often the record is tried to be written that others are writing, and the pause in between.
const TRIES: usize = 100;
const WRITING: Duration = Duration::from_millis(10);

/// How far the renaming of a tag has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renaming {
    /// The old tag.
    pub from: String,
    /// The new tag.
    pub to: String,
    /// Images that were changed since it began.
    pub renamed: u64,
    /// Jobs that have the old tag: they get the new one when they have ended.
    pub waiting: u64,
    /// Whether no image has the old tag any more.
    pub is_done: bool,
}

/// Tags as they are once renamed, without repeats.
fn replaced(tags: &[String], renames: &TagRenames, since: u64) -> Vec<String> {
    let mut tags = tags.to_vec();
    for rename in renames.renames.iter().filter(|rename| rename.ended.is_none_or(|ended| ended >= since)) {
        tags = replace(&tags, rename);
    }
    tags
}

fn replace(tags: &[String], TagRename { from, to, .. }: &TagRename) -> Vec<String> {
    let has_both = tags.iter().any(|tag| is_same_tag(tag, to));
    let old = |tag: &&String| is_same_tag(tag, from);
    tags.iter().filter(|tag| !(has_both && old(tag))).map(|tag| if old(&tag) { to } else { tag }.clone()).collect()
}

impl<P: Ports> Vault<P> {
    /// Begins to rename a tag, or goes on with that, for about this time.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if one is no tag, or both are the same; [`Error::Renaming`] if another tag is being renamed;
    /// [`Error::Store`].
    pub async fn rename_tag(&self, from: &str, to: &str, time: Duration) -> Result<Renaming, Error> {
        let (from, to) = (checked_tag("from", from)?, checked_tag("to", to)?);
        if is_same_tag(&from, &to) {
            return Err(Error::Invalid { field: "to", reason: "this is the same tag".into() });
        }
        let begun = self.change_renames(|renames, now| {
            if let Some(TagRename { from: other, to: new, .. }) = renames.current() {
                return if (other, new) == (&from, &to) { Ok(false) } else { Err(busy(other, new)) };
            }
            renames.renames.retain(|rename| rename.ended.is_none_or(|ended| ended + REMEMBERED_FOR > now));
            if renames.renames.len() >= REMEMBERED {
                let minutes = REMEMBERED_FOR / 60_000;
                return Err(Error::Renaming(format!("{REMEMBERED} tags were renamed within {minutes} minutes")));
            }
            let (from, to) = (from.clone(), to.clone());
            renames.renames.push(TagRename { from, to, begun: now, ended: None, after: 0, renamed: 0 });
            Ok(true)
        });
        let rename = begun.await?;
        self.walk_renaming(rename, time).await
    }

    /// Goes on for about this time with the tag that is being renamed, if one is.
    pub async fn go_on_renaming(&self, time: Duration) -> Result<Option<Renaming>, Error> {
        match self.tag_renames().await?.current() {
            Some(rename) => self.walk_renaming(rename.clone(), time).await.map(Some),
            None => Ok(None),
        }
    }

    /// The tag that is being renamed.
    pub async fn renaming(&self) -> Result<Option<Renaming>, Error> {
        let renames = self.tag_renames().await?;
        Ok(renames.current().map(|rename| told(rename, 0, false)))
    }

    /// Tags that an image gets, or got, at or after the time `since`, as renamings have them that go on or ended later.
    pub(super) async fn renamed(&self, tags: Vec<String>, since: u64) -> Result<Vec<String>, Error> {
        if tags.is_empty() {
            return Ok(tags);
        }
        Ok(replaced(&tags, &self.tag_renames().await?, since))
    }

    /// Looks again at the tags of an image that was labelled at the time `since` and is written now: a renaming may have
    /// begun, and even ended, meanwhile.
    pub(super) async fn catch_up(&self, record: ImageRecord, since: u64) -> Result<ImageRecord, Error> {
        // The worker of a job looks again when it ends.
        if record.lease().is_some() || self.renamed(record.tags.clone(), since).await? == record.tags {
            return Ok(record);
        }
        for _ in 0..TRIES {
            let Some(now) = self.store.image(record.id).await? else { return Ok(record) };
            if self.is_relabelled(&now, since).await? {
                return self.as_stored(now).await;
            }
            self.ports.sleep(WRITING).await;
        }
        Err(Error::Changed)
    }

    /// Gives an image the tags that renamings say. Returns whether it has them now.
    async fn is_relabelled(&self, record: &ImageRecord, since: u64) -> Result<bool, Error> {
        let tags = self.renamed(record.tags.clone(), since).await?;
        if tags == record.tags {
            return Ok(true);
        }
        if record.lease().is_none() && self.store.claim_job(record).await? {
            match self.change_label(record.clone(), &Edit::of_tags(tags)).await {
                Ok(_) | Err(Error::Removed) => {}
                Err(error) => return Err(error),
            }
        }
        // It is looked at again: what was written may have been renamed meanwhile.
        Ok(false)
    }

    /// Walks along the images that have the old tag, until none has it or the time has passed.
    async fn walk_renaming(&self, mut rename: TagRename, time: Duration) -> Result<Renaming, Error> {
        let until = self.ports.now().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let filter = Filter { tags: vec![rename.from.clone()], ..Filter::default() };
        let (mut waiting, mut looked_from, mut recorded) = (0, None::<u64>, rename.renamed);
        loop {
            let page = self.list(&filter, Order::Oldest, Some(rename.after), PAGE).await?;
            for shown in page.images {
                let Some(record) = passing_over(self.store.image(shown.id).await)? else { continue };
                let tags = replace(&record.tags, &rename);
                if tags == record.tags {
                    continue;
                }
                if record.lease().is_some() || !self.store.claim_job(&record).await? {
                    // Its worker gives it the new tag, or another caller is changing it.
                    waiting += 1;
                    looked_from.get_or_insert(shown.seq.saturating_sub(1));
                    continue;
                }
                match self.change_label(record, &Edit::of_tags(tags)).await {
                    Ok(_) => rename.renamed += 1,
                    Err(Error::Removed) => {}
                    Err(error) => return Err(error),
                }
            }
            let is_over = self.ports.now() >= until;
            match (page.next, looked_from.take_if(|_| page.next.is_none())) {
                (Some(next), _) => rename.after = next,
                (None, None) => break,
                // The images that were passed over are looked at again.
                (None, Some(from)) => {
                    rename.after = from;
                    if is_over {
                        self.record_renaming(&rename, false).await?;
                        return Ok(told(&rename, waiting, false));
                    }
                    self.ports.sleep(PAUSE).await;
                    waiting = 0;
                    continue;
                }
            }
            if is_over || rename.renamed >= recorded + RECORDED {
                let after = looked_from.unwrap_or(rename.after);
                self.record_renaming(&TagRename { after, ..rename.clone() }, false).await?;
                recorded = rename.renamed;
            }
            if is_over {
                return Ok(told(&rename, waiting, false));
            }
        }
        self.record_renaming(&rename, true).await?;
        Ok(told(&rename, 0, true))
    }

    /// Records how far a renaming has come, unless another caller has come as far.
    async fn record_renaming(&self, rename: &TagRename, is_done: bool) -> Result<(), Error> {
        let recorded = self.change_renames(|renames, now| {
            let same = |other: &&mut TagRename| {
                other.ended.is_none() && (&other.from, other.begun) == (&rename.from, rename.begun)
            };
            let Some(known) = renames.renames.last_mut().filter(same) else { return Ok(false) };
            (known.after, known.renamed) = (rename.after, rename.renamed.max(known.renamed));
            known.ended = is_done.then_some(now);
            Ok(true)
        });
        match recorded.await {
            // Another caller is at it, and goes on.
            Err(Error::Renaming(_)) if !is_done => Ok(()),
            recorded => recorded.map(drop),
        }
    }

    async fn tag_renames(&self) -> Result<TagRenames, Error> {
        Ok(self.store.job().await?.unwrap_or_default())
    }

    /// Changes the record of renamed tags, if `change` says that there is something to change, and returns the last
    /// renaming in it.
    async fn change_renames(
        &self,
        change: impl Fn(&mut TagRenames, u64) -> Result<bool, Error>,
    ) -> Result<TagRename, Error> {
        for _ in 0..TRIES {
            let mut renames = self.tag_renames().await?;
            if !change(&mut renames, self.ports.now())? || self.store.claim_and_save_job(&mut renames, LEASE).await? {
                return renames.renames.pop().ok_or(Error::NotFound);
            }
            self.ports.sleep(WRITING).await;
        }
        Err(Error::Renaming("another caller is renaming a tag".into()))
    }
}

fn told(TagRename { from, to, renamed, .. }: &TagRename, waiting: u64, is_done: bool) -> Renaming {
    Renaming { from: from.clone(), to: to.clone(), renamed: *renamed, waiting, is_done }
}

fn busy(from: &str, to: &str) -> Error {
    Error::Renaming(format!("the tag {from:?} is being renamed to {to:?}"))
}

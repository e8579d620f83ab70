//! The ledger: every image that Burrow acknowledged, and the states in which it may be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::orders::{Content, Fate, Order, Wanted};
use super::tally::Tally;
use crate::support::random::Random;

/// Whether an image exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    There,
    /// Its removal was requested and not answered: it may exist or not.
    Leaving,
    Gone,
}

/// A name and tags.
pub type Label = (String, Vec<String>);

/// An image that Burrow has acknowledged or listed.
#[derive(Clone)]
pub struct Entry {
    pub content: Content,
    pub fate: Fate,
    /// Whether its job is known to have ended.
    pub settled: bool,
    /// The labels that it may have: the acknowledged one, and those whose change was requested and not answered.
    pub labels: Vec<Label>,
    pub mendable: Option<String>,
    pub place: Place,
    /// Whether a change is under way or was never answered; if so, no client begins another.
    pub held: bool,
    /// When and how it was acknowledged.
    pub promise: String,
}

/// The ledger of one store.
#[derive(Default)]
pub struct Ledger {
    pub images: BTreeMap<String, Entry>,
    /// Requests that were sent and not answered, by number.
    pub open: BTreeMap<usize, Order>,
    /// Answered requests with a key, and the images that they made.
    pub keyed: Vec<(Order, Vec<String>)>,
    /// Recent contents, of which further images may be made.
    pub contents: Vec<Content>,
    /// Bytes of all images that were ever requested.
    pub bytes: usize,
}

impl Entry {
    fn new(wanted: Wanted, settled: bool, promise: String) -> Self {
        let Wanted { name, tags, content, fate, mendable, .. } = wanted;
        let labels = vec![(name, tags)];
        Self { content, fate, settled, labels, mendable, place: Place::There, held: false, promise }
    }

    /// Whether its content must be readable.
    pub fn is_readable(&self) -> bool {
        self.settled && self.fate == Fate::Ready
    }

    fn can_change(&self) -> bool {
        self.place == Place::There && !self.held
    }
}

impl Ledger {
    /// Records that a request is about to be sent.
    pub fn begin(&mut self, number: usize, order: Order) {
        self.bytes += order.wanted.iter().map(|wanted| wanted.content.bytes.len()).sum::<usize>();
        for wanted in &order.wanted {
            let at = number % 64;
            match self.contents.get_mut(at) {
                Some(content) => *content = wanted.content.clone(),
                None => self.contents.push(wanted.content.clone()),
            }
        }
        self.open.insert(number, order);
    }

    /// Records that a request was answered with these images.
    pub fn acknowledge(&mut self, number: usize, images: &[Value], promise: &str, tally: &Tally) {
        let Some(order) = self.open.remove(&number) else { return };
        let ids: Vec<String> = images.iter().map(|image| image["id"].as_str().unwrap_or_default().to_owned()).collect();
        if ids.len() != order.wanted.len() {
            tally.wrong(format!("{} images were asked for, {promise} names {ids:?}", order.wanted.len()));
        }
        for ((wanted, id), image) in order.wanted.iter().zip(&ids).zip(images) {
            if wanted.adopted.as_ref().is_some_and(|adopted| adopted != id) {
                tally.wrong(format!("image {id}: {promise}; made before as {:?}", wanted.adopted));
            }
            let settled = matches!(image["status"].as_str(), Some("ready" | "failed"));
            let entry = Entry::new(wanted.clone(), settled, promise.to_owned());
            if settled {
                check_record(id, &mut entry.clone(), image, tally);
            }
            if let Some(known) = self.images.insert(id.clone(), entry)
                && wanted.adopted.is_none()
            {
                tally.wrong(format!("image {id}: {promise}, but also {}", known.promise));
            }
        }
        if order.key {
            self.keyed.push((order, ids));
        }
    }

    /// Enters an image of the store as it was found, with its content if it is ready.
    pub fn inherit(&mut self, record: &Value, content: Content) {
        let id = record["id"].as_str().unwrap_or_default().to_owned();
        let fate = if record["status"] == "ready" { Fate::Ready } else { Fate::Failed };
        let (name, tags) = label(record);
        let wanted = Wanted { name, tags, content, fate, url: None, mendable: None, adopted: None };
        self.images.insert(id, Entry::new(wanted, true, "it was there before".into()));
    }

    /// A random image for which `may` holds and that no client changes. It is held from now on.
    pub fn hold(&mut self, random: &mut Random, may: impl Fn(&Entry) -> bool) -> Option<(String, Entry)> {
        let id = self.any(random, |entry| entry.can_change() && may(entry))?;
        let entry = self.images.get_mut(&id)?;
        entry.held = true;
        Some((id, entry.clone()))
    }

    /// A random image for which `may` holds.
    pub fn any(&self, random: &mut Random, may: impl Fn(&Entry) -> bool) -> Option<String> {
        let found: Vec<&String> = self.images.iter().filter(|(_, entry)| may(entry)).map(|(id, _)| id).collect();
        random.pick(&found).map(|id| (*id).clone())
    }

    /// Compares the ledger with a complete list, which was read when no job was open. Returns the images that the list
    /// lacks.
    pub fn compare(&mut self, listed: &[Value], tally: &Tally) -> Vec<String> {
        let mut seen = BTreeSet::new();
        for record in listed {
            let id = record["id"].as_str().unwrap_or_default().to_owned();
            if !self.images.contains_key(&id) && !self.adopt(&id, record) {
                tally.wrong(format!("image {id} is listed, but nobody asked for it: {record}"));
            }
            match self.images.get_mut(&id) {
                Some(entry) if entry.place == Place::Gone => {
                    tally.wrong(format!("image {id} was removed ({}) and is listed again: {record}", entry.promise));
                }
                Some(entry) if entry.place == Place::There => {
                    entry.settled = true;
                    check_record(&id, entry, record, tally);
                }
                _ => {}
            }
            if !seen.insert(id.clone()) {
                tally.wrong(format!("image {id} is listed twice"));
            }
        }
        tally.add("records checked", listed.len() as u64);
        // An image that does not exist by now comes into being only if its request is sent again.
        self.open.retain(|_, order| order.key);
        let unsure: BTreeSet<String> =
            self.open.values().flat_map(|order| &order.wanted).filter_map(|wanted| wanted.adopted.clone()).collect();
        for (id, entry) in &mut self.images {
            entry.held = unsure.contains(id);
        }
        let missing =
            |(id, entry): (&String, &Entry)| (entry.place == Place::There && !seen.contains(id)).then(|| id.clone());
        self.images.iter().filter_map(missing).collect()
    }

    /// Finds the unanswered request that made this image, and enters the image. Returns false if there is no such
    /// request.
    fn adopt(&mut self, id: &str, record: &Value) -> bool {
        let same = |wanted: &&mut Wanted| {
            wanted.adopted.is_none()
                && record["name"] == wanted.name
                && record["url"].as_str() == wanted.url.as_deref()
                && (wanted.url.is_some() || record["sha256"] == wanted.content.sha256)
        };
        let Some(wanted) = self.open.values_mut().flat_map(|order| &mut order.wanted).find(same) else { return false };
        wanted.adopted = Some(id.to_owned());
        let entry = Entry::new(wanted.clone(), true, "asked for, never acknowledged, but listed".into());
        self.images.insert(id.to_owned(), entry);
        true
    }
}

/// Compares a settled image with its record, and notes the fate and label that the record shows.
fn check_record(id: &str, entry: &mut Entry, record: &Value, tally: &Tally) {
    let ready = record["status"] == "ready";
    if entry.fate == Fate::Either {
        entry.fate = if ready { Fate::Ready } else { Fate::Failed };
    }
    let label = label(record);
    let right = match entry.fate {
        Fate::Ready => ready && record["sha256"] == entry.content.sha256,
        _ => record["status"] == "failed",
    };
    if !right || !entry.labels.contains(&label) {
        let (fate, labels, promise) = (entry.fate, &entry.labels, &entry.promise);
        let size = entry.content.bytes.len();
        tally.wrong(format!("image {id} ({promise}; {size} bytes) must be {fate:?}, called {labels:?}: {record}"));
    }
    entry.labels = vec![label];
}

fn label(record: &Value) -> Label {
    let tags = record["tags"].as_array().into_iter().flatten().filter_map(|tag| tag.as_str().map(str::to_owned));
    (record["name"].as_str().unwrap_or_default().to_owned(), tags.collect())
}

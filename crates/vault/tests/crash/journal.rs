//! Records what users were told of images, and notices contradictions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use url::Url;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::images::{Origin, original};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// An acknowledged image is missing or incomplete, never becomes ready, or will be lost later.
    Lost,
    /// Something false was served or told.
    Wrong,
    /// A list shows an image twice.
    Duplicate,
    /// A name does not lead to its newest ready image.
    Unreachable,
    /// An image whose removal was acknowledged is back for good.
    Undead,
    /// An image whose removal was acknowledged is back until the next sweep.
    Lingering,
    /// A counter is wrong.
    Drift,
    /// Nothing refers to a key.
    Leak,
    /// A URL does not lead to an image that came from it.
    Unhinted,
}

impl Class {
    /// Whether `verify` can repair it, or nothing needs to.
    pub fn is_mendable(self) -> bool {
        matches!(self, Self::Lingering | Self::Drift | Self::Leak | Self::Unhinted)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    pub class: Class,
    pub text: String,
    /// It was found after everything was repaired, so no crash excuses it.
    pub after_mending: bool,
}

impl Problem {
    /// Whether an earlier crash or failure of the store excuses it.
    pub fn is_excused(&self) -> bool {
        self.class.is_mendable() && !self.after_mending
    }

    pub fn new(class: Class, text: impl fmt::Display) -> Self {
        Self { class, text: text.to_string(), after_mending: false }
    }
}

/// The removal of an image, as far as users know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// No user has begun to remove it.
    None,
    /// A user has begun to remove it: from then on it may be gone.
    Begun,
    /// A user was told that it is removed.
    Done,
}

/// What users were told of one image.
#[derive(Clone, Debug)]
pub struct Told {
    pub record: ImageRecord,
    /// A user was told that it is ready.
    pub ready: bool,
    /// How far its removal has come.
    pub removal: Removal,
    /// How many users are renaming it, or failed to. While this is not 0, it may have either name.
    pub renaming: u32,
    /// When it got its tags, in milliseconds. `None` while a user gives it others, or failed to.
    pub labelled: Option<u64>,
}

impl Told {
    /// Whether no user has begun to remove it.
    pub fn is_kept(&self) -> bool {
        self.removal == Removal::None
    }
}

/// A request that is sent again if its answer is lost, and that must be done once.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    /// To download an image: a path and a name.
    Url(&'static str, &'static str),
    /// To store these images, each with its name.
    Files(&'static [(&'static str, &'static str)]),
}

impl Request {
    /// The names of the images that it makes.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Url(_, name) => vec![name],
            Self::Files(files) => files.iter().map(|(_, name)| *name).collect(),
        }
    }
}

/// What all users together were told.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    pub images: BTreeMap<ImageId, Told>,
    /// Requests with an idempotency key, and the ids of the images in their answers.
    pub requests: BTreeMap<&'static str, (Request, BTreeSet<Vec<ImageId>>)>,
    /// Tags that a user began to rename, and whether a user was told that it is done.
    pub tag_renames: BTreeMap<&'static str, bool>,
    /// What the webhook's receiver got: images, and what they were said to be.
    pub posted: BTreeSet<(ImageId, String)>,
    pub problems: Vec<Problem>,
}

impl Journal {
    /// Records that a user was told of an image.
    pub fn told(&mut self, record: &ImageRecord) {
        let ready = record.status() == Status::Ready;
        let told = self.entry(record);
        if told.ready && !ready && told.is_kept() {
            let text = format!("{} was ready and is {}", record.name, record.status().as_str());
            self.problem(Class::Wrong, text);
            return;
        }
        told.ready = ready;
        // Of two changes the later one counts, whichever is told first.
        if record.updated >= told.record.updated {
            told.record = record.clone();
        }
    }

    /// Records that a user saw an image ready some time ago.
    pub fn seen_ready(&mut self, record: &ImageRecord) {
        self.entry(record).ready = true;
    }

    fn entry(&mut self, record: &ImageRecord) -> &mut Told {
        self.images.entry(record.id).or_insert_with(|| Told {
            record: record.clone(),
            ready: false,
            removal: Removal::None,
            renaming: 0,
            labelled: Some(record.created),
        })
    }

    /// Records that a request with this key was answered with these images.
    pub fn answered(&mut self, key: &'static str, request: Request, records: &[ImageRecord]) {
        for record in records {
            self.told(record);
        }
        let (_, answers) = self.requests.entry(key).or_insert((request, BTreeSet::new()));
        answers.insert(records.iter().map(|record| record.id).collect());
        if answers.len() > 1 {
            self.problem(Class::Duplicate, format_args!("the request {key} was done twice"));
        }
    }

    /// Records when an image got its tags.
    pub fn labelled(&mut self, id: ImageId, at: Option<u64>) {
        if let Some(told) = self.images.get_mut(&id) {
            told.labelled = at;
        }
    }

    pub fn renaming(&mut self, id: ImageId) {
        if let Some(told) = self.images.get_mut(&id) {
            told.renaming += 1;
        }
    }

    pub fn renamed(&mut self, record: &ImageRecord) {
        self.told(record);
        if let Some(told) = self.images.get_mut(&record.id) {
            told.renaming -= 1;
        }
    }

    pub fn removing(&mut self, id: ImageId) {
        if let Some(told) = self.images.get_mut(&id).filter(|told| told.is_kept()) {
            told.removal = Removal::Begun;
        }
    }

    pub fn removed(&mut self, id: ImageId) {
        if let Some(told) = self.images.get_mut(&id) {
            told.removal = Removal::Done;
        }
    }

    pub fn problem(&mut self, class: Class, text: impl fmt::Display) {
        self.problems.push(Problem::new(class, text));
    }

    /// The images that no user has begun to remove.
    pub fn kept(&self) -> impl Iterator<Item = &Told> {
        self.images.values().filter(|told| told.is_kept())
    }

    pub fn is_kept(&self, id: ImageId) -> bool {
        self.images.get(&id).is_some_and(Told::is_kept)
    }

    /// Feed numbers and ids of the images that are known to be ready under that name, and are not being renamed or
    /// removed.
    pub fn ready_under(&self, name: &str) -> impl Iterator<Item = (u64, ImageId)> {
        let ready = self.kept().filter(move |told| told.ready && told.renaming == 0 && told.record.name == name);
        ready.map(|told| (told.record.seq, told.record.id))
    }

    pub fn all_names(&self) -> BTreeSet<String> {
        self.images.values().map(|told| told.record.name.clone()).collect()
    }

    /// Equal for journals in which users rely on the same.
    pub fn fingerprint(&self) -> u64 {
        let answers: usize = self.requests.values().map(|(_, answers)| 1 + answers.len()).sum();
        let renames: usize = self.tag_renames.values().map(|done| 1 + usize::from(*done)).sum();
        let start = (self.problems.len() * 100 + answers + 10_000 * renames + 1_000_000 * self.posted.len()) as u64;
        self.images.values().fold(start, |sum, told| {
            let Told { record, ready, removal, renaming, labelled } = told;
            let ImageRecord { id, name, .. } = record;
            let tags = record.tags.join(" ");
            let status = record.status().as_str();
            let known = format!("{id} {name} {tags} {status} {ready} {removal:?} {renaming} {labelled:?}");
            xxh3_64_with_seed(known.as_bytes(), sum)
        })
    }
}

/// The origin of an image. An image whose bytes were given has the name of its original as a tag.
pub fn origin(record: &ImageRecord) -> Origin {
    match &record.source {
        Some(url) => Origin::of(Url::parse(url).expect("a URL of this suite").path()),
        None => Origin::Good(original(record.tags.first().expect("a tag"))),
    }
}

/// The bytes that an image must have in the end; `None` if its job must fail.
pub fn expected(record: &ImageRecord) -> Option<&'static [u8]> {
    origin(record).gives()
}

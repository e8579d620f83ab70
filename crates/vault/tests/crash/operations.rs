//! The operations of this suite: every call of the vault that it makes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Sha256Hex};
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_vault::store::blob::Form;
use burrow_vault::terms::{Phrase, words_of};
use burrow_vault::vault::{
    Discovery, Edit, Filter, HostFacts, Label, Once, Order, Plan, Shape, Shown, Vault, VaultSettings, Worker,
};
use burrow_vault::webhook::Webhook;

use crate::images::original;
use crate::journal::{Class, Journal, Request, Told, expected};
use crate::world::{Body, World};

/// One operation of a user or an operator.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Adds an image by URL: path and name. The user is told twice: when it is accepted, and when the job has ended.
    Ingest(&'static str, &'static str),
    /// Adds an image by URL, for the next resume to download.
    Submit(&'static str, &'static str),
    /// Stores the bytes of an image: which, and its name.
    Put(&'static str, &'static str),
    /// As `Put`, with a second tag.
    PutTagged(&'static str, &'static str, &'static str),
    /// As `Submit`, with this tag.
    SubmitTagged(&'static str, &'static str, &'static str),
    /// Gives an image these tags; the first is the original's.
    Label(ImageId, &'static [&'static str]),
    /// Renames a tag, on images and on those that come in meanwhile.
    RenameTag(&'static str, &'static str),
    /// Tells the webhook what there is to tell.
    Deliver,
    /// Does a job that was accepted.
    Work(Box<ImageRecord>),
    /// Does the job of this image, unless another worker does it.
    WorkOn(ImageId),
    /// Removes an image.
    Remove(ImageId),
    /// Tries a failed job again.
    Retry(ImageId),
    /// Makes a failed image a job, for the next resume to do.
    Requeue(ImageId),
    /// Gives a ready image another name.
    Rename(ImageId, &'static str),
    /// Sends a request with an idempotency key.
    Ask(&'static str, Request),
    /// Reads an image from its record to its last byte.
    Read(ImageId),
    /// Asks for its thumbnail.
    Draw(ImageId),
    /// Repacks it.
    Repack(ImageId),
    /// Looks up an image by its URL.
    Find(&'static str),
    /// Reads the list, and looks up every name.
    Look,
    /// Resumes, as cron does, and the native host when it starts.
    Resume,
    /// Sweeps, without doing jobs.
    Sweep,
    /// Verifies while other operations run: it must report no fault, whatever they do.
    Verify,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(record) => write!(f, "work at {}", record.name),
            Self::WorkOn(id) => write!(f, "work at {id}"),
            Self::Remove(id) => write!(f, "remove {id}"),
            Self::Retry(id) => write!(f, "retry {id}"),
            Self::Requeue(id) => write!(f, "requeue {id}"),
            Self::Rename(id, name) => write!(f, "rename {id} to {name}"),
            Self::Ask(key, request) => write!(f, "ask {key} {request:?}"),
            Self::Read(id) => write!(f, "read {id}"),
            Self::Draw(id) => write!(f, "draw {id}"),
            Self::Repack(id) => write!(f, "repack {id}"),
            Self::Ingest(what, name) => write!(f, "ingest {what} as {name}"),
            Self::Submit(what, name) => write!(f, "submit {what} as {name}"),
            Self::Put(what, name) => write!(f, "put {what} as {name}"),
            Self::PutTagged(what, name, tag) => write!(f, "put {what} as {name} with the tag {tag}"),
            Self::SubmitTagged(what, name, tag) => write!(f, "submit {what} as {name} with the tag {tag}"),
            Self::Label(id, tags) => write!(f, "give {id} the tags {tags:?}"),
            Self::RenameTag(from, to) => write!(f, "rename the tag {from} to {to}"),
            Self::Deliver => write!(f, "deliver"),
            Self::Find(path) => write!(f, "find {path}"),
            Self::Look => write!(f, "look"),
            Self::Resume => write!(f, "resume"),
            Self::Sweep => write!(f, "sweep"),
            Self::Verify => write!(f, "verify"),
        }
    }
}

/// The shared journal of what users are told.
pub type Book = Rc<RefCell<Journal>>;

thread_local! {
    /// The shape of the index in the scenario that this thread explores.
    pub static SHAPE: Cell<Shape> = Cell::new(Shape::default());

    /// Whether the vault has a webhook in that scenario.
    pub static WEBHOOK: Cell<bool> = const { Cell::new(false) };
}

pub fn vault(world: &World) -> Vault<World> {
    let host = HostFacts { generation: world.generation(), ..HostFacts::default() };
    let webhook = WEBHOOK.get().then(|| {
        let secret = "0123456789abcdef".parse().expect("a secret");
        Webhook::new("http://receiver.example/".parse().expect("a URL"), secret)
    });
    Vault::new(world.clone(), VaultSettings { host, index: SHAPE.get(), webhook, ..VaultSettings::default() })
}

fn url(path: &str) -> String {
    format!("http://origin.example{path}")
}

pub async fn accept(vault: &Vault<World>, path: &str, name: &str) -> Result<ImageRecord, Error> {
    vault.accept(vault.draft_job(&url(path), Label::new(Some(name), &[])?)?, Worker::Recorder).await
}

pub async fn put(vault: &Vault<World>, image: &str, name: &str, more: Option<&str>) -> Result<ImageRecord, Error> {
    let tags: Vec<String> = [image].into_iter().chain(more).map(str::to_owned).collect();
    vault.put(&mut Body::whole(original(image)), Label::new(Some(name), &tags)?).await
}

/// All images of the list, read in pages of three.
pub async fn list(vault: &Vault<World>) -> Result<Vec<ImageRecord>, Error> {
    let (mut images, mut before) = (Vec::new(), None);
    loop {
        let page = vault.list(&Filter::default(), Order::Newest, before, 3).await?;
        images.extend(page.images);
        before = page.next;
        if before.is_none() {
            return Ok(images);
        }
    }
}

/// What searches for its name and for its tags say of an image: `None` if they find it, and nothing that does not match.
pub async fn is_found(vault: &Vault<World>, image: &ImageRecord) -> Result<Option<String>, Error> {
    let phrase = Phrase::new(&image.name);
    for filter in [
        Filter { phrase: phrase.clone(), ..Filter::default() },
        Filter { tags: image.tags.clone(), phrase, ..Filter::default() },
    ] {
        let (mut found, mut before) = (false, None);
        loop {
            let page = vault.list(&filter, Order::Newest, before, 3).await?;
            for other in &page.images {
                found |= other.id == image.id;
                let has_tags = filter.tags.iter().all(|tag| other.tags.contains(tag));
                if !has_tags || !filter.phrase.matches(&words_of(other)) {
                    return Ok(Some(format!("{} is found by {filter:?}", other.name)));
                }
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        if !found {
            return Ok(Some(format!("{} is not found by {filter:?}", image.name)));
        }
    }
    Ok(None)
}

/// All bytes of a ready image.
pub async fn read(vault: &Vault<World>, record: &ImageRecord) -> Result<Vec<u8>, Error> {
    let content = vault.open(record).await?;
    let mut reader = content.read(Form::Original, 0..content.size(Form::Original));
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend(piece);
    }
    Ok(bytes)
}

/// Does one operation, and records what the user was told.
pub async fn perform(operation: Operation, world: World, book: Book) {
    let vault = vault(&world);
    let result = match operation {
        Operation::Ingest(path, name) => match accept(&vault, path, name).await {
            Ok(record) => {
                book.borrow_mut().told(&record);
                work(&vault, record, &book).await
            }
            Err(error) => Err(error),
        },
        Operation::Submit(path, name) => submit(&vault, path, name, None, &book).await,
        Operation::SubmitTagged(path, name, tag) => submit(&vault, path, name, Some(tag), &book).await,
        Operation::Put(image, name) => {
            put(&vault, image, name, None).await.map(|record| book.borrow_mut().told(&record))
        }
        Operation::PutTagged(image, name, tag) => {
            put(&vault, image, name, Some(tag)).await.map(|record| book.borrow_mut().told(&record))
        }
        Operation::Deliver => vault.deliver().await.map(drop),
        Operation::Label(id, tags) => label(&vault, id, tags, &book).await,
        Operation::RenameTag(from, to) => rename_tag(&vault, from, to, &book).await,
        Operation::Work(record) => work(&vault, *record, &book).await,
        Operation::WorkOn(id) => worked(vault.work_on(id, None).await, id, &book),
        Operation::Remove(id) => remove(&vault, id, &book).await,
        Operation::Retry(id) => retry(&vault, id, Worker::Recorder, &book).await,
        Operation::Requeue(id) => retry(&vault, id, Worker::Anybody, &book).await,
        Operation::Rename(id, name) => rename(&vault, id, name, &book).await,
        Operation::Ask(key, request) => ask_and_work(&vault, key, request, &book).await,
        Operation::Read(id) => read_one(&vault, id, &book).await,
        Operation::Draw(id) => draw(&vault, id, &book).await,
        Operation::Repack(id) => repack(&vault, id, &book).await,
        Operation::Find(path) => find(&vault, &url(path), &book).await,
        Operation::Look => look(&vault, &book).await,
        Operation::Resume => vault.resume().await.map(drop),
        Operation::Sweep => vault.sweep().await,
        Operation::Verify => verify(&vault, &book).await,
    };
    match result {
        Err(_) if world.is_faulty() => {}
        Ok(()) => {}
        Err(error) => book.borrow_mut().problem(Class::Wrong, format_args!("an operation failed: {error}")),
    }
}

async fn submit(vault: &Vault<World>, path: &str, name: &str, tag: Option<&str>, book: &Book) -> Result<(), Error> {
    let tags: Vec<String> = tag.into_iter().map(str::to_owned).collect();
    let label = Label::new(Some(name), &tags)?;
    let record = vault.accept(vault.draft_job(&url(path), label)?, Worker::Anybody).await?;
    book.borrow_mut().told(&record);
    Ok(())
}

async fn work(vault: &Vault<World>, record: ImageRecord, book: &Book) -> Result<(), Error> {
    let id = record.id;
    worked(vault.work(record).await, id, book)
}

fn worked(outcome: Result<ImageRecord, Error>, id: ImageId, book: &Book) -> Result<(), Error> {
    match outcome {
        Ok(record) => book.borrow_mut().told(&record),
        Err(Error::Removed | Error::NotFound) if !book.borrow().is_kept(id) => {}
        // Another worker does it, or the lease expired before the work began.
        Err(Error::Held(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

pub async fn remove(vault: &Vault<World>, id: ImageId, book: &Book) -> Result<(), Error> {
    book.borrow_mut().removing(id);
    vault.remove(id).await?;
    book.borrow_mut().removed(id);
    Ok(())
}

async fn retry(vault: &Vault<World>, id: ImageId, worker: Worker, book: &Book) -> Result<(), Error> {
    let record = match vault.get(id).await {
        Err(Error::NotFound) if !book.borrow().is_kept(id) => return Ok(()),
        record => record?,
    };
    match vault.retry(record, None, worker).await {
        Ok(Some(record)) => {
            book.borrow_mut().told(&record);
            if worker == Worker::Recorder { work(vault, record, book).await } else { Ok(()) }
        }
        // Another caller retries it, or it has not failed.
        Ok(None) | Err(Error::NotFailed(_)) => Ok(()),
        Err(Error::Removed) if !book.borrow().is_kept(id) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn label(vault: &Vault<World>, id: ImageId, tags: &[&str], book: &Book) -> Result<(), Error> {
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    book.borrow_mut().renaming(id);
    book.borrow_mut().labelled(id, None);
    match vault.edit(id, &Edit::new(None, Some(&tags))?, |_| Ok::<_, Error>(())).await {
        Ok(record) => {
            book.borrow_mut().renamed(&record);
            book.borrow_mut().labelled(id, Some(record.updated));
        }
        Err(Error::Changed) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Renames a tag, as the command line does: it asks again until that is done.
async fn rename_tag(vault: &Vault<World>, from: &'static str, to: &'static str, book: &Book) -> Result<(), Error> {
    book.borrow_mut().tag_renames.insert(from, false);
    for _ in 0..ASKED {
        match vault.rename_tag(from, to, Duration::ZERO).await {
            Ok(renaming) if renaming.is_done => {
                book.borrow_mut().tag_renames.insert(from, true);
                break;
            }
            // Its jobs end later, or another caller is at it.
            Ok(_) | Err(Error::Renaming(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How often a user asks for a renaming.
const ASKED: usize = 3;

async fn rename(vault: &Vault<World>, id: ImageId, name: &str, book: &Book) -> Result<(), Error> {
    book.borrow_mut().renaming(id);
    match vault.edit(id, &Edit::new(Some(name), None)?, |_| Ok::<_, Error>(())).await {
        Ok(record) => book.borrow_mut().renamed(&record),
        // Other callers changed it for so long that this one gave up.
        Err(Error::Changed) => {}
        Err(Error::Removed | Error::NotFound) if !book.borrow().is_kept(id) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Does a request with an idempotency key, as the HTTP interface does. Returns its images, and whether it recorded a
/// job just now. It does not work on the job.
pub async fn ask(vault: &Vault<World>, key: &str, request: Request) -> Result<(Vec<ImageRecord>, bool), Error> {
    match request {
        Request::Url(path, name) => ask_for_job(vault, key, path, name).await,
        Request::Files(files) => Ok((ask_to_keep(vault, key, files).await?, false)),
    }
}

async fn ask_for_job(
    vault: &Vault<World>,
    key: &str,
    path: &str,
    name: &str,
) -> Result<(Vec<ImageRecord>, bool), Error> {
    let draft = vault.draft_job(&url(path), Label::new(Some(name), &[])?)?;
    let answering = match vault.once(key, draft.fingerprint(None), vec![draft.id()]).await? {
        Once::Again(images) => return Ok((get_all(vault, images).await?, false)),
        Once::First(answering) => answering,
    };
    let id = answering.images()[0];
    if let Some(record) = vault.made_before(id).await? {
        vault.done(answering).await?;
        return Ok((vec![record], false));
    }
    let record = vault.accept(draft.with_id(id), Worker::Recorder).await?;
    vault.done(answering).await?;
    Ok((vec![record], true))
}

async fn ask_to_keep(vault: &Vault<World>, key: &str, files: &[(&str, &str)]) -> Result<Vec<ImageRecord>, Error> {
    let mut drafts = Vec::new();
    for (image, name) in files {
        let packed = vault.pack(&mut Body::whole(original(image))).await?;
        drafts.push((vault.draft(Label::new(Some(name), &[(*image).into()])?), packed));
    }
    let prints: Vec<_> = drafts.iter().map(|(draft, packed)| draft.fingerprint(Some(packed))).collect();
    let planned = drafts.iter().map(|(draft, _)| draft.id()).collect();
    let once = vault.once(key, Sha256Hex::of(format!("{prints:?}").as_bytes()), planned).await;
    if !matches!(once, Ok(Once::First(_))) {
        for (_, packed) in &drafts {
            vault.discard(packed).await?;
        }
    }
    let answering = match once? {
        Once::Again(images) => return get_all(vault, images).await,
        Once::First(answering) => answering,
    };
    let mut records = Vec::new();
    for ((draft, packed), &id) in drafts.into_iter().zip(answering.images()) {
        records.push(match vault.made_before(id).await? {
            Some(record) => {
                vault.discard(&packed).await?;
                record
            }
            None => vault.keep(draft.with_id(id), packed).await?,
        });
    }
    vault.done(answering).await?;
    Ok(records)
}

async fn get_all(vault: &Vault<World>, images: Vec<ImageId>) -> Result<Vec<ImageRecord>, Error> {
    let mut records = Vec::new();
    for id in images {
        records.push(vault.get(id).await?);
    }
    Ok(records)
}

async fn ask_and_work(vault: &Vault<World>, key: &'static str, request: Request, book: &Book) -> Result<(), Error> {
    book.borrow_mut().requests.entry(key).or_insert((request, BTreeSet::new()));
    let (records, new) = match ask(vault, key, request).await {
        Err(Error::KeyBusy) => return Ok(()),
        records => records?,
    };
    book.borrow_mut().answered(key, request, &records);
    for record in records {
        if new && record.status() == Status::Pending {
            work(vault, record, book).await?;
        }
    }
    Ok(())
}

async fn draw(vault: &Vault<World>, id: ImageId, book: &Book) -> Result<(), Error> {
    let record = match vault.get(id).await {
        Err(Error::NotFound) if !book.borrow().is_kept(id) => return Ok(()),
        record => record?,
    };
    if matches!(vault.thumbnail(&record, 160).await?, Shown::Nothing(_) | Shown::UnsupportedHere(_) | Shown::Original) {
        book.borrow_mut().problem(Class::Wrong, format_args!("{} has no small picture", record.name));
    }
    Ok(())
}

/// Repacks an image. Whatever comes of it, its bytes and what users are told of it stay the same.
pub async fn repack(vault: &Vault<World>, id: ImageId, book: &Book) -> Result<(), Error> {
    match vault.repack(id).await {
        Ok(_) | Err(Error::Held(_)) => Ok(()),
        // Its chunks may be gone an hour after its removal.
        Err(Error::Removed | Error::NotFound | Error::NotReady(_) | Error::Corrupt(_))
            if !book.borrow().is_kept(id) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn read_one(vault: &Vault<World>, id: ImageId, book: &Book) -> Result<(), Error> {
    let record = match vault.get(id).await {
        Err(Error::NotFound) if !book.borrow().is_kept(id) => return Ok(()),
        record => record?,
    };
    book.borrow_mut().told(&record);
    if record.status() == Status::Ready && expected(&record) != Some(&*read(vault, &record).await?) {
        book.borrow_mut().problem(Class::Wrong, format_args!("{} was served with other bytes", record.name));
    }
    Ok(())
}

/// Looks up an image by URL. It finds one that came from it, or none, because another may be about to be recorded.
async fn find(vault: &Vault<World>, url: &str, book: &Book) -> Result<(), Error> {
    match vault.get_by_source(url).await {
        Ok(record) if record.source.as_deref() != Some(url) => {
            book.borrow_mut().problem(Class::Wrong, format_args!("{url} leads to one from {:?}", record.source));
        }
        Ok(_) | Err(Error::NotFound) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

async fn verify(vault: &Vault<World>, book: &Book) -> Result<(), Error> {
    let out = async |discovery| match discovery {
        Discovery::Fault(fault) => book.borrow_mut().problem(Class::Wrong, format_args!("a false alarm: {fault:?}")),
        Discovery::Content(_) => {}
    };
    vault.verify(Plan::default(), out).await.map(drop)
}

/// Reads the list, and looks up every name. An image that a user was told of before must be listed once. If the user
/// was told that it is ready, its name must lead to it or to a newer one. Both hold only if nobody removes it
/// meanwhile.
async fn look(vault: &Vault<World>, book: &Book) -> Result<(), Error> {
    let before: Vec<_> = book.borrow().kept().cloned().collect();
    let listed = list(vault).await?;
    for told in before {
        let times = listed.iter().filter(|other| other.id == told.record.id).count();
        let is_ready = |record: &ImageRecord| record.id == told.record.id && record.status() == Status::Ready;
        if !book.borrow().is_kept(told.record.id) {
            continue;
        }
        if times != 1 {
            let class = if times == 0 { Class::Lost } else { Class::Duplicate };
            book.borrow_mut().problem(class, format_args!("{} is listed {times} times", told.record.name));
        } else if told.ready && !listed.iter().any(is_ready) {
            book.borrow_mut().problem(Class::Wrong, format_args!("{} was ready and is not", told.record.name));
        }
    }
    let kept: Vec<_> = book.borrow().kept().filter(|told| told.renaming == 0).map(|told| told.record.clone()).collect();
    for record in kept {
        let problem = is_found(vault, &record).await?;
        let is_as_before = |told: &Told| told.is_kept() && told.renaming == 0 && told.record.name == record.name;
        if let Some(problem) = problem
            && book.borrow().images.get(&record.id).is_some_and(is_as_before)
        {
            book.borrow_mut().problem(Class::Lost, problem);
        }
    }
    // A list does not show one moment: an image that it shows as not ready may be ready by now.
    for record in listed.iter().filter(|record| record.status() == Status::Ready) {
        book.borrow_mut().seen_ready(record);
    }
    let names = book.borrow().all_names();
    for name in names {
        let ready: Vec<_> = book.borrow().ready_under(&name).collect();
        let found = vault.get_by_name(&name).await;
        let newest = ready.into_iter().filter(|(_, id)| book.borrow().is_kept(*id)).max();
        let problem = match (found, newest) {
            (Ok(record), _) if record.name != name => format!("{name} leads to one of the name {}", record.name),
            (Ok(record), Some((seq, _))) if record.seq < seq => format!("{name} leads to {}, not {seq}", record.seq),
            (Err(Error::NotFound), Some((seq, _))) => format!("{name} does not lead to {seq}"),
            (Ok(_), _) | (Err(Error::NotFound), None) => continue,
            (Err(error), _) => return Err(error),
        };
        book.borrow_mut().problem(Class::Unreachable, problem);
    }
    Ok(())
}

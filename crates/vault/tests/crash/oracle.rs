//! Judges what a crash left: restarts the vault, resumes, sweeps, repairs, and checks.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Job, Key};
use burrow_model::record::{ImageRecord, TagRenames};
use burrow_model::status::Status;
use burrow_vault::vault::{Discovery, Filter, Outcome, Plan, Vault};
use futures::executor::block_on;

use crate::disk::{Map, Model};
use crate::images::{LATE, Origin};
use crate::journal::{Class, Journal, Problem, Removal, Request, expected, origin};
use crate::ledger::{Ledger, load};
use crate::operations::{Book, ask, is_found, list, read, remove, vault};
use crate::world::World;

const MINUTE: u64 = 60_000;

/// How long a restart takes, in milliseconds.
pub const RESTART: u64 = 1000;

/// A state in which everything stopped.
#[derive(Debug)]
pub struct Stop<'a> {
    pub model: Model,
    /// What the store kept.
    pub map: &'a Map,
    /// What users were told.
    pub journal: &'a Journal,
    pub now: u64,
}

/// How far the restart has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Started,
    Resumed,
    Swept,
}

/// Restarts the vault and returns everything that is wrong.
pub fn judge(stop: &Stop<'_>) -> Vec<Problem> {
    let mut problems = stop.journal.problems.clone();
    // The salt differs from state to state: after a restart no process draws the same random numbers as before.
    let started = stop.now + RESTART;
    let world = World::new(stop.model, stop.map.clone(), started, stop.map.fingerprint());
    world.open();
    if let Err(error) = block_on(mend(stop, &world, &mut problems)) {
        problems.push(Problem::new(Class::Wrong, format_args!("after the restart: {error}")));
        return problems;
    }
    Ledger::of(world.disk().latest(), stop.journal, &mut problems);
    if problems.iter().any(|problem| !problem.class.is_mendable()) {
        return problems;
    }
    let left = world.disk().latest().clone();
    let world = World::new(stop.model, left, stop.now + 200 * MINUTE, stop.map.fingerprint() ^ 1);
    world.open();
    let mut later = Vec::new();
    if let Err(error) = block_on(repair(stop, &world, &mut later)) {
        later.push(Problem::new(Class::Wrong, format_args!("while mending: {error}")));
    }
    if let Err(error) = block_on(clear(stop, &world, &mut later)) {
        later.push(Problem::new(Class::Wrong, format_args!("after mending: {error}")));
    }
    problems.extend(later.into_iter().map(|problem| Problem {
        text: format!("after mending: {}", problem.text),
        after_mending: true,
        ..problem
    }));
    problems
}

/// Lets `verify` repair what is left, and checks that nothing is wrong then, by the ledger and by `verify` itself.
async fn repair(stop: &Stop<'_>, world: &World, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let vault = vault(world);
    let plan = Plan { repair: true, alone: true };
    vault
        .verify(plan, async |discovery| {
            if let Discovery::Fault(fault) = discovery
                && !fault.repaired
            {
                problems.push(Problem::new(Class::Wrong, format_args!("not mended: {fault:?}")));
            }
        })
        .await?;
    world.pass(MINUTE);
    vault.resume().await?;
    let plan = Plan { repair: false, ..plan };
    let mut contents = Vec::new();
    vault
        .verify(plan, async |discovery| match discovery {
            Discovery::Fault(fault) => problems.push(Problem::new(Class::Wrong, format_args!("mended: {fault:?}"))),
            Discovery::Content(images) => contents.extend(images),
        })
        .await?;
    for id in contents {
        vault.verify_content(id).await?;
    }
    Ledger::of(world.disk().latest(), stop.journal, problems);
    Ok(())
}

async fn mend(stop: &Stop<'_>, world: &World, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let vault = vault(world);
    look(&vault, stop.journal, Stage::Started, problems).await?;
    // The native host knows that every earlier process is dead. On Spin the leases must expire first, and so must claims
    // of processes that died before they wrote a lease.
    vault.resume().await?;
    if stop.model == Model::Immediate {
        world.pass(31 * MINUTE);
        vault.resume().await?;
    }
    go_on_renaming(&vault, world, stop.journal, problems).await?;
    go_on_telling(&vault, world, stop.journal, problems).await?;
    look(&vault, stop.journal, Stage::Resumed, problems).await?;
    look_for_sources(&vault, stop.journal, problems).await?;
    ask_again(&vault, world, stop.journal, problems).await?;
    // The first sweep deletes what the crash left in the trash, the second what was discarded meanwhile.
    for _ in 0..2 {
        world.pass(61 * MINUTE);
        vault.resume().await?;
        repack_all(&vault, problems).await?;
    }
    // What repacking discarded or claimed.
    world.pass(61 * MINUTE);
    vault.resume().await?;
    look(&vault, stop.journal, Stage::Swept, problems).await
}

/// Goes on with the renaming of a tag until it is done. Then no image that a user was told of has the old tag, unless it
/// got that tag later.
async fn go_on_renaming(
    vault: &Vault<World>,
    world: &World,
    journal: &Journal,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    if journal.tag_renames.is_empty() {
        return Ok(());
    }
    for _ in 0..40 {
        if vault.renaming().await?.is_none() {
            break;
        }
        match vault.go_on_renaming(Duration::ZERO).await {
            Ok(_) => {}
            // A claim whose owner died lasts for a while.
            Err(Error::Renaming(_)) => world.pass(MINUTE),
            Err(error) => return Err(error),
        }
    }
    if let Some(renaming) = vault.renaming().await? {
        problems.push(Problem::new(Class::Lost, format_args!("it never ends: {renaming:?}")));
    }
    let Some(renames) = load::<TagRenames>(world.disk().latest(), &Key::job(Job::Tags)) else {
        let told = journal.tag_renames.values().any(|done| *done);
        if told {
            problems.push(Problem::new(Class::Lost, "a renaming that was done is gone"));
        }
        return Ok(());
    };
    for rename in &renames.renames {
        for told in journal.kept() {
            let record = vault.get(told.record.id).await?;
            let is_earlier = told.labelled.is_some_and(|at| rename.ended.is_none_or(|ended| at <= ended));
            if record.tags.contains(&rename.from) && is_earlier {
                let text = format_args!("{} has the tag {} and not {}", record.name, rename.from, rename.to);
                problems.push(Problem::new(Class::Wrong, text));
            }
        }
    }
    Ok(())
}

/// Tells the webhook what is left to tell. Then it was told of each image that users were told of.
async fn go_on_telling(
    vault: &Vault<World>,
    world: &World,
    journal: &Journal,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    if !vault.has_webhook() {
        return Ok(());
    }
    for _ in 0..4 {
        vault.deliver().await?;
        // The lease of one that died, and the claim of one that died before it wrote a lease.
        world.pass(4 * MINUTE);
    }
    let posted = world.posted();
    for told in journal.kept() {
        let record = vault.get(told.record.id).await?;
        let kind = format!("image.{}", record.status().as_str());
        let is_told = |posts: &BTreeSet<(ImageId, String)>| posts.contains(&(record.id, kind.clone()));
        if record.lease().is_none() && !is_told(&posted) && !is_told(&journal.posted) {
            problems.push(Problem::new(Class::Lost, format_args!("nobody was told that {} is {kind}", record.name)));
        }
    }
    Ok(())
}

/// Repacks every image that can be repacked, as an idle host does: what a crash cut off is taken up.
async fn repack_all(vault: &Vault<World>, problems: &mut Vec<Problem>) -> Result<(), Error> {
    for id in vault.repackable(&Filter::default(), None, 100).await?.images {
        match vault.repack(id).await? {
            Outcome::Smaller { .. } | Outcome::Kept(_) => {}
            Outcome::Busy => problems.push(Problem::new(Class::Wrong, format_args!("{id} can never be repacked"))),
        }
    }
    Ok(())
}

/// Checks that every URL leads to an image that came from it, unless one of its images was removed.
async fn look_for_sources(vault: &Vault<World>, journal: &Journal, problems: &mut Vec<Problem>) -> Result<(), Error> {
    for url in journal.images.values().filter_map(|told| told.record.source.as_deref()) {
        let mut of_url = journal.images.values().filter(|told| told.record.source.as_deref() == Some(url));
        match vault.get_by_source(url).await {
            Ok(record) if record.source.as_deref() == Some(url) => {}
            Err(Error::NotFound) if of_url.any(|told| !told.is_kept()) => {}
            Err(Error::NotFound) => problems.push(Problem::new(Class::Unhinted, format_args!("{url} leads nowhere"))),
            Ok(record) => {
                problems.push(Problem::new(Class::Wrong, format_args!("{url} leads to one from {:?}", record.source)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sends every request with an idempotency key again, answered or not. It must be done once in all.
async fn ask_again(
    vault: &Vault<World>,
    world: &World,
    journal: &Journal,
    problems: &mut Vec<Problem>,
) -> Result<(), Error> {
    for (key, (request, answers)) in &journal.requests {
        let Some((again, new)) = ask_until_answered(vault, world, key, *request).await? else {
            problems.push(Problem::new(Class::Lost, format_args!("the request {key} is never answered")));
            continue;
        };
        let ids: Vec<_> = again.iter().map(|record| record.id).collect();
        let removing = ids.iter().any(|id| journal.images.get(id).is_some_and(|told| !told.is_kept()));
        if !answers.is_empty() && !answers.contains(&ids) && !removing {
            problems.push(Problem::new(Class::Duplicate, format_args!("the request {key} is answered otherwise now")));
        }
        for record in again {
            if new && record.status() == Status::Pending {
                vault.work(record).await?;
            }
        }
        let listed = list(vault).await?;
        for name in request.names() {
            let times = listed.iter().filter(|record| record.name == name).count();
            if times > 1 {
                let text = format_args!("the request {key} made {name} {times} times");
                problems.push(Problem::new(Class::Duplicate, text));
            }
        }
    }
    Ok(())
}

/// Sends a request as a client does that is told that the key is busy: again and again.
async fn ask_until_answered(
    vault: &Vault<World>,
    world: &World,
    key: &str,
    request: Request,
) -> Result<Option<(Vec<ImageRecord>, bool)>, Error> {
    for _ in 0..20 {
        match ask(vault, key, request).await {
            Err(Error::KeyBusy) => world.pass(MINUTE / 4),
            answered => return answered.map(Some),
        }
    }
    Ok(None)
}

/// Checks every image that users were told of, and every image of the list.
async fn look(vault: &Vault<World>, journal: &Journal, stage: Stage, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let mut found = |class, text: String| problems.push(Problem::new(class, format!("{text} ({stage:?})")));
    let listed = list(vault).await?;
    for (n, record) in listed.iter().enumerate() {
        if listed[..n].iter().any(|other| other.id == record.id) {
            found(Class::Duplicate, format!("{} is listed twice", record.name));
        }
        if let Some(problem) = is_found(vault, record).await? {
            found(Class::Lost, problem);
        }
        if let Some(problem) = check(vault, record, stage).await {
            found(problem.class, problem.text);
        }
    }
    for told in journal.images.values() {
        let name = &told.record.name;
        let is_listed = listed.iter().any(|record| record.id == told.record.id);
        let record = match vault.get(told.record.id).await {
            Ok(record) => Some(record),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        match record {
            None if told.is_kept() => found(Class::Lost, format!("{name} is gone")),
            Some(_) if told.is_kept() && !is_listed => found(Class::Lost, format!("{name} is not listed")),
            Some(record) if told.is_kept() && told.ready && record.status() != Status::Ready => {
                found(Class::Lost, format!("{name} was ready and is {}", record.status().as_str()));
            }
            Some(record)
                if stage > Stage::Started
                    && told.is_kept()
                    && told.record.status() != Status::Failed
                    && record.status() != expected(&record).map_or(Status::Failed, |_| Status::Ready)
                    && !was_late(&record) =>
            {
                found(Class::Lost, format!("{name} is {} in the end", record.status().as_str()));
            }
            Some(_) if told.removal == Removal::Done && stage == Stage::Swept => {
                found(Class::Undead, format!("{name} is back"));
            }
            Some(_) if told.removal == Removal::Done => found(Class::Lingering, format!("{name} is back")),
            _ => {}
        }
        if told.removal == Removal::Done && is_listed && stage > Stage::Started {
            found(Class::Undead, format!("{name} is listed again"));
        }
    }
    for name in journal.all_names() {
        let newest = journal.ready_under(&name).map(|(seq, _)| seq);
        // An image whose state was in doubt counts once it is settled.
        let settled = listed.iter().filter(|record| {
            stage > Stage::Started
                && record.name == name
                && record.status() == Status::Ready
                && journal.images.get(&record.id).is_none_or(|told| told.is_kept() && told.renaming == 0)
        });
        let newest = newest.chain(settled.map(|record| record.seq)).max();
        match vault.get_by_name(&name).await {
            Ok(record) if record.name != name || record.status() != Status::Ready => {
                found(Class::Wrong, format!("{name} leads to {} {}", record.status().as_str(), record.name));
            }
            Ok(record) if newest.is_some_and(|newest| record.seq < newest) => {
                found(Class::Unreachable, format!("{name} leads to an older image"));
            }
            Err(Error::NotFound) if newest.is_some() => found(Class::Unreachable, format!("{name} leads nowhere")),
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an image failed before its origin could be reached.
fn was_late(record: &ImageRecord) -> bool {
    matches!(origin(record), Origin::Late(_)) && record.status() == Status::Failed && record.updated < LATE
}

/// Checks one image: complete and exact if it is ready, and ready or failed once jobs were resumed.
async fn check(vault: &Vault<World>, record: &ImageRecord, stage: Stage) -> Option<Problem> {
    let name = &record.name;
    match (record.status(), expected(record)) {
        (Status::Ready, Some(bytes)) => match read(vault, record).await {
            Ok(read) if read == bytes => None,
            Ok(_) => Some(Problem::new(Class::Wrong, format_args!("{name} is served with other bytes"))),
            Err(error) => Some(Problem::new(Class::Lost, format_args!("{name} cannot be read: {error}"))),
        },
        (Status::Ready, None) => Some(Problem::new(Class::Wrong, format_args!("{name} is ready without an image"))),
        (Status::Failed, Some(_)) if !was_late(record) => {
            Some(Problem::new(Class::Lost, format_args!("{name} failed without a reason")))
        }
        (Status::Pending | Status::Storing, _) if stage > Stage::Started => {
            Some(Problem::new(Class::Lost, format_args!("{name} is {} for ever", record.status().as_str())))
        }
        _ => None,
    }
}

fn known(book: &Book) -> Journal {
    book.borrow().clone()
}

/// Checks all images again, and removes one after the other: no removal may affect another image.
async fn clear(stop: &Stop<'_>, world: &World, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let vault = vault(world);
    let book = Rc::new(RefCell::new(stop.journal.clone()));
    look(&vault, &known(&book), Stage::Swept, problems).await?;
    for record in list(&vault).await?.iter().rev() {
        book.borrow_mut().told(record);
        remove(&vault, record.id, &book).await?;
        look(&vault, &known(&book), Stage::Resumed, problems).await?;
    }
    for hours in [1, 1, 24, 1] {
        world.pass(hours * 61 * MINUTE);
        vault.resume().await?;
    }
    look(&vault, &known(&book), Stage::Swept, problems).await?;
    let map = world.disk().latest().clone();
    let ledger = Ledger::of(&map, &book.borrow(), problems);
    problems.extend(ledger.remains(&map).map(|key| Problem::new(Class::Leak, format_args!("{key} is left"))));
    Ok(())
}

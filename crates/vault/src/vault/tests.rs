//! Tests jobs and sources where the crash suite does not: which jobs are listed, and when.

use burrow_model::envelope::encode;
use burrow_model::error::Error;
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::lease::Lease;
use burrow_model::record::{ImageRecord, Pointer, State};
use burrow_model::status::Status;

use super::{Archived, ArchivedState, Discovery, FaultKind, Jobs, Label, Plan, Restored, Vault, Worker};
use crate::referrer::Referrer;
use crate::testing::{Answer, IMAGE, Whole, World};

mod clocks;
mod deliver;
mod rename;
mod repack;
mod search;
mod similar;
mod thumbnails;

const MINUTE: u64 = 60_000;

/// What `verify` finds.
async fn faults(vault: &Vault<World>, repair: bool) -> Vec<String> {
    let (mut faults, plan) = (Vec::new(), Plan { repair, alone: true });
    let out = async |discovery| {
        if let Discovery::Fault(fault) = discovery {
            faults.push(format!("{:?} {} {}", fault.kind, fault.key, fault.detail));
        }
    };
    vault.verify(plan, out).await.unwrap();
    faults
}

impl World {
    fn submit(&self, path: &str) -> ImageRecord {
        let url = format!("http://origin.example/{path}");
        let draft = self.vault().draft_job(&url, Label::default()).unwrap();
        let record = self.run(self.vault().accept(draft, Worker::Anybody)).unwrap();
        self.pass(1);
        record
    }

    fn accept(&self, path: &str) -> ImageRecord {
        let draft = self.vault().draft_job(&format!("http://origin.example/{path}"), Label::default()).unwrap();
        self.run(self.vault().accept(draft, Worker::Recorder)).unwrap()
    }

    fn jobs(&self, after: Option<u64>, limit: usize) -> (Vec<ImageId>, u64, bool) {
        let Jobs { jobs, next, is_last } = self.run(self.vault().jobs(after, limit)).unwrap();
        (jobs.into_iter().map(|record| record.id).collect(), next, is_last)
    }

    fn work_on(&self, record: &ImageRecord, left: Option<u64>) -> Result<ImageRecord, Error> {
        self.run(self.vault().work_on(record.id, left))
    }
}

#[test]
fn jobs_are_listed_oldest_first_page_by_page() {
    let world = World::default();
    let [a, b, c] = ["a", "b", "c"].map(|path| world.submit(path).id);
    assert_eq!(world.jobs(None, 2), (vec![a, b], 2, false));
    assert_eq!(world.jobs(Some(2), 2), (vec![c], 3, true));
    assert_eq!(world.jobs(Some(3), 2), (vec![], 3, true));
    assert_eq!(world.jobs(Some(u64::MAX), 2), (vec![], 3, true));
    let d = world.submit("d").id;
    assert_eq!(world.jobs(Some(3), 2), (vec![d], 4, true));
    for wrong in [0, 1001] {
        assert!(matches!(world.run(world.vault().jobs(None, wrong)), Err(Error::Invalid { field: "limit", .. })));
    }
}

#[test]
fn only_jobs_are_listed_and_what_cannot_be_read_is_passed_over() {
    let world = World::default();
    let [done, failed, damaged, job] = ["a", "b", "c", "d"].map(|path| world.submit(path));
    world.work_on(&done, None).unwrap();
    world.answers([(404, None, &[][..])]);
    assert_eq!(world.work_on(&failed, None).unwrap().status(), Status::Failed);
    world.store(&Key::image(damaged.id), b"damaged");
    world.pass(MINUTE);
    let later = world.submit("e");
    assert_eq!(world.jobs(None, 10).0, [job.id, later.id]);
    assert!(matches!(world.work_on(&damaged, None), Err(Error::Corrupt(_))));
}

#[test]
fn a_job_that_enters_out_of_order_is_not_missed() {
    let world = World::default();
    let a = world.submit("a").id;
    // A process takes a number, and is slow to write its entry.
    let slow = world.run(world.vault().store.next_seq()).unwrap();
    let c = world.submit("c").id;
    assert_eq!(world.jobs(None, 10), (vec![a, c], slow - 1, true));
    assert_eq!(world.jobs(Some(slow - 1), 1), (vec![c], slow - 1, true));
    // Later pages follow nevertheless.
    let d = world.submit("d").id;
    assert_eq!(world.jobs(Some(slow - 1), 1), (vec![c], 3, false));
    assert_eq!(world.jobs(Some(3), 1), (vec![d], 4, true));
    // But not for ever: the entry after it is old now.
    world.pass(11_000);
    assert_eq!(world.jobs(Some(slow - 1), 10), (vec![c, d], 4, true));
}

#[test]
fn a_job_is_worked_on_unless_somebody_else_is_at_it() {
    let world = World::default();
    let submitted = world.submit("a");
    assert_eq!((submitted.status(), submitted.lease()), (Status::Pending, Some(Lease::NOBODY)));
    assert_eq!(world.work_on(&submitted, None).unwrap().status(), Status::Ready);
    assert_eq!(world.work_on(&submitted, None).unwrap().attempts, 1, "what is done is not done again");
    let held = world.accept("b");
    assert!(matches!(world.work_on(&held, None), Err(Error::Held(Status::Pending))));
    assert!(matches!(world.work_on(&held, Some(held.updated - 1)), Err(Error::Held(Status::Pending))));
    assert_eq!(
        world.work_on(&held, Some(held.updated)).unwrap().status(),
        Status::Ready,
        "its worker is known to be dead"
    );
    let late = world.accept("c");
    world.pass(16 * MINUTE);
    assert_eq!(world.work_on(&late, None).unwrap().status(), Status::Ready);
    let removed = world.submit("d");
    assert!(world.run(world.vault().remove(removed.id)).unwrap());
    assert!(matches!(world.work_on(&removed, None), Err(Error::NotFound)));
}

#[test]
fn a_worker_whose_lease_ended_gives_way() {
    let world = World::default();
    let record = world.accept("a");
    world.pass(15 * MINUTE);
    assert!(matches!(world.run(world.vault().work(record)), Err(Error::Held(Status::Pending))));
}

#[test]
fn a_failed_job_is_queued_again() {
    let world = World::default();
    let record = world.submit("a");
    world.answers([(404, None, &[][..]), IMAGE]);
    let failed = world.work_on(&record, None).unwrap();
    world.submit("b");
    let queued = world.run(world.vault().retry(failed.clone(), None, Worker::Anybody)).unwrap().unwrap();
    assert_eq!((queued.status(), queued.lease(), queued.attempts), (Status::Pending, Some(Lease::NOBODY), 0));
    assert_eq!(queued.seq, 3, "it is the newest now");
    assert_eq!(world.run(world.vault().retry(failed, None, Worker::Anybody)).unwrap(), None, "somebody has done so");
    assert_eq!(world.work_on(&record, None).unwrap().status(), Status::Ready);
    let again = world.run(world.vault().retry(world.run(world.vault().get(record.id)).unwrap(), None, Worker::Anybody));
    assert!(matches!(again, Err(Error::NotFailed(Status::Ready))));
}

#[test]
fn a_job_that_fails_at_once_is_queued_again_at_once() {
    let world = World::default();
    let record = world.accept("a");
    world.answers([(404, None, &[][..]), (404, None, &[][..])]);
    for _ in 0..2 {
        let record = world.run(world.vault().get(record.id)).unwrap();
        let failed = world.run(world.vault().work(record)).unwrap();
        assert_eq!(failed.status(), Status::Failed);
        let queued = world.run(world.vault().retry(failed, None, Worker::Recorder)).unwrap();
        assert!(queued.is_some(), "in this millisecond the job was taken up, too, but that claim is not on this state");
    }
}

#[test]
fn a_sweep_notes_what_is_settled_and_works_on_nothing() {
    let world = World::default();
    let [done, removed, job, last] = ["a", "b", "c", "d"].map(|path| world.submit(path));
    for record in [&done, &removed, &last] {
        world.work_on(record, None).unwrap();
    }
    world.run(world.vault().remove(removed.id)).unwrap();
    world.pass(61 * MINUTE);
    world.run(world.vault().sweep()).unwrap();
    assert_eq!(world.run(world.vault().get(job.id)).unwrap(), job);
    // The removed image shared its content with others, so only its removal had to be forgotten.
    assert_eq!(world.keys_of("b1:x:"), Vec::<String>::new());
    let first = |world: &World| world.run(world.vault().jobs(None, 1)).unwrap();
    assert_eq!((first(&world).jobs, first(&world).next), (vec![job.clone()], 3));
    world.work_on(&job, None).unwrap();
    world.pass(16 * MINUTE);
    world.run(world.vault().sweep()).unwrap();
    let swept = first(&world);
    assert_eq!((swept.jobs, swept.next, swept.is_last), (vec![], 4, true));
    assert_eq!(world.jobs(Some(0), 10).0, Vec::<ImageId>::new());
}

#[test]
fn a_url_leads_to_the_image_recorded_last() {
    let world = World::default();
    let find = |url: &str| world.run(world.vault().get_by_source(url)).map(|record| record.id);
    assert!(matches!(find("http://origin.example/a"), Err(Error::NotFound)));
    assert!(matches!(find("nonsense"), Err(Error::Invalid { field: "url", .. })));
    let [first, second, other] = ["a", "a", "b"].map(|path| world.submit(path));
    assert_eq!(find(" HTTP://ORIGIN.example:80/a ").unwrap(), second.id);
    assert_eq!(find("http://origin.example/b").unwrap(), other.id);
    world.run(world.vault().remove(first.id)).unwrap();
    assert_eq!(find("http://origin.example/a").unwrap(), second.id);
    world.run(world.vault().remove(second.id)).unwrap();
    assert!(matches!(find("http://origin.example/a"), Err(Error::NotFound)));
    assert_eq!(world.keys_of("b1:o:").len(), 1);
    world.work_on(&other, None).unwrap();
    assert_eq!(find("http://origin.example/b").unwrap(), other.id);
}

/// The key of the pointer from the image's URL.
fn source(record: &ImageRecord) -> Key {
    Key::source(&Sha256Hex::of(record.source.as_deref().unwrap().as_bytes()))
}

#[test]
fn a_hint_is_checked_and_mended() {
    let world = World::default();
    let [a, b, gone] = ["a", "b", "c"].map(|path| world.submit(path));
    let hint = |record: &ImageRecord, to: &ImageRecord| {
        world.store(&source(record), &encode(&source(record), &Pointer::Image(to.id)).unwrap());
    };
    let find = |record: &ImageRecord| world.run(world.vault().get_by_source(record.source.as_deref().unwrap()));
    world.store(&source(&a), b"damaged");
    hint(&b, &a);
    world.run(world.vault().remove(gone.id)).unwrap();
    hint(&gone, &gone);
    for record in [&a, &b, &gone] {
        assert!(matches!(find(record), Err(Error::NotFound)));
    }
    let faults = |repair| {
        let (mut faults, plan) = (Vec::new(), Plan { repair, alone: true });
        let out = async |discovery| match discovery {
            Discovery::Fault(fault) => faults.push((fault.key, fault.kind, fault.repaired)),
            Discovery::Content(_) => {}
        };
        world.run(world.vault().verify(plan, out)).unwrap();
        faults.sort_by_key(|(key, ..)| [&a, &b, &gone].iter().position(|record| source(record).as_str() == key));
        faults
    };
    let told = |repaired| {
        [(&a, FaultKind::DamagedRecord), (&b, FaultKind::Stale), (&gone, FaultKind::Stale)]
            .map(|(record, kind)| (source(record).to_string(), kind, repaired))
    };
    assert_eq!(faults(false), told(false));
    assert_eq!(faults(true), told(true));
    assert_eq!(faults(false), []);
    assert_eq!(world.keys_of("b1:o:"), Vec::<String>::new());
    // A restored image becomes the image of its URL only if the URL leads to no image.
    let again = Archived {
        id: ImageId::new(1, &[9; 10]),
        label: Label::new(Some("again"), &[]).unwrap(),
        source: a.source.clone(),
        referrer: Some(Referrer::new("http://page.example/7").unwrap()),
        created: 1,
        updated: 1,
        attempts: 0,
        state: ArchivedState::Job,
    };
    let restore = |archived: &Archived| {
        let restored = world.run(world.vault().restore(archived.clone(), None::<&mut Whole>)).unwrap();
        assert_eq!(restored, Restored::Restored);
    };
    restore(&again);
    assert_eq!(find(&a).unwrap().id, again.id);
    assert_eq!(find(&a).unwrap().referrer.as_deref(), Some("http://page.example/7"));
    restore(&Archived { id: ImageId::new(2, &[9; 10]), ..again.clone() });
    assert_eq!(find(&a).unwrap().id, again.id);
}

#[test]
fn an_origin_that_asks_to_be_left_alone_is() {
    let begun_and_waited = |answers: [Answer; 2]| {
        let world = World::default();
        world.answers(answers);
        let record = world.run(async {
            let draft = world.vault().draft_job("http://origin.example/", Label::default()).unwrap();
            world.vault().ingest(draft).await.unwrap()
        });
        (record, world.asked())
    };
    // The backoff is the minimum wait; a little is added at random.
    for (asked, least) in [(None, 250), (Some("0"), 250), (Some("7"), 7000), (Some("60"), 60_000)] {
        let (record, times) = begun_and_waited([(503, asked, &[]), IMAGE]);
        assert_eq!((record.status(), record.attempts), (Status::Ready, 2));
        assert!((least..=least + 125).contains(&times[1]), "{asked:?}: {times:?}");
    }
    for (status, asked, attempts, reason) in [
        (429, Some("300"), 1, "the origin answered 429 and asks to come back in 300 s"),
        (503, Some("Fri, 15 Jan 2027 08:01:01 GMT"), 1, "the origin answered 503 and asks to come back in 61 s"),
        (404, Some("5"), 1, "the origin answered 404 and asks to come back in 5 s"),
        (404, None, 1, "the origin answered 404"),
    ] {
        let (record, times) = begun_and_waited([(status, asked, &[]), IMAGE]);
        assert_eq!((record.attempts as usize, record.state), (times.len(), State::Failed { error: reason.into() }));
        assert_eq!(times.len(), attempts);
    }
}

//! Tests clocks that lie: a minute ahead, in the year 2099, set back. The crash suite has more.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{Key, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::status::Status;

use super::MINUTE;
use crate::ports::Clock as _;
use crate::testing::World;
use crate::vault::{Discovery, FaultKind, Label, Once, Plan, Worker};

/// To the year 2097.
const DECADES: u64 = 70 * 365 * 24 * 60 * MINUTE;

#[test]
fn a_job_of_a_dead_process_is_done_at_once_where_one_process_has_the_store() {
    for ahead in [0, MINUTE, DECADES] {
        let world = World::default();
        world.pass(ahead);
        let draft = world.opened(1).draft_job("http://origin.example/a", Label::default()).unwrap();
        let record = world.run(world.opened(1).accept(draft, Worker::Recorder)).unwrap();
        assert!(world.opened(1).is_held(&record) && !world.opened(2).is_held(&record));
        // Another process that uses the store meanwhile leaves the job alone.
        assert!(matches!(world.run(world.opened(1).work_on(record.id, None)), Err(Error::Held(_))));
        world.set_back();
        assert_eq!(world.run(world.opened(2).resume()).unwrap().ready, 1, "{ahead}");
        let done = world.run(world.opened(2).get(record.id)).unwrap();
        assert_eq!((done.status(), done.attempts), (Status::Ready, 1));
        assert!(done.updated > record.updated, "no two states have the same time");
    }
}

#[test]
fn a_job_that_a_worker_claimed_and_left_can_be_claimed_in_the_next_generation() {
    let world = World::default();
    let job = world.submit("a");
    let claim = |generation| world.run(world.opened(generation).store.claim_job(&job)).unwrap();
    assert_eq!([1, 1, 2, 2, 3].map(claim), [true, false, true, false, true]);
    // Without generations the claim is free again two windows of time later.
    let shared = |world: &World| world.run(world.vault().store.claim_job(&job)).unwrap();
    assert_eq!([shared(&world), shared(&world)], [true, false]);
    world.pass(30 * MINUTE);
    assert!(shared(&world));
}

#[test]
fn on_a_shared_store_no_lease_outlives_its_length_by_any_clock() {
    for ahead in [MINUTE, 2 * MINUTE, 60 * MINUTE, DECADES] {
        let world = World::default();
        world.pass(ahead);
        let record = world.accept("a");
        world.set_back();
        // A minute may be the difference between two machines.
        assert_eq!(world.vault().is_held(&record), ahead == MINUTE, "{ahead}");
        if ahead == MINUTE {
            world.pass(16 * MINUTE);
        }
        assert_eq!(world.run(world.vault().resume()).unwrap().ready, 1, "{ahead}");
    }
}

#[test]
fn a_worker_gives_way_to_another_that_took_its_job_while_the_clock_was_set_back() {
    let world = World::default();
    world.pass(10 * MINUTE);
    let record = world.accept("a");
    let vault = world.vault();
    // While this worker waits for its origin, the clock is set back, another does the job, and the clock is set right.
    let meanwhile = async {
        world.set_back();
        assert_eq!(world.vault().resume().await.unwrap().ready, 1);
        world.pass(10 * MINUTE);
    };
    world.answers([(503, Some("30"), &[][..])]);
    let (worked, ()) = world.run(futures::future::join(vault.work(record.clone()), meanwhile));
    assert!(matches!(worked, Err(Error::Held(_))), "{worked:?}");
    let done = world.run(world.vault().get(record.id)).unwrap();
    assert_eq!((done.status(), done.attempts), (Status::Ready, 2));
    assert_eq!(world.run(world.vault().statistics()).unwrap().pending, 0);
}

#[test]
fn a_worker_gives_way_when_its_clock_is_set_back() {
    let world = World::default();
    world.pass(60 * MINUTE);
    let record = world.accept("a");
    world.set_back();
    assert!(matches!(world.run(world.vault().work(record.clone())), Err(Error::Held(Status::Pending))));
    assert_eq!(world.run(world.vault().work_on(record.id, None)).unwrap().status(), Status::Ready);
}

#[test]
fn an_image_that_failed_in_the_future_can_be_retried_now() {
    let world = World::default();
    world.pass(DECADES);
    let record = world.submit("a");
    world.answers([(404, None, &[][..])]);
    let failed = world.work_on(&record, None).unwrap();
    world.set_back();
    let queued = world.run(world.vault().retry(failed, None, Worker::Recorder)).unwrap().unwrap();
    assert!(world.vault().is_held(&queued), "{queued:?}");
    assert_eq!(world.run(world.vault().work(queued)).unwrap().status(), Status::Ready);
}

#[test]
fn a_request_that_began_in_the_future_is_not_busy_for_ever() {
    let world = World::default();
    let ask = |vault: crate::vault::Vault<World>| {
        let draft = vault.draft_job("http://origin.example/a", Label::default()).unwrap();
        world.run(vault.once("key", draft.fingerprint(None), vec![draft.id()]))
    };
    let planned = |once| match once {
        Ok(Once::First(answering)) => Some(answering.images().to_vec()),
        _ => None,
    };
    world.pass(DECADES);
    let first = planned(ask(world.vault())).unwrap();
    assert!(matches!(ask(world.vault()), Err(Error::KeyBusy)));
    world.set_back();
    assert_eq!(planned(ask(world.vault())), Some(first.clone()), "its images keep their ids");
    assert!(matches!(ask(world.vault()), Err(Error::KeyBusy)));
    // Where one process has the store, the next one knows that the first is dead.
    assert_eq!(planned(ask(world.opened(1))), Some(first.clone()));
    assert!(matches!(ask(world.opened(1)), Err(Error::KeyBusy)));
    assert_eq!(planned(ask(world.opened(2))), Some(first));
    // An hour later the claims go, a day later the key.
    for hours in [1, 1, 24, 1, 1] {
        world.pass(hours * 61 * MINUTE);
        world.run(world.vault().sweep()).unwrap();
    }
    assert_eq!(world.keys_of("b1:k:"), Vec::<String>::new());
    assert_eq!(world.keys_of("b1:t:"), Vec::<String>::new());
}

#[test]
fn what_was_discarded_in_the_future_is_deleted_an_hour_after_the_clock_was_set_right() {
    let world = World::default();
    world.pass(DECADES);
    let removed = ["a", "b", "c"].map(|path| world.submit(path).id);
    let kept = world.submit("d");
    for id in removed {
        world.run(world.vault().remove(id)).unwrap();
    }
    world.set_back();
    let later = world.submit("e");
    world.run(world.vault().remove(later.id)).unwrap();
    let sweep = || {
        world.run(world.vault().sweep()).unwrap();
        world.keys_of("b1:x:").len()
    };
    assert_eq!(sweep(), 4, "nobody knows since when it waits, so it waits an hour from now on");
    world.pass(59 * MINUTE);
    assert_eq!(sweep(), 4);
    world.pass(2 * MINUTE);
    assert_eq!(sweep(), 0);
    assert_eq!(world.keys_of("b1:t:"), Vec::<String>::new());
    let plan = Plan { repair: false, alone: true };
    let out = async |discovery| assert!(matches!(discovery, Discovery::Content(_)), "{discovery:?}");
    world.run(world.vault().verify(plan, out)).unwrap();
    assert_eq!(world.work_on(&kept, None).unwrap().status(), Status::Ready);
}

#[test]
fn time_waited_for_a_job_is_not_the_clocks() {
    let world = World::default();
    let record = world.accept("a");
    let begun = world.now() + DECADES;
    let jump = async { world.pass(DECADES) };
    let vault = world.vault();
    let (watched, ()) = world.run(futures::future::join(vault.watch(record, Duration::from_secs(2)), jump));
    assert_eq!(watched.unwrap().status(), Status::Pending);
    // The clock jumped during the first wait of 20 ms, and the other waits were as long as ever.
    assert_eq!(world.now() - begun, 1980);
}

#[test]
fn records_of_an_earlier_burrow_have_no_generation() {
    let lease: Lease = serde_json::from_str(r#"{"lease":1800000900000}"#).unwrap();
    assert_eq!(lease, Lease { until: 1_800_000_900_000, generation: None });
    assert_eq!(serde_json::to_string(&Lease::NOBODY).unwrap(), r#"{"lease":0}"#);
}

#[test]
fn verify_raises_a_counter_of_generations_that_was_lost() {
    let world = World::default();
    let draft = world.opened(7).draft_job("http://origin.example/a", Label::default()).unwrap();
    world.run(world.opened(7).accept(draft, Worker::Recorder)).unwrap();
    let key = Key::vaultwide(Vaultwide::Generation);
    world.store(&key, &2_i64.to_le_bytes());
    let faults = |repair| {
        let mut faults = Vec::new();
        let out = async |discovery| match discovery {
            Discovery::Fault(fault) => faults.push((fault.key, fault.kind, fault.repaired)),
            Discovery::Content(_) => {}
        };
        world.run(world.vault().verify(Plan { repair, alone: true }, out)).unwrap();
        faults
    };
    assert_eq!(faults(false), [(key.to_string(), FaultKind::WrongCount, false)]);
    assert_eq!(faults(true), [(key.to_string(), FaultKind::WrongCount, true)]);
    assert_eq!(faults(false), []);
}

//! Explores a scenario: orders of calls, crashes and failing calls; and counts what it finds.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use burrow_vault::ports::Clock as _;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk::{Map, Model, Survivor};
use crate::journal::{Class, Journal};
use crate::operations::{Operation, SHAPE, WEBHOOK};
use crate::oracle::{RESTART, Stop, judge};
use crate::scenarios::{Bench, Orders, Scenario};
use crate::schedule::{Chance, Choice, Chooser, Every, Run, Start, short};
use crate::world::{Fault, FaultKind, World};

/// The result of exploring a scenario.
#[derive(Debug, Default)]
pub struct Tally {
    pub crash_points: u64,
    pub failing_calls: u64,
    pub schedules: u64,
    /// The states that were judged, so that none is judged twice.
    judged: HashSet<u64>,
    /// The problems found: how often each class, and the story of the first.
    pub found: BTreeMap<Class, (u64, String)>,
}

/// Explores a scenario over both models of a store.
pub fn explore(scenario: &Scenario, seed: u64, factor: u64) -> Tally {
    let mut tally = Tally::default();
    SHAPE.set(scenario.shape);
    WEBHOOK.set(scenario.webhook);
    for model in [Model::Embedded, Model::Immediate] {
        let bench = Bench::new(model);
        let operations = (scenario.prepare)(&bench);
        let start = bench.start(operations);
        if scenario.crash_first {
            for start in crashed(&start) {
                tally.in_order(scenario, &start);
            }
            continue;
        }
        tally.in_order(scenario, &start);
        tally.failing(scenario, &start);
        tally.by_chance(scenario, &start, seed, factor);
    }
    tally
}

/// Runs the operations one after the other. For every state that a crash may leave, returns the resume that follows; if they repack,
/// the same repacking after its lease has ended.
fn crashed(start: &Start) -> Vec<Start> {
    let (mut starts, mut seen) = (Vec::new(), HashSet::new());
    let mut run = Run::new(start, None);
    run.go(&mut Watched {
        chooser: &mut Every::new(0),
        watch: |run: &Run| {
            let journal = run.book.borrow();
            let now = run.world.now() + RESTART;
            for survivor in run.world.disk().survivors() {
                let (how, map) = (survivor.to_string(), survivor.map);
                if seen.insert(map.fingerprint() ^ journal.fingerprint().rotate_left(1)) {
                    let now = if start.model == Model::Embedded { now } else { now + 31 * 60_000 };
                    let repacks = start.operations.iter().filter(|it| matches!(it, Operation::Repack(_)));
                    let mut operations: Vec<_> = repacks.cloned().collect();
                    if operations.is_empty() {
                        operations.push(Operation::Resume);
                    }
                    let world = World::new(start.model, map, now, 0);
                    world.open();
                    let map = world.disk().latest().clone();
                    let salt = start.salt + 1 + starts.len() as u64;
                    let journal = journal.clone();
                    let story = format!("{}\n  {how}", run.story());
                    starts.push(Start { model: start.model, map, journal, now, operations, salt, story });
                }
            }
        },
    });
    starts
}

impl Tally {
    /// Takes every order that the scenario allows, with a crash at every step. If it finds something, it repeats with
    /// few switches, to find the story with the fewest.
    fn in_order(&mut self, scenario: &Scenario, start: &Start) {
        let most = match scenario.orders {
            Orders::Every => u32::MAX,
            Orders::Switches(switches) => switches,
        };
        self.with_switches(scenario, start, most);
        let mut short = HashSet::new();
        for switches in 0..most.min(4) {
            let mut shorter = Self::default();
            if !self.found.is_empty() {
                shorter.with_switches(scenario, start, switches);
            }
            for (class, (_, story)) in shorter.found {
                if short.insert(class) {
                    self.found.entry(class).and_modify(|(_, first)| *first = story);
                }
            }
        }
    }

    fn with_switches(&mut self, scenario: &Scenario, start: &Start, most: u32) {
        let mut every = Every::new(most);
        loop {
            let mut run = Run::new(start, None);
            let watch = |run: &Run| {
                for survivor in run.world.disk().survivors() {
                    self.crash(start, run, &survivor);
                }
            };
            let ended = run.go(&mut Watched { chooser: &mut every, watch });
            self.schedules += 1;
            if ended {
                self.end(scenario, start, &run, "");
            }
            if !every.next() {
                break;
            }
        }
    }

    /// Runs the operations in the given order, and makes each call fail once.
    fn failing(&mut self, scenario: &Scenario, start: &Start) {
        let kinds: &[FaultKind] = match start.model {
            Model::Embedded => &[FaultKind::Dead],
            Model::Immediate => &[FaultKind::Undone, FaultKind::Done, FaultKind::Dead],
        };
        for kind in kinds {
            for at in 0.. {
                let mut run = Run::new(start, Some(Fault { at, kind: *kind }));
                run.go(&mut Every::new(0));
                if run.world.calls() <= at {
                    break;
                }
                self.failing_calls += 1;
                self.schedules += 1;
                self.end(scenario, start, &run, &format!("\n  call {at} fails: {kind:?}"));
            }
        }
    }

    /// Takes random orders; in some of them a call fails.
    fn by_chance(&mut self, scenario: &Scenario, start: &Start, seed: u64, factor: u64) {
        for n in 0..scenario.by_chance * factor {
            let seed = xxh3_64_with_seed(scenario.name.as_bytes(), seed.wrapping_add(n));
            let mut chance = Chance::new(seed);
            let fault = (start.model == Model::Immediate && n % 4 == 3).then(|| {
                let kind = if chance.below(2) == 0 { FaultKind::Undone } else { FaultKind::Done };
                Fault { at: u32::try_from(chance.below(80)).unwrap(), kind }
            });
            let mut run = Run::new(start, fault);
            let mut sample = Chance::new(seed ^ 1);
            run.go(&mut Watched {
                chooser: &mut chance,
                watch: |run: &Run| {
                    if sample.below(16) == 0 {
                        let survivors = run.world.disk().survivors();
                        let chosen = usize::try_from(sample.below(survivors.len() as u64)).unwrap();
                        self.crash(start, run, &survivors[chosen]);
                    }
                },
            });
            self.schedules += 1;
            self.failing_calls += u64::from(fault.is_some());
            self.end(scenario, start, &run, &fault.map_or(String::new(), |fault| format!("\n  {fault:?}")));
        }
    }

    /// Crashes here, and leaves this map.
    fn crash(&mut self, start: &Start, run: &Run, survivor: &Survivor) {
        self.crash_points += 1;
        self.judge(start, run, &survivor.map, false, || format!("\n  {survivor}"));
    }

    /// Judges a run in which every operation has ended.
    fn end(&mut self, scenario: &Scenario, start: &Start, run: &Run, how: &str) {
        let orderly = !run.world.is_faulty() && !scenario.crash_first;
        let map = run.world.disk().latest().clone();
        self.judge(start, run, &map, orderly, || format!("{how}\n  end"));
    }

    fn judge(&mut self, start: &Start, run: &Run, map: &Map, orderly: bool, how: impl Fn() -> String) {
        let journal = run.book.borrow();
        let now = run.world.now();
        let parts = [map.fingerprint(), Journal::fingerprint(&journal), now, u64::from(orderly), start.model as u64];
        if !self.judged.insert(parts.iter().fold(0, |sum, part| xxh3_64_with_seed(&part.to_le_bytes(), sum))) {
            return;
        }
        for problem in judge(&Stop { model: start.model, map, journal: &journal, now }) {
            if orderly || !problem.is_excused() {
                self.note(problem.class, || {
                    format!("{:?} store{}{}\n  {}", start.model, run.story(), how(), short(&problem.text))
                });
            }
        }
    }

    fn note(&mut self, class: Class, story: impl FnOnce() -> String) {
        self.found.entry(class).or_insert_with(|| (0, story())).0 += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crash_points, failing_calls, schedules, judged, .. } = self;
        let states = judged.len();
        write!(f, "{crash_points} crash points, {failing_calls} failing calls ({states} states), ")?;
        write!(f, "{schedules} schedules, ")?;
        if self.found.is_empty() {
            return write!(f, "none failing");
        }
        write!(f, "FAILING")?;
        for (class, (times, first)) in &self.found {
            write!(f, "\n{class:?}, {times} times; first: {first}")?;
        }
        Ok(())
    }
}

/// Shows every new state to `watch` before the chooser decides who goes on.
struct Watched<'a, C, W> {
    chooser: &'a mut C,
    watch: W,
}

impl<C: Chooser, W: FnMut(&Run)> Chooser for Watched<'_, C, W> {
    fn choose(&mut self, run: &Run, choices: &[Choice]) -> Option<usize> {
        let new = self.chooser.is_new();
        let chosen = self.chooser.choose(run, choices)?;
        if new {
            (self.watch)(run);
        }
        Some(chosen)
    }
}

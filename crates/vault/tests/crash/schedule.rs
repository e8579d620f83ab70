//! Runs operations at once, and decides at every call of the store which one goes on.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use futures::task::{ArcWake, waker};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::disk::{Map, Model};
use crate::journal::{Class, Journal};
use crate::operations::{Book, Operation, perform};
use crate::world::{Fault, Wait, World};

/// More steps than any run needs: a run that takes more does not end.
const MAX_STEPS: usize = 2000;

/// The state in which a run begins, and its operations.
#[derive(Clone, Debug)]
pub struct Start {
    pub model: Model,
    pub map: Map,
    pub journal: Journal,
    pub now: u64,
    pub operations: Vec<Operation>,
    /// Seeds the random numbers of the run.
    pub salt: u64,
    /// The story of how this state came about, for people.
    pub story: String,
}

/// One task that can go on.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    task: usize,
    /// The waiting call of the task that goes on; `None` begins the task.
    ticket: Option<u64>,
    /// Whether this is a switch: the task that ran last, or one that asked earlier, could go on, too.
    pub switches: bool,
}

/// Decides which task goes on.
pub trait Chooser {
    /// Chooses one of the choices, of which there is at least one. `None` ends the run here.
    fn choose(&mut self, run: &Run, choices: &[Choice]) -> Option<usize>;

    /// Whether the run is in a state in which no run was before, as far as the chooser knows.
    fn is_new(&self) -> bool {
        true
    }
}

/// Tasks that run at once.
pub struct Run {
    pub world: World,
    pub book: Book,
    tasks: Vec<Option<LocalBoxFuture<'static, ()>>>,
    begun: Vec<bool>,
    names: Vec<String>,
    last: usize,
    trace: Vec<(usize, Option<Wait>)>,
    before: String,
}

#[derive(Debug)]
struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.store(true, Ordering::Relaxed);
    }
}

impl Run {
    pub fn new(start: &Start, fault: Option<Fault>) -> Self {
        let world = World::new(start.model, start.map.clone(), start.now, start.salt);
        world.schedule(fault);
        let book = Rc::new(RefCell::new(start.journal.clone()));
        world.note_posts(&book);
        let task = |(n, operation): (usize, &Operation)| {
            Some(perform(operation.clone(), world.for_task(n + 1), book.clone()).boxed_local())
        };
        let tasks = start.operations.iter().enumerate().map(task).collect();
        Self {
            book,
            tasks,
            begun: vec![false; start.operations.len()],
            names: start.operations.iter().map(|operation| short(&operation.to_string())).collect(),
            last: 0,
            trace: Vec::new(),
            before: start.story.clone(),
            world,
        }
    }

    /// Runs until every task has ended, or the chooser ends the run. Returns whether every task has ended.
    pub fn go(&mut self, chooser: &mut impl Chooser) -> bool {
        while self.tasks.iter().any(Option::is_some) {
            let choices = self.choices();
            if choices.is_empty() || self.trace.len() > MAX_STEPS {
                self.book.borrow_mut().problem(Class::Wrong, "the operations do not come to an end");
                return true;
            }
            let Some(chosen) = chooser.choose(self, &choices) else { return false };
            self.take(choices[chosen]);
        }
        true
    }

    /// The tasks that can go on. Those that need no switch come first.
    fn choices(&self) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        let in_order = self.world.model() == Model::Embedded;
        let mut asked = HashSet::new();
        for ticket in &*self.world.waiting() {
            // The embedded store takes the calls of one instance in the order in which they are made.
            if in_order && matches!(ticket.wait, Wait::Call(..)) && !asked.insert(ticket.task) {
                continue;
            }
            choices.push(Choice { task: ticket.task, ticket: Some(ticket.id), switches: false });
        }
        let waiting = |task: usize| self.tasks[task].is_some() && !self.begun[task];
        let new = (0..self.tasks.len()).filter(|task| waiting(*task));
        choices.extend(new.map(|task| Choice { task: task + 1, ticket: None, switches: false }));
        let last = self.last;
        choices.sort_by_key(|choice| (choice.task != last, choice.task));
        if choices.first().is_some_and(|choice| choice.task == last) {
            choices.iter_mut().skip(1).for_each(|choice| choice.switches = true);
        }
        choices
    }

    fn take(&mut self, choice: Choice) {
        self.last = choice.task;
        let mut ticket = choice.ticket;
        if ticket.is_none() {
            self.begun[choice.task - 1] = true;
            self.poll(choice.task);
            ticket = self.world.waiting().iter().find(|ticket| ticket.task == choice.task).map(|ticket| ticket.id);
        }
        if let Some(id) = ticket {
            let wait = self.world.waiting().iter().find(|ticket| ticket.id == id).map(|ticket| ticket.wait.clone());
            self.trace.push((choice.task, wait));
            self.world.grant(id);
            self.poll(choice.task);
        }
    }

    fn poll(&mut self, task: usize) {
        let slot = &mut self.tasks[task - 1];
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = waker(woken.clone());
        while let Some(future) = slot
            && woken.0.swap(false, Ordering::Relaxed)
        {
            if let Poll::Ready(()) = future.poll_unpin(&mut Context::from_waker(&waker)) {
                *slot = None;
            }
        }
    }

    /// What happened so far, for people: a line for each stretch of one task.
    pub fn story(&self) -> String {
        let mut story = self.before.clone();
        let mut last = 0;
        for (task, wait) in &self.trace {
            if *task == last {
                story.push_str(", ");
            } else {
                let _ = write!(story, "\n    {task} {}: ", self.names[task - 1]);
                last = *task;
            }
            let _ = match wait {
                Some(Wait::Call(verb, key)) => write!(story, "{verb} {}", short(key.as_str())),
                Some(Wait::Durable(key)) => write!(story, "durable {}", short(key.as_str())),
                Some(Wait::Sleep(_)) => write!(story, "wait"),
                None => write!(story, "begin"),
            };
        }
        story
    }
}

/// Shortens the ids and digests in a text to their last four digits.
pub fn short(text: &str) -> String {
    let mut short = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() || c == '-' {
            word.push(c);
            continue;
        }
        short.push_str(if word.len() >= 32 { &word[word.len() - 4..] } else { &word });
        word.clear();
        short.push(c);
    }
    short.pop();
    short
}

/// Takes every order with at most this many switches, but visits no state twice. What is durable is not part of a
/// state, because no task sees it: of orders that differ only in that, crashes are tried in one.
#[derive(Debug)]
pub struct Every {
    max_switches: u32,
    switches: u32,
    path: Vec<(usize, usize)>,
    at: usize,
    seen: HashSet<u64>,
}

impl Every {
    pub fn new(max_switches: u32) -> Self {
        Self { max_switches, switches: 0, path: Vec::new(), at: 0, seen: HashSet::new() }
    }

    /// Goes to the next order; false after the last.
    pub fn next(&mut self) -> bool {
        (self.at, self.switches) = (0, 0);
        while let Some((chosen, choices)) = self.path.pop() {
            if chosen + 1 < choices {
                self.path.push((chosen + 1, choices));
                return true;
            }
        }
        false
    }

    fn moment(&self, run: &Run) -> u64 {
        let moment = run.world.fingerprint();
        if self.max_switches == u32::MAX {
            return moment;
        }
        xxh3_64_with_seed(&[run.last.to_le_bytes(), (self.switches as usize).to_le_bytes()].concat(), moment)
    }
}

impl Chooser for Every {
    fn choose(&mut self, run: &Run, choices: &[Choice]) -> Option<usize> {
        if self.is_new() {
            if !self.seen.insert(self.moment(run)) {
                return None;
            }
            let left = self.max_switches - self.switches;
            let allowed =
                if left == 0 { choices.iter().filter(|choice| !choice.switches).count() } else { choices.len() };
            self.path.push((0, allowed));
        }
        let (chosen, _) = self.path[self.at];
        self.at += 1;
        if self.max_switches < u32::MAX && choices[chosen].switches {
            self.switches += 1;
        }
        Some(chosen)
    }

    fn is_new(&self) -> bool {
        self.at == self.path.len()
    }
}

/// Takes random orders, and advances the clock a little at every step.
#[derive(Debug)]
pub struct Chance {
    state: u64,
    /// In about how many of eight steps another task goes on.
    restless: u64,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, restless: seed % 7 + 1 }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        xxh3_64_with_seed(&self.state.to_le_bytes(), 0) % bound
    }
}

impl Chooser for Chance {
    fn choose(&mut self, run: &Run, choices: &[Choice]) -> Option<usize> {
        run.world.pass(self.below(4));
        let stay = self.below(8) >= self.restless;
        Some(if stay { 0 } else { usize::try_from(self.below(choices.len() as u64)).unwrap() })
    }
}

//! Schedules tasks in order, but origins in turn, and lets others pass a task whose origin is busy.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::num::NonZeroUsize;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use tokio::time::Instant;

/// The limits of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Tasks that run at once.
    pub(crate) at_once: NonZeroUsize,
    /// Tasks that run at once for one origin.
    pub(crate) per_origin: NonZeroUsize,
    /// Tasks read ahead of the running ones, among which the schedule finds one whose origin is free.
    pub(crate) ahead: NonZeroUsize,
}

/// Work, and the origin (host and port) that it sends requests to, if any.
#[derive(Debug)]
pub(crate) struct Task<T> {
    pub(crate) origin: Option<String>,
    pub(crate) work: T,
}

/// When an origin's next task begins, before those of greater places: the running tasks of the origin, and the number of
/// the task. Tasks without an origin take turns with nobody.
type Place = (usize, u64);

/// Waiting tasks by origin, and the number of running tasks for each.
#[derive(Debug)]
struct Queue<T> {
    per_origin: usize,
    origins: HashMap<Option<String>, Origin<T>>,
    /// Origins below their limit that have waiting tasks, by their places.
    free: BTreeMap<Place, Option<String>>,
    /// `taken`: tasks pushed so far. `waiting`: those of them that wait.
    taken: u64,
    waiting: usize,
}

#[derive(Debug)]
struct Origin<T> {
    running: usize,
    /// Its place in [`Queue::free`], if it is there.
    place: Option<Place>,
    /// In order, each with its number among all tasks.
    waiting: VecDeque<(u64, T)>,
}

impl<T> Queue<T> {
    fn new(per_origin: NonZeroUsize) -> Self {
        Self { per_origin: per_origin.get(), origins: HashMap::new(), free: BTreeMap::new(), taken: 0, waiting: 0 }
    }

    fn push(&mut self, Task { origin, work }: Task<T>) {
        let nothing = || Origin { running: 0, place: None, waiting: VecDeque::new() };
        self.origins.entry(origin.clone()).or_insert_with(nothing).waiting.push_back((self.taken, work));
        self.taken += 1;
        self.waiting += 1;
        self.note_free(origin);
    }

    /// Takes the first task of the origin that has the fewest running, among those below their limit that do not rest.
    fn begin(&mut self, rests_until: &impl Fn(&str) -> Option<Instant>) -> Option<Task<T>> {
        let rests = |name: &Option<String>| name.as_deref().is_some_and(|name| rests_until(name).is_some());
        let name = self.free.values().find(|name| !rests(name))?.clone();
        let origin = self.origins.get_mut(&name)?;
        let (_, work) = origin.waiting.pop_front()?;
        origin.running += 1;
        self.waiting -= 1;
        self.note_free(name.clone());
        Some(Task { origin: name, work })
    }

    fn end(&mut self, name: Option<String>) {
        let Some(origin) = self.origins.get_mut(&name) else { return };
        origin.running -= 1;
        if origin.running == 0 && origin.waiting.is_empty() {
            self.origins.remove(&name);
        } else {
            self.note_free(name);
        }
    }

    /// Gives an origin the place that it has now.
    fn note_free(&mut self, name: Option<String>) {
        let Some(origin) = self.origins.get_mut(&name) else { return };
        if let Some(place) = origin.place.take() {
            self.free.remove(&place);
        }
        let running = if name.is_none() { 0 } else { origin.running };
        if let Some(&(number, _)) = origin.waiting.front().filter(|_| running < self.per_origin) {
            origin.place = Some((running, number));
            self.free.insert((running, number), name);
        }
    }

    /// Returns when the rest of a free origin ends, the earliest of all.
    fn next_rested(&self, rests_until: &impl Fn(&str) -> Option<Instant>) -> Option<Instant> {
        self.free.values().filter_map(|name| rests_until(name.as_deref()?)).min()
    }
}

/// Room for more tasks than the limits allow: for as many as wait for others, and cost next to nothing meanwhile.
pub(crate) trait Room {
    /// How many more tasks may run now.
    fn more(&self) -> usize;

    /// Waits until more may run than `seen`, a result of [`Room::more`].
    fn beyond(&self, seen: usize) -> impl Future<Output = ()>;
}

/// Runs all tasks, as many at once as the limits and `room` allow. When `stop` resolves, no further task begins, and running ones
/// end. Returns the number of tasks that were read but did not begin.
pub(crate) async fn run<T, W: Future<Output = ()>>(
    limits: Limits,
    tasks: impl Stream<Item = Task<T>>,
    rests_until: impl Fn(&str) -> Option<Instant>,
    room: &impl Room,
    mut work: impl FnMut(T) -> W,
    stop: impl Future<Output = ()>,
) -> usize {
    let (mut tasks, mut stop) = (std::pin::pin!(tasks.fuse()), std::pin::pin!(stop));
    let mut queue = Queue::new(limits.per_origin);
    let mut running = FuturesUnordered::new();
    let (mut is_stopped, mut has_more) = (false, true);
    loop {
        while !is_stopped
            && running.len() < limits.at_once.get() + room.more()
            && let Some(Task { origin, work: next }) = queue.begin(&rests_until)
        {
            let done = work(next);
            running.push(async move {
                done.await;
                origin
            });
        }
        let has_more_now = has_more && !is_stopped;
        if running.is_empty() && (is_stopped || (!has_more_now && queue.waiting == 0)) {
            return queue.waiting;
        }
        let more = room.more();
        let has_room = !is_stopped && running.len() < limits.at_once.get() + more;
        let rested = if has_room { queue.next_rested(&rests_until) } else { None };
        tokio::select! {
            biased;
            Some(origin) = running.next(), if !running.is_empty() => queue.end(origin),
            () = &mut stop, if !is_stopped => is_stopped = true,
            () = room.beyond(more), if !has_room && !is_stopped && queue.waiting > 0 => {}
            task = tasks.next(), if has_more_now && queue.waiting < limits.ahead.get() => match task {
                Some(task) => queue.push(task),
                None => has_more = false,
            },
            () = tokio::time::sleep_until(rested.unwrap_or_else(Instant::now)), if rested.is_some() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::time::Duration;

    use super::*;

    fn limits(at_once: usize, per_origin: usize, ahead: usize) -> Limits {
        let [at_once, per_origin, ahead] = [at_once, per_origin, ahead].map(|n| NonZeroUsize::new(n).unwrap());
        Limits { at_once, per_origin, ahead }
    }

    fn tasks(names: &[&'static str]) -> impl Stream<Item = Task<&'static str>> + use<> {
        let task = |name: &&'static str| {
            let origin = name.chars().next().filter(char::is_ascii_lowercase).map(String::from);
            Task { origin, work: *name }
        };
        futures::stream::iter(names.iter().map(task).collect::<Vec<_>>())
    }

    /// Room for so many more.
    struct More(usize);

    impl Room for More {
        fn more(&self) -> usize {
            self.0
        }

        async fn beyond(&self, _: usize) {
            std::future::pending::<()>().await;
        }
    }

    /// Runs tasks of one second each. Returns when each began, in seconds, and how many did not begin.
    async fn began(limits: Limits, names: &[&'static str], stop_after: Duration) -> (Vec<(u64, &'static str)>, usize) {
        let (start, order) = (Instant::now(), RefCell::new(Vec::new()));
        let resting = |origin: &str| {
            (origin == "z").then_some(start + Duration::from_secs(10)).filter(|until| *until > Instant::now())
        };
        let work = async |name| {
            order.borrow_mut().push((start.elapsed().as_secs(), name));
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let left = run(limits, tasks(names), resting, &More(0), work, tokio::time::sleep(stop_after)).await;
        (order.into_inner(), left)
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_origin_lets_others_pass() {
        let (began, left) = began(limits(3, 2, 10), &["a1", "a2", "a3", "b1", "1", "2"], Duration::MAX).await;
        assert_eq!(began, [(0, "a1"), (0, "a2"), (0, "b1"), (1, "1"), (1, "a3"), (1, "2")]);
        assert_eq!(left, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_with_little_to_do_does_not_wait_for_those_with_much() {
        let names = [&["a"; 40][..], &["b"; 40], &["c"]].concat();
        let (began, _) = began(limits(4, 3, 99), &names, Duration::MAX).await;
        assert!(began.contains(&(1, "c")), "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_that_wait_leave_room() {
        let began = RefCell::new(Vec::new());
        let never = async |name| {
            began.borrow_mut().push(name);
            std::future::pending::<()>().await;
        };
        let running = run(
            limits(2, 9, 9),
            tasks(&["a1", "a2", "b1", "c1"]),
            |_: &str| None,
            &More(1),
            never,
            std::future::pending(),
        );
        let _ = tokio::time::timeout(Duration::from_secs(1), running).await;
        assert_eq!(began.borrow().len(), 3, "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_read_ahead_than_allowed() {
        let (began, _) = began(limits(3, 1, 2), &["a1", "a2", "a3", "b1"], Duration::MAX).await;
        assert_eq!(began, [(0, "a1"), (1, "a2"), (1, "b1"), (2, "a3")]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_rests_is_waited_for_at_the_end() {
        let (began, _) = began(limits(1, 1, 9), &["z1", "a1", "a2"], Duration::MAX).await;
        assert_eq!(began, [(0, "a1"), (1, "a2"), (10, "z1")]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_wait_for_one_origin_let_others_pass() {
        let mut names = vec!["a"; 5000];
        names.push("b");
        let (began, _) = began(limits(3, 2, 9999), &names, Duration::from_millis(1500)).await;
        assert_eq!(began[..3], [(0, "a"), (0, "a"), (0, "b")], "{began:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn when_stopped_what_is_under_way_ends_and_nothing_begins() {
        let start = Instant::now();
        let (began, left) =
            began(limits(2, 1, 2), &["1", "2", "3", "4", "5", "6", "7"], Duration::from_millis(1500)).await;
        assert_eq!((began.len(), left, start.elapsed().as_secs()), (4, 2, 2), "{began:?}");
    }
}

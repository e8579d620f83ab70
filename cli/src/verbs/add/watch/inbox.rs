//! What the thread that watches waits for: changes of files, and what became of those that it handed over.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind};

use super::files::{Fate, Sight};

/// Changed paths that wait, at most. If more change at once, everything is scanned instead.
const PATHS: usize = 10_000;

/// Time to wait after the first news for more: programs change a file many times in a row.
const GATHER: Duration = Duration::from_millis(50);

/// What is known of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Something is there, or gone, or has another name.
    Changed,
    /// A program wrote to the file, and perhaps closed it.
    Written { is_closed: bool },
}

/// What came since the last look.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) paths: HashMap<PathBuf, Hint>,
    /// Whether more changed than is known.
    pub(crate) is_more: bool,
    pub(crate) ended: Vec<(PathBuf, Sight, Fate)>,
}

impl News {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.is_more && self.ended.is_empty()
    }
}

/// The inbox of the thread that watches.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    news: Mutex<News>,
    came: Condvar,
}

impl Inbox {
    /// Takes what the system tells.
    pub(crate) fn event(&self, event: notify::Result<Event>) {
        self.put(|news| {
            let Ok(event) = event else {
                news.is_more = true;
                return;
            };
            news.is_more |= event.need_rescan();
            let hint = match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => Hint::Written { is_closed: true },
                // Our own reading is told, too.
                EventKind::Access(_) => return,
                EventKind::Modify(ModifyKind::Data(_)) => Hint::Written { is_closed: false },
                _ => Hint::Changed,
            };
            for path in event.paths {
                let known = news.paths.entry(path).or_insert(Hint::Changed);
                if hint != Hint::Changed {
                    *known = hint;
                }
            }
            if news.paths.len() > PATHS {
                (news.paths, news.is_more) = (HashMap::new(), true);
            }
        });
    }

    /// Takes what became of a file.
    pub(crate) fn ended(&self, path: PathBuf, sight: Sight, fate: Fate) {
        self.put(|news| news.ended.push((path, sight, fate)));
    }

    fn put(&self, put: impl FnOnce(&mut News)) {
        put(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.came.notify_one();
    }

    /// Waits for news for at most this time.
    pub(crate) fn wait(&self, time: Duration) -> News {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.came.wait_timeout_while(news, time, |news| news.is_empty());
        let (news, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if news.is_empty() {
            return News::default();
        }
        drop(news);
        std::thread::sleep(GATHER);
        std::mem::take(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, Flag};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as the watcher tells it")]
    fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn the_last_that_is_told_of_writing_counts() {
        let (inbox, written) = (Inbox::default(), EventKind::Modify(ModifyKind::Data(DataChange::Any)));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        inbox.event(event(EventKind::Create(CreateKind::File), "a"));
        inbox.event(event(written, "a"));
        inbox.event(event(EventKind::Create(CreateKind::File), "a"));
        inbox.event(event(EventKind::Access(AccessKind::Open(AccessMode::Any)), "b"));
        inbox.event(event(written, "c"));
        inbox.event(event(closed, "c"));
        let News { mut paths, is_more, .. } = inbox.wait(Duration::ZERO);
        assert_eq!(paths.remove(&PathBuf::from("a")), Some(Hint::Written { is_closed: false }));
        assert_eq!(paths.remove(&PathBuf::from("c")), Some(Hint::Written { is_closed: true }));
        assert!(paths.is_empty() && !is_more, "{paths:?}");
        assert!(inbox.wait(Duration::ZERO).is_empty());
    }

    #[test]
    fn what_is_too_much_is_scanned() {
        let inbox = Inbox::default();
        for n in 0..=PATHS {
            inbox.event(event(EventKind::Any, &n.to_string()));
        }
        let news = inbox.wait(Duration::ZERO);
        assert!(news.is_more && news.paths.len() <= PATHS);
        inbox.event(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert!(inbox.wait(Duration::ZERO).is_more);
    }
}

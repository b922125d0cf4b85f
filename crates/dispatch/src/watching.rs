//! Who watches the messages of one virtual server, as they happen: a bounded queue for each, and nothing for who does not.

use crate::dispatch::Dispatch;
use crate::words::{DirectoryError, Happening};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use textgate_sms::VsId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How far a watcher may be behind.
const BEHIND_MOST: usize = 1_024;
/// Most watchers of one virtual server, and of all.
const WATCHERS_MOST: usize = 64;
const ALL_WATCHERS_MOST: usize = 1_024;

/// Everybody who watches.
#[derive(Default)]
pub(crate) struct Watchers {
    /// How many there are: read for each event, so that where nobody watches, nothing else happens.
    count: AtomicUsize,
    by_vs: Mutex<HashMap<VsId, Vec<Watcher>>>,
}

struct Watcher {
    events: mpsc::Sender<Arc<Happening>>,
    has_missed: Arc<AtomicBool>,
}

/// What happens to the messages of one virtual server, from the moment it was asked for.
pub struct Watch {
    watchers: Arc<Watchers>,
    vs: VsId,
    events: mpsc::Receiver<Arc<Happening>>,
    has_missed: Arc<AtomicBool>,
    stop: CancellationToken,
}

/// What a [`Watch`] tells.
#[derive(Debug, Clone)]
pub enum Watched {
    /// This happened.
    Happened(Arc<Happening>),
    /// The reader was too slow: some of what happened before this was left out.
    Missed,
}

// === impl Watchers ===

impl Watchers {
    /// Whether anybody watches anything.
    pub(crate) fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Tells those who watch this virtual server. Waits for nobody.
    pub(crate) fn tell(&self, happening: &Arc<Happening>) {
        let by_vs = self.lock();
        for watcher in by_vs.get(&happening.vs).into_iter().flatten() {
            if watcher.events.try_send(Arc::clone(happening)).is_err() {
                watcher.has_missed.store(true, Ordering::Release);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VsId, Vec<Watcher>>> {
        self.by_vs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watch ===

impl Watch {
    /// The next thing that happens; `None` when the program stops.
    pub async fn next(&mut self) -> Option<Watched> {
        if self.has_missed.swap(false, Ordering::AcqRel) {
            return Some(Watched::Missed);
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            event = self.events.recv() => event.map(Watched::Happened),
        }
    }

    /// Waits until something happens, and forgets all that has: for who only wants to know that there is news. `false` when the
    /// program stops.
    pub async fn news(&mut self) -> bool {
        let is_news = self.next().await.is_some();
        while self.events.try_recv().is_ok() {}
        self.has_missed.store(false, Ordering::Release);
        is_news
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.events.close();
        let mut by_vs = self.watchers.lock();
        if let Some(watchers) = by_vs.get_mut(&self.vs) {
            watchers.retain(|watcher| !watcher.events.is_closed());
            if watchers.is_empty() {
                by_vs.remove(&self.vs);
            }
        }
        self.watchers.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Dispatch {
    /// Watches the messages of one virtual server from now on. A reader that is 1,024 events behind misses some, and is told so.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] where 64 watch it already, or 1,024 in all.
    pub fn watch(&self, vs: VsId) -> Result<Watch, DirectoryError> {
        let watchers = &self.engine.watchers;
        let mut by_vs = watchers.lock();
        let there = by_vs.get(&vs).map_or(0, Vec::len);
        if there >= WATCHERS_MOST || watchers.count.load(Ordering::Relaxed) >= ALL_WATCHERS_MOST {
            return Err(DirectoryError::Conflict("too many watch already; try again later".into()));
        }
        let (sender, events) = mpsc::channel(BEHIND_MOST);
        let has_missed = Arc::new(AtomicBool::new(false));
        let watcher = Watcher { events: sender, has_missed: Arc::clone(&has_missed) };
        by_vs.entry(vs).or_default().push(watcher);
        watchers.count.fetch_add(1, Ordering::Relaxed);
        drop(by_vs);
        Ok(Watch {
            watchers: Arc::clone(watchers),
            vs,
            events,
            has_missed,
            stop: self.engine.ending().clone(),
        })
    }
}

//! Waiting for something to have happened: woken by the event itself, bounded by the caller.

use std::time::Duration;

use tokio::sync::watch;

/// What was waited for did not happen in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut {
    /// How long it was waited for.
    pub within: Duration,
}

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "what was waited for did not happen within {:?}", self.within)
    }
}

impl std::error::Error for TimedOut {}

/// A count of changes that wakes who waits for one.
#[derive(Debug)]
pub(crate) struct Changes(watch::Sender<u64>);

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Something changed. Cheap where nobody waits.
    pub(crate) fn announce(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Asks `look` now and after each change until it gives something.
    pub(crate) async fn wait<T>(
        &self,
        within: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, TimedOut> {
        let mut changes = self.subscribe();
        let found = tokio::time::timeout(within, async {
            loop {
                if let Some(found) = look() {
                    return found;
                }
                // The sender lives in `self`, so this never errs while we are called.
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        found.await.map_err(|_| TimedOut { within })
    }
}

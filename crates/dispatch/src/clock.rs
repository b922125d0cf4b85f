//! Time as this room sees it: one place where it comes in, so that tests can hold it.

use std::time::{Instant, SystemTime};

/// The wall clock, and the steady one. The steady one is tokio's, which tests can pause.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// In tests: what the wall clock showed when the steady clock showed this.
    held: Option<(i64, tokio::time::Instant)>,
}

impl Clock {
    /// A wall clock that shows `now_ms` now and goes with the steady clock from there.
    #[cfg(test)]
    pub(crate) fn held(now_ms: i64) -> Self {
        Self { held: Some((now_ms, tokio::time::Instant::now())) }
    }

    /// Unix time in milliseconds.
    pub(crate) fn now_ms(self) -> i64 {
        #[cfg(test)]
        crate::simulation::pulse::beat();
        match self.held {
            Some((then_ms, then)) => {
                then_ms + i64::try_from(then.elapsed().as_millis()).unwrap_or(i64::MAX / 2)
            }
            None => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// The steady clock.
    pub(crate) fn now(self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

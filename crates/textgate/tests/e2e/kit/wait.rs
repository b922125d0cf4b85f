//! Waiting for something to be so: never a fixed sleep, never without a bound.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long something may take that normally takes milliseconds: only a broken program waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks until there is something; `what` names it where it never comes.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

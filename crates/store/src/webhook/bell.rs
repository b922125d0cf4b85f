//! The bell that wakes whoever delivers events.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Rung after each commit that owes somebody an event, so that whoever delivers need not look by itself.
#[derive(Debug, Default)]
pub struct WebhookBell {
    owed: Mutex<BTreeMap<u32, Owed>>,
    rung: Notify,
}

/// What there is for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owed {
    /// Something new, behind what was read.
    More,
    /// Perhaps something before what was read as well.
    Again,
}

// === impl WebhookBell ===

impl WebhookBell {
    /// There is something for these endpoints.
    pub fn ring(&self, endpoints: impl IntoIterator<Item = (u32, Owed)>) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        for (endpoint, new) in endpoints {
            let known = owed.entry(endpoint).or_insert(new);
            *known = new.max(*known);
        }
        drop(owed);
        self.rung.notify_one();
    }

    /// Waits until it was rung, and answers for whom since it was last heard.
    pub async fn heard(&self) -> BTreeMap<u32, Owed> {
        loop {
            let rung = self.rung.notified();
            let owed = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
            if !owed.is_empty() {
                return owed;
            }
            rung.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_tells_everybody_it_was_rung_for_once() {
        let bell = WebhookBell::default();
        bell.ring([(3, Owed::More), (1, Owed::More)]);
        bell.ring([(3, Owed::Again)]);
        bell.ring([(3, Owed::More)]);
        assert_eq!(bell.heard().await, BTreeMap::from([(1, Owed::More), (3, Owed::Again)]));
        let (heard, ()) = tokio::join!(bell.heard(), async { bell.ring([(2, Owed::More)]) });
        assert_eq!(heard, BTreeMap::from([(2, Owed::More)]));
    }
}

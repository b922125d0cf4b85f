//! Alerts: contacts and groups, what programs raise, and what textgate raises by itself.
//!
//! An alert is a record of its own with messages of kind `alert` to people. Its record is on disk before its messages; whoever
//! is told is found again from it, so that a crash in between tells nobody twice and forgets nobody. Times (escalation, held conditions)
//! are on the agenda.

pub(crate) mod conditions;
mod front;
mod links;
mod privacy;
mod quiet;
mod raise;
mod setup;
mod setup_front;
mod steps;
mod tell;
mod template;
#[cfg(test)]
mod tests;
mod words;

/// The names of the conditions that textgate watches.
pub fn condition_names() -> Vec<&'static str> {
    conditions::Condition::ALL.map(conditions::Condition::name).into()
}

pub(crate) use conditions::Conditions;
pub(crate) use setup::Setup;
pub use setup::{AlertSettings, ConditionName, QuietHours};
pub use words::*;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use textgate_sms::{AlertState, MessageId, VsId};
use textgate_store::AlertRecord;
use tokio::sync::broadcast;

/// How many events a slow listener may be behind before it misses some.
const EVENTS: usize = 1_024;

/// What alerts need in memory.
pub(crate) struct Alerts {
    /// Those that nobody has acknowledged, for the badge on each page.
    open: Mutex<HashMap<VsId, BTreeSet<MessageId>>>,
    /// Who wants to hear of them.
    events: broadcast::Sender<Arc<AlertEvent>>,
    pub(crate) conditions: Conditions,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            events: broadcast::channel(EVENTS).0,
            conditions: Conditions::default(),
        }
    }
}

impl Alerts {
    /// Notes where an alert stands.
    fn note(&self, alert: &AlertRecord) {
        let mut open = self.lock();
        let of_vs = open.entry(alert.vs).or_default();
        if alert.state == AlertState::Open {
            of_vs.insert(alert.id);
        } else {
            of_vs.remove(&alert.id);
        }
        if of_vs.is_empty() {
            open.remove(&alert.vs);
        }
    }

    /// Notes where all stand that are not closed.
    fn note_all(&self, alerts: &[AlertRecord]) {
        let mut open: HashMap<VsId, BTreeSet<MessageId>> = HashMap::new();
        for alert in alerts.iter().filter(|alert| alert.state == AlertState::Open) {
            open.entry(alert.vs).or_default().insert(alert.id);
        }
        *self.lock() = open;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<VsId, BTreeSet<MessageId>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

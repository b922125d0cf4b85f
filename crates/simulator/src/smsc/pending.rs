//! Answers that wait for their time.

use std::cmp::Ordering;

use tokio::time::Instant;

use super::status::Status;

/// An answer to a submit before it is octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) command: u32,
    pub(super) sequence: u32,
    pub(super) status: Status,
    pub(super) id: u64,
}

/// An answer and when it is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) due: Instant,
    pub(super) order: u64,
    /// Which submit since the behaviour was set.
    pub(super) number: u64,
    pub(super) answer: Answer,
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pending {}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pending {
    /// The soonest is the greatest, which is what a heap gives first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

//! What waits to be delivered to one system_id: store and forward, until a receiver takes it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Mutex;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::sync::lock;
use crate::wait::Changes;

/// How many deliver_sm may wait for one system_id; more are dropped and counted.
const MOST_WAITING: usize = 1_000_000;

/// A deliver_sm on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) due: Instant,
    /// Keeps those of the same due time in the order in which they came.
    pub(super) order: u64,
    pub(super) pdu: Vec<u8>,
    /// The message id as the receipt says it; empty for an inbound text.
    pub(super) message_id: String,
    pub(super) is_receipt: bool,
    /// How often it was sent.
    pub(super) tries: u32,
}

impl PartialEq for Delivery {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Delivery {}

impl PartialOrd for Delivery {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delivery {
    /// The soonest is the greatest, which is what a heap gives first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

/// The deliveries of one system_id.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: Mutex<BinaryHeap<Delivery>>,
    changes: Changes,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::new(BinaryHeap::new()), changes: Changes::new() }
    }

    /// Adds deliveries; gives back how many there was no room for.
    pub(super) fn put(&self, deliveries: impl IntoIterator<Item = Delivery>) -> u64 {
        let mut refused = 0;
        {
            let mut waiting = lock(&self.waiting);
            for delivery in deliveries {
                if waiting.len() < MOST_WAITING {
                    waiting.push(delivery);
                } else {
                    refused += 1;
                }
            }
        }
        self.changes.announce();
        refused
    }

    /// Takes up to `room` that are due.
    pub(super) fn take_due(&self, now: Instant, room: usize, taken: &mut Vec<Delivery>) {
        let mut waiting = lock(&self.waiting);
        while taken.len() < room && waiting.peek().is_some_and(|first| first.due <= now) {
            taken.extend(waiting.pop());
        }
    }

    /// When the next is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        lock(&self.waiting).peek().map(|first| first.due)
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).len()
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn delivery(due: Instant, order: u64) -> Delivery {
        Delivery { due, order, pdu: Vec::new(), message_id: String::new(), is_receipt: true, tries: 0 }
    }

    #[test]
    fn the_soonest_comes_first_and_the_future_stays() {
        let now = Instant::now();
        let outbox = Outbox::new();
        outbox.put([delivery(now + Duration::from_secs(9), 1), delivery(now, 3), delivery(now, 2)]);
        let mut taken = Vec::new();
        outbox.take_due(now, 10, &mut taken);
        assert_eq!(taken.iter().map(|d| d.order).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(outbox.next_due(), Some(now + Duration::from_secs(9)));
    }
}

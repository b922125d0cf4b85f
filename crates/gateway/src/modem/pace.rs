//! How many segments a minute leave by one line, so that an operator's fair use holds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// The segments of the last minute. A minute's whole share may leave at once, so that a passcode after a quiet while waits for
/// nothing. A long message is not cut in the middle: what it is over the limit, the next one waits for.
pub(super) struct Pace {
    /// Segments in any minute; 0 is without a limit.
    limit: usize,
    left: VecDeque<Instant>,
}

impl Pace {
    pub fn new(limit: usize) -> Self {
        Self { limit, left: VecDeque::new() }
    }

    /// A segment left.
    pub fn count(&mut self, now: Instant) {
        if self.limit > 0 {
            self.left.push_back(now);
        }
    }

    /// When the next message may leave; `None` is now.
    pub fn next_at(&mut self, now: Instant) -> Option<Instant> {
        while self.left.front().is_some_and(|at| *at + MINUTE <= now) {
            self.left.pop_front();
        }
        let over = (self.left.len() + 1).checked_sub(self.limit).filter(|_| self.limit > 0)?;
        let last = over.checked_sub(1)?;
        self.left.get(last).map(|at| *at + MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_share_leaves_at_once_and_no_more_in_any_minute() {
        let start = Instant::now();
        let mut pace = Pace::new(3);
        for s in 0..3 {
            let now = start + Duration::from_secs(s);
            assert_eq!(pace.next_at(now), None);
            pace.count(now);
        }
        assert_eq!(pace.next_at(start + Duration::from_secs(3)), Some(start + MINUTE));
        assert_eq!(pace.next_at(start + MINUTE), None);
        // A message of three segments: the next one waits until all but two of the minute are past.
        (0..3).for_each(|_| pace.count(start + MINUTE));
        assert_eq!(pace.next_at(start + MINUTE), Some(start + MINUTE + MINUTE));
    }

    #[test]
    fn no_limit_is_none() {
        let mut pace = Pace::new(0);
        (0..1000).for_each(|_| pace.count(Instant::now()));
        assert_eq!(pace.next_at(Instant::now()), None);
    }
}

//! How often something happened within a sliding window: exact enough that no window of that length ever holds more than the limit.
//!
//! Time is cut into eighths of the window. Counted are the eighth that is under way and the eight before it: never less than what lies in
//! the window, and (from windows of 8 s on) at most an eighth more.

use super::table::Kept;

/// Full parts of a window, and the one under way.
const SLOTS: usize = 9;

/// Counts of one key, for one length of window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    slots: [u32; SLOTS],
    /// The number of the newest slot.
    newest: u32,
    /// When nothing of it counts any more.
    ends_s: u32,
}

impl Window {
    /// How often it happened in the window that ends now.
    pub(super) fn count(&mut self, now_s: u32, window_s: u32) -> u32 {
        self.advance(now_s, window_s);
        self.slots.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// It happens now.
    pub(super) fn add(&mut self, now_s: u32, window_s: u32) {
        self.advance(now_s, window_s);
        let count = &mut self.slots[self.newest as usize % SLOTS];
        *count = count.saturating_add(1);
        self.ends_s = now_s.saturating_add(window_s).saturating_add(slot_s(window_s));
    }

    /// In how many seconds fewer than `limit` will lie in the window, if nothing more happens.
    pub(super) fn wait_s(&mut self, now_s: u32, window_s: u32, limit: u32) -> u32 {
        let mut left = self.count(now_s, window_s);
        let oldest = self.newest.saturating_sub(SLOTS as u32 - 1);
        for slot in oldest..=self.newest {
            left -= self.slots[slot as usize % SLOTS];
            if left < limit {
                let gone_s = (slot + SLOTS as u32).saturating_mul(slot_s(window_s));
                return gone_s.saturating_sub(now_s).max(1);
            }
        }
        window_s
    }

    fn advance(&mut self, now_s: u32, window_s: u32) {
        let slot = now_s / slot_s(window_s);
        // A clock that went back counts on in the newest slot.
        let steps = slot.saturating_sub(self.newest).min(SLOTS as u32);
        for step in 1..=steps {
            self.slots[(slot - steps + step) as usize % SLOTS] = 0;
        }
        self.newest = self.newest.max(slot);
    }
}

impl Kept for Window {
    fn worth(&self, now_s: u32) -> f32 {
        if now_s >= self.ends_s { 0.0 } else { self.slots.iter().map(|count| *count as f32).sum() }
    }
}

fn slot_s(window_s: u32) -> u32 {
    window_s.div_ceil(SLOTS as u32 - 1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_window_slides() {
        let mut window = Window::default();
        for at in [1_000, 1_000, 1_070] {
            window.add(at, 80);
        }
        assert_eq!(window.count(1_070, 80), 3);
        assert_eq!(window.count(1_079, 80), 3, "the first two are 79 s old");
        assert_eq!(window.count(1_090, 80), 1);
        assert_eq!(window.count(1_170, 80), 0);
        assert_eq!(window.count(9_000_000, 80), 0);
    }

    #[test]
    fn the_wait_is_until_there_is_room() {
        let mut window = Window::default();
        for at in [1_000, 1_003, 1_050] {
            window.add(at, 80);
        }
        let wait = window.wait_s(1_060, 80, 3);
        assert_eq!(window.count(1_060 + wait, 80), 1);
        assert!((20..=31).contains(&wait), "{wait}");
    }

    #[test]
    fn a_clock_that_goes_back_forgets_nothing() {
        let mut window = Window::default();
        window.add(1_000, 80);
        window.add(500, 80);
        assert_eq!(window.count(400, 80), 2);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_limit(
            steps in prop::collection::vec(0u32..40, 1..300), window_s in 1u32..200, limit in 1u32..6,
        ) {
            let (mut window, mut now, mut taken) = (Window::default(), 10_000u32, Vec::new());
            for step in steps {
                now += step;
                if window.count(now, window_s) < limit {
                    window.add(now, window_s);
                    taken.push(now);
                }
            }
            for end in &taken {
                let within = taken.iter().filter(|at| **at <= *end && **at + window_s > *end).count();
                prop_assert!(within as u32 <= limit);
            }
        }
    }
}

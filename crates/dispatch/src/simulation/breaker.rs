//! The breaker as the rules have it, written again from them: what it must never let through. Where the real one may have moved on
//! unseen, this one allows both.

use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{self, Account, Unavailable, Uncertain};

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    /// At least until then.
    Open(Instant),
    Half {
        is_probing: bool,
    },
}

/// What one gateway's breaker must keep to.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    in_flight: usize,
    is_down: bool,
}

impl Breaker {
    /// The gateway got so many. Answers what is wrong with that.
    pub(super) fn taken(&mut self, count: usize, now: Instant) -> Option<String> {
        if count == 0 {
            return None;
        }
        self.in_flight += count;
        match self.state {
            State::Closed => return None,
            State::Open(until) if now < until => {
                return Some(format!("{count} went through an open breaker"));
            }
            State::Half { is_probing: true } => return Some(format!("{count} went beside the probe")),
            State::Open(_) | State::Half { .. } => {}
        }
        self.state = State::Half { is_probing: true };
        (count > 1).then(|| format!("{count} went as probes at once"))
    }

    /// What came back.
    pub(super) fn finished(&mut self, classes: &[OutcomeClass], now: Instant) {
        for class in classes {
            self.in_flight = self.in_flight.saturating_sub(1);
            match (*class, self.state) {
                (Account, _) => self.state = State::Open(now + Duration::from_secs(30)),
                (Unavailable | Uncertain, State::Closed) => {
                    self.failures += 1;
                    if self.failures >= 5 {
                        self.state = State::Open(now + Duration::from_secs(1));
                    }
                }
                (Unavailable | Uncertain, State::Half { .. }) => {
                    self.state = State::Open(now + Duration::from_secs(1));
                }
                (Unavailable | Uncertain, State::Open(_)) => {}
                (_, State::Open(until)) if now < until => {}
                _ => (self.state, self.failures) = (State::Closed, 0),
            }
        }
        if self.in_flight == 0 && matches!(self.state, State::Half { .. }) {
            self.state = State::Half { is_probing: false };
        }
    }

    /// The gateway said how it is.
    pub(super) fn heard(&mut self, is_up: bool, is_down: bool) {
        if is_up && self.is_down && !matches!(self.state, State::Closed) {
            self.state = State::Half { is_probing: false };
        }
        // Connecting leaves one that was down so.
        self.is_down = is_down || self.is_down && !is_up;
    }

    /// It has other settings.
    pub(super) fn rebuilt(&mut self) {
        (self.state, self.failures, self.is_down) = (State::Closed, 0, false);
    }
}

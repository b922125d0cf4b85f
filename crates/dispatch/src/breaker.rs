//! The circuit breaker of one gateway: remembers that it fails, and lets one message through now and then to see.

use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass;

/// So many failures in a row open it.
const FAILURES: u32 = 5;
/// How long it stays open the first time; doubles with each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause. Also the pause after an account fault, which only a person mends.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A breaker, closed at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    state: State,
    /// The pause that ends or ended last.
    pause: Duration,
    cause: Cause,
}

/// What opened it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cause {
    /// Failures in a row, of which one may have been on another node.
    #[default]
    Failures,
    /// The provider refused the account.
    Account,
    /// Another node said so.
    Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All is well but for so many failures in a row.
    Closed { failures: u32 },
    /// Nothing is let through before `until`.
    Open { until: Instant },
    /// One message is let through.
    HalfOpen { is_probing: bool },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// How many messages may go through now, at most `room`. Call [`probe`](Self::probe) for one that goes through half open.
    pub(crate) fn room(&mut self, room: usize, now: Instant) -> usize {
        if let State::Open { until } = self.state
            && until <= now
        {
            self.state = State::HalfOpen { is_probing: false };
        }
        match self.state {
            State::Closed { .. } => room,
            State::Open { .. } | State::HalfOpen { is_probing: true } => 0,
            State::HalfOpen { is_probing: false } => room.min(1),
        }
    }

    /// A message goes through.
    pub(crate) fn probe(&mut self) {
        if let State::HalfOpen { is_probing } = &mut self.state {
            *is_probing = true;
        }
    }

    /// What came of a message.
    pub(crate) fn record(&mut self, class: OutcomeClass, now: Instant) {
        match class {
            // The gateway answered about this message: it is alive.
            OutcomeClass::Sent | OutcomeClass::Rejected | OutcomeClass::Refused | OutcomeClass::Throttled => {
                // Answers to what was written before it opened prove nothing about now, unless it is probed.
                if !matches!(self.state, State::Open { .. }) {
                    *self = Self::default();
                }
            }
            OutcomeClass::Account => {
                self.open(LONGEST_PAUSE, now);
                self.cause = Cause::Account;
            }
            OutcomeClass::Unavailable | OutcomeClass::Uncertain => match &mut self.state {
                State::Closed { failures } if *failures + 1 < FAILURES => *failures += 1,
                State::Closed { .. } => self.open(FIRST_PAUSE, now),
                State::HalfOpen { .. } => {
                    self.open((self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE), now);
                }
                State::Open { .. } => {}
            },
        }
    }

    /// The gateway is connected anew: the next message may find out whether that helped.
    pub(crate) fn reconnected(&mut self) {
        if matches!(self.state, State::Open { .. } | State::HalfOpen { .. }) {
            self.state = State::HalfOpen { is_probing: false };
        }
    }

    /// Another node says that nothing is sent before then.
    pub(crate) fn pause(&mut self, until: Instant, now: Instant) {
        let pause = until.saturating_duration_since(now).min(LONGEST_PAUSE);
        *self = Self {
            state: State::Open { until: now + pause },
            pause: pause.max(FIRST_PAUSE),
            cause: Cause::Told,
        };
    }

    /// Another node says that it fails there: one failure here is enough to believe it.
    pub(crate) fn suspect(&mut self) {
        if let State::Closed { failures } = &mut self.state {
            *failures = FAILURES - 1;
        }
    }

    /// The probe was lost without an outcome.
    pub(crate) fn probe_lost(&mut self) {
        if let State::HalfOpen { is_probing } = &mut self.state {
            *is_probing = false;
        }
    }

    /// When an open one lets a probe through.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            _ => None,
        }
    }

    /// Whether everything is let through.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// What opened it, where it is open.
    pub(crate) fn cause(&self) -> Cause {
        self.cause
    }

    /// `closed`, `open` or `half_open`.
    pub(crate) fn name(&self) -> &'static str {
        match self.state {
            State::Closed { .. } => "closed",
            State::Open { .. } => "open",
            State::HalfOpen { .. } => "half_open",
        }
    }

    fn open(&mut self, pause: Duration, now: Instant) {
        *self = Self { state: State::Open { until: now + pause }, pause, cause: Cause::Failures };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OutcomeClass::{Account, Refused, Sent, Unavailable, Uncertain};

    fn failing(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES).for_each(|_| breaker.record(Unavailable, now));
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for class in [Unavailable, Uncertain, Unavailable, Uncertain, Refused, Unavailable, Unavailable] {
            breaker.record(class, now);
        }
        assert_eq!((breaker.name(), breaker.room(10, now)), ("closed", 10));
        assert_eq!(failing(now).room(10, now), 0);
        assert_eq!(failing(now).name(), "open");
    }

    #[test]
    fn after_its_pause_one_message_goes_through_and_decides() {
        let now = Instant::now();
        let mut breaker = failing(now);
        let later = now + FIRST_PAUSE;
        assert_eq!(breaker.room(10, later), 1);
        breaker.probe();
        assert_eq!(breaker.room(10, later), 0);
        breaker.record(Sent, later);
        assert_eq!(breaker.room(10, later), 10);
    }

    #[test]
    fn a_probe_that_fails_doubles_the_pause_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = failing(now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let opens = breaker.opens_at().unwrap();
            pauses.push((opens - now).as_secs());
            now = opens;
            assert_eq!(breaker.room(1, now), 1);
            breaker.probe();
            breaker.record(Uncertain, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn an_account_fault_opens_it_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.record(Account, now);
        assert_eq!(breaker.opens_at(), Some(now + LONGEST_PAUSE));
    }

    #[test]
    fn answers_to_what_was_written_before_do_not_close_it() {
        let now = Instant::now();
        let mut breaker = failing(now);
        breaker.record(Sent, now);
        assert_eq!(breaker.name(), "open");
        breaker.reconnected();
        assert_eq!((breaker.name(), breaker.room(5, now)), ("half_open", 1));
    }

    #[test]
    fn what_another_node_says_pauses_or_makes_one_failure_enough() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.suspect();
        assert_eq!(breaker.room(9, now), 9, "its word alone opens nothing");
        breaker.record(Unavailable, now);
        assert_eq!(breaker.name(), "open");
        let mut breaker = Breaker::default();
        breaker.pause(now + LONGEST_PAUSE * 9, now);
        assert_eq!(breaker.opens_at(), Some(now + LONGEST_PAUSE), "clocks may differ");
        assert_eq!(breaker.room(9, now + LONGEST_PAUSE), 1);
        let mut breaker = Breaker::default();
        breaker.suspect();
        breaker.record(Sent, now);
        breaker.record(Unavailable, now);
        assert_eq!(breaker.name(), "closed", "it is well here");
    }

    #[test]
    fn a_lost_probe_makes_room_for_another() {
        let now = Instant::now();
        let mut breaker = failing(now);
        breaker.reconnected();
        breaker.probe();
        breaker.probe_lost();
        assert_eq!(breaker.room(5, now), 1);
    }
}

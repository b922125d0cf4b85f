//! Figures: what is counted and measured of messages, for a minute, an hour or a day, in a form that adds up.
//!
//! Sums are all there is: the figures of an hour are those of its minutes, those of a provider the ones of all below it.

mod histogram;

pub use histogram::Histogram;

use crate::events::{read_varint, take_varint, write_varint};
use textgate_sms::{GatewayId, MessageState, OutcomeClass, VsId};

const VERSION: u8 = 1;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What happened to messages in some span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages that came to each state, by its code; under `accepted` those that were accepted or scheduled.
    pub states: [u64; MessageState::ALL.len()],
    /// Attempts, by the code of their outcome class.
    pub attempts: [u64; OutcomeClass::ALL.len()],
    /// Messages that went on to another gateway because this one refused them, was silent, or could not take them.
    pub failovers: u64,
    /// SMS credits charged.
    pub credits_spent: u64,
    /// SMS credits given back.
    pub credits_returned: u64,
    /// From acceptance (of a scheduled message: from its time) until a gateway had taken it.
    pub to_sent: Histogram,
    /// From then until the receipt that says it was delivered.
    pub to_delivered: Histogram,
}

/// How finely figures are kept, and for how long.
///
/// Three levels, so that a chart of an hour and one of a year each read some hundred rows. A year by the hour would be 9,000
/// rows for each virtual server and gateway; by the day it is 366.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// Kept for 48 hours.
    Minute,
    /// Kept for 35 days.
    Hour,
    /// Days of UTC, kept for 400 days.
    Day,
}

/// Figures of one minute, to be added to what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Whose.
    pub vs: VsId,
    /// `true`: a sum over the virtual servers below `vs`, without its own.
    pub is_below: bool,
    /// Of which gateway; 0 where none was concerned, or it is not told apart.
    pub gateway: GatewayId,
    /// When (Unix time, ms): any moment of the minute.
    pub at_ms: i64,
    /// The figures.
    pub figures: Figures,
}

/// Which figures are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FiguresQuestion {
    /// Whose.
    pub vs: VsId,
    /// Of the virtual servers below it instead of its own.
    pub is_below: bool,
    /// How finely.
    pub resolution: Resolution,
    /// From this moment (Unix time, ms), rounded down to a whole step.
    pub from_ms: i64,
    /// To before this one.
    pub to_ms: i64,
}

/// Figures of one step and gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFigures {
    /// When the step begins (Unix time, ms).
    pub at_ms: i64,
    /// Of which gateway; see [`Tally::gateway`].
    pub gateway: GatewayId,
    /// The figures.
    pub figures: Figures,
}

// === impl Resolution ===

impl Resolution {
    /// All of them, the finest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long one step is (ms).
    pub fn step_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// For how long figures are kept (ms).
    pub fn kept_ms(self) -> i64 {
        match self {
            Self::Minute => 48 * HOUR_MS,
            Self::Hour => 35 * DAY_MS,
            Self::Day => 400 * DAY_MS,
        }
    }
}

// === impl Figures ===

impl Figures {
    /// Messages that came to this state.
    pub fn came_to(&self, state: MessageState) -> u64 {
        self.states.get(usize::from(state.code())).copied().unwrap_or(0)
    }

    /// Counts a message that came to this state.
    pub fn count(&mut self, state: MessageState) {
        if let Some(count) = self.states.get_mut(usize::from(state.code())) {
            *count += 1;
        }
    }

    /// Attempts that came to this outcome.
    pub fn attempts(&self, class: OutcomeClass) -> u64 {
        self.attempts.get(usize::from(class.code())).copied().unwrap_or(0)
    }

    /// Adds other figures.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.counters_mut().zip(other.counters()) {
            *own = own.saturating_add(*more);
        }
        self.to_sent.add(&other.to_sent);
        self.to_delivered.add(&other.to_delivered);
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every counter, in the order in which they are stored. More are only ever added at the end.
    fn counters(&self) -> impl Iterator<Item = &u64> {
        let more = [&self.failovers, &self.credits_spent, &self.credits_returned];
        self.states.iter().chain(&self.attempts).chain(more)
    }

    /// The same, to be changed.
    fn counters_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        let more = [&mut self.failovers, &mut self.credits_spent, &mut self.credits_returned];
        self.states.iter_mut().chain(&mut self.attempts).chain(more)
    }

    /// The stored form.
    pub(crate) fn stored(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        write_varint(&mut out, self.counters().count() as u64);
        for counter in self.counters() {
            write_varint(&mut out, *counter);
        }
        self.to_sent.store(&mut out);
        self.to_delivered.store(&mut out);
        out
    }

    /// The reverse of [`stored`](Self::stored); what cannot be read is zero.
    pub(crate) fn from_stored(octets: &[u8]) -> Self {
        let mut figures = Self::default();
        let rest = &mut octets.get(1..).unwrap_or_default();
        let count = take_varint(rest).unwrap_or(0);
        let mut counters = figures.counters_mut();
        for _ in 0..count {
            let Some((value, after)) = read_varint(rest) else { break };
            *rest = after;
            if let Some(counter) = counters.next() {
                *counter = value;
            }
        }
        drop(counters);
        figures.to_sent = Histogram::read(rest);
        figures.to_delivered = Histogram::read(rest);
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some() -> Figures {
        let mut figures =
            Figures { failovers: 3, credits_spent: 500, credits_returned: 7, ..Figures::default() };
        figures.count(MessageState::Accepted);
        figures.count(MessageState::Delivered);
        figures.attempts = [1, 2, 3, 4, 5, 6, 70_000];
        figures.to_sent.record(1_500);
        figures.to_delivered.record(4_000_000);
        figures
    }

    #[test]
    fn figures_read_back() {
        assert_eq!(Figures::from_stored(&some().stored()), some());
        assert_eq!(Figures::from_stored(&Figures::default().stored()), Figures::default());
        assert!(Figures::default().stored().len() < 24, "nothing takes little room");
    }

    #[test]
    fn figures_add_up() {
        let mut twice = some();
        twice.add(&some());
        assert_eq!((twice.came_to(MessageState::Delivered), twice.failovers), (2, 6));
        assert_eq!((twice.attempts(OutcomeClass::Refused), twice.to_sent.count()), (140_000, 2));
        let mut same = some();
        same.add(&Figures::default());
        assert_eq!(same, some());
        assert!(!same.is_empty() && Figures::default().is_empty());
    }

    #[test]
    fn counters_that_a_newer_version_added_do_no_harm() {
        let mut octets = some().stored();
        octets[1] += 1;
        octets.insert(20 + 5, 9);
        // One more counter than known: what follows is read after it.
        let read = Figures::from_stored(&octets);
        assert_eq!(read.states, some().states);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            Figures::from_stored(&octets);
        }
    }
}

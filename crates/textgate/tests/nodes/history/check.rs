//! Linearisability (Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990): each call seems to
//! happen at one moment between its beginning and its answer. The search is Wing and Gong's ("Testing and Verifying Concurrent
//! Objects", 1993), which tries orders and goes back where one does not fit; what was tried is remembered, after Lowe ("Testing for
//! linearizability", 2017).

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What one node alone would do.
pub trait Model {
    /// What it remembers.
    type State: Clone + Eq + Hash + Debug;
    /// What it is asked.
    type Call: Clone + PartialEq + Debug;
    /// What it answers.
    type Answer: Clone + Debug;

    /// The state after this call, where this could be its answer.
    fn after(state: &Self::State, call: &Self::Call, answer: &Self::Answer) -> Option<Self::State>;

    /// The states that it may have led to where nobody heard an answer, besides the one before.
    fn unheard(state: &Self::State, call: &Self::Call) -> Option<Self::State>;
}

/// One call.
#[derive(Debug, Clone)]
pub struct Operation<M: Model> {
    pub call: M::Call,
    /// `None` where no answer came: it happened at any time since it began, or never.
    pub answer: Option<M::Answer>,
    /// In nanoseconds since the history began.
    pub begin: u64,
    pub end: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearisable,
    /// There is none: the longest that fits has so many of the answers.
    Broken { fits: usize, of: usize },
    /// It takes too long to tell.
    Undecided,
}

/// Most places that are looked at.
const MOST: usize = 1_000_000;

/// A set of operations by their places.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Taken(Box<[u64]>);

impl Taken {
    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn with(&self, at: usize) -> Self {
        let mut taken = self.clone();
        taken.0[at / 64] |= 1 << (at % 64);
        taken
    }
}

/// Whether there is an order of these that begins in this state.
pub fn judge<M: Model>(start: M::State, history: &[Operation<M>]) -> Verdict {
    let mut history: Vec<&Operation<M>> = history.iter().collect();
    history.sort_by_key(|operation| operation.begin);
    let answered = history.iter().filter(|operation| operation.answer.is_some()).count();
    let none = Taken(vec![0; history.len().div_ceil(64)].into());
    let (mut seen, mut fits) = (HashSet::new(), 0);
    let mut places = vec![(none, start, 0)];
    while let Some((taken, state, count)) = places.pop() {
        fits = fits.max(count);
        if count == answered {
            return Verdict::Linearisable;
        }
        if seen.len() > MOST {
            return Verdict::Undecided;
        }
        // Whatever began after another was answered comes after it.
        let left = || history.iter().copied().enumerate().filter(|(at, _)| !taken.has(*at));
        let first_end =
            left().filter(|(_, one)| one.answer.is_some()).map(|(_, one)| one.end).min().unwrap_or(u64::MAX);
        let mut next: Vec<(usize, &Operation<M>)> =
            left().take_while(|(_, one)| one.begin <= first_end).collect();
        // The last one pushed is tried first: of those that were answered the one that ended first, which most often it was.
        next.sort_by_key(|(_, one)| (one.answer.is_some(), std::cmp::Reverse(one.end)));
        let mut unheard: Vec<&M::Call> = Vec::new();
        for (at, one) in next {
            let after = match &one.answer {
                Some(answer) => M::after(&state, &one.call, answer),
                // Of several like it any other would do as well.
                None if unheard.contains(&&one.call) => None,
                None => {
                    unheard.push(&one.call);
                    M::unheard(&state, &one.call)
                }
            };
            if let Some(after) = after {
                let place = (taken.with(at), after);
                if seen.insert(place.clone()) {
                    places.push((place.0, place.1, count + usize::from(one.answer.is_some())));
                }
            }
        }
    }
    Verdict::Broken { fits, of: answered }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is written and read.
    #[derive(Debug, Clone)]
    struct Register;

    #[derive(Debug, Clone, PartialEq)]
    enum Call {
        Write(u32),
        Read,
    }

    impl Model for Register {
        type State = u32;
        type Call = Call;
        type Answer = u32;

        fn after(state: &u32, call: &Call, answer: &u32) -> Option<u32> {
            match call {
                Call::Write(number) => Some(*number),
                Call::Read => (state == answer).then_some(*state),
            }
        }

        fn unheard(_: &u32, call: &Call) -> Option<u32> {
            match call {
                Call::Write(number) => Some(*number),
                Call::Read => None,
            }
        }
    }

    fn write(number: u32, begin: u64, end: u64) -> Operation<Register> {
        Operation { call: Call::Write(number), answer: Some(0), begin, end }
    }

    fn read(number: u32, begin: u64, end: u64) -> Operation<Register> {
        Operation { call: Call::Read, answer: Some(number), begin, end }
    }

    fn lost(number: u32, begin: u64) -> Operation<Register> {
        Operation { call: Call::Write(number), answer: None, begin, end: u64::MAX }
    }

    #[track_caller]
    fn is_right(history: &[Operation<Register>]) {
        assert_eq!(judge(0, history), Verdict::Linearisable);
    }

    #[track_caller]
    fn is_wrong(history: &[Operation<Register>]) {
        assert!(matches!(judge(0, history), Verdict::Broken { .. }));
    }

    #[test]
    fn calls_one_after_the_other_are_as_they_were_told() {
        is_right(&[]);
        is_right(&[read(0, 0, 1), write(1, 2, 3), read(1, 4, 5)]);
        is_wrong(&[write(1, 2, 3), read(0, 4, 5)]);
        is_wrong(&[read(1, 0, 1), write(1, 2, 3)]);
    }

    #[test]
    fn calls_at_once_may_have_come_in_any_order_but_in_one() {
        is_right(&[write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)]);
        is_right(&[write(1, 0, 9), read(1, 1, 2)]);
        // Herlihy and Wing's: what was read once cannot be unread.
        is_wrong(&[write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)]);
        is_wrong(&[write(1, 0, 9), write(2, 0, 9), read(1, 10, 11), read(2, 12, 13)]);
        is_right(&[write(1, 0, 9), write(2, 0, 9), read(1, 2, 3), read(2, 12, 13)]);
    }

    #[test]
    fn a_call_without_an_answer_happened_at_any_time_since_or_never() {
        is_right(&[lost(1, 0), read(0, 1, 2), read(0, 3, 4)]);
        is_right(&[lost(1, 0), read(0, 1, 2), read(1, 3, 4)]);
        is_wrong(&[lost(1, 0), read(1, 1, 2), read(0, 3, 4)]);
        is_wrong(&[read(1, 1, 2), lost(1, 3)]);
        // Two like each other may both have happened, at different times.
        is_right(&[lost(1, 0), lost(1, 0), read(1, 1, 2), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8)]);
        is_wrong(&[lost(1, 0), read(1, 1, 2), write(2, 3, 4), read(2, 5, 6), read(1, 7, 8)]);
    }

    #[test]
    fn long_histories_with_many_lost_calls_are_judged_soon() {
        let mut history: Vec<_> = (0..6).map(|n| lost(n % 3 + 100, u64::from(n))).collect();
        for n in 0..100 {
            let at = 100 + u64::from(n) * 10;
            history.extend([write(n, at, at + 12), read(n, at + 13, at + 14)]);
        }
        is_right(&history);
        history.push(read(7, 2_000, 2_001));
        is_wrong(&history);
    }
}

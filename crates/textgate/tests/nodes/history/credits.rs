//! The SMS credits of one virtual server: allocated, used, never more used than allocated.

use super::check::Model;

/// The model.
#[derive(Debug, Clone)]
pub struct Credits;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum CreditsCall {
    /// A message of so many segments.
    Send(u64),
    /// So many more.
    Allocate(u64),
    /// What there is.
    Read,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum CreditsAnswer {
    /// It is accepted, or allocated.
    Done,
    /// There are too few.
    TooFew,
    /// Allocated and used.
    Is(u64, u64),
}

impl Model for Credits {
    /// Allocated and used.
    type State = (u64, u64);
    type Call = CreditsCall;
    type Answer = CreditsAnswer;

    fn after(
        &(allocated, used): &(u64, u64),
        call: &CreditsCall,
        answer: &CreditsAnswer,
    ) -> Option<(u64, u64)> {
        match (call, answer) {
            (CreditsCall::Send(segments), CreditsAnswer::Done) => {
                (allocated - used >= *segments).then_some((allocated, used + segments))
            }
            (CreditsCall::Send(segments), CreditsAnswer::TooFew) => {
                (allocated - used < *segments).then_some((allocated, used))
            }
            (CreditsCall::Allocate(more), CreditsAnswer::Done) => Some((allocated + more, used)),
            (CreditsCall::Read, CreditsAnswer::Is(all, gone)) => {
                ((*all, *gone) == (allocated, used)).then_some((allocated, used))
            }
            _ => None,
        }
    }

    fn unheard(&(allocated, used): &(u64, u64), call: &CreditsCall) -> Option<(u64, u64)> {
        match call {
            CreditsCall::Send(segments) => {
                (allocated - used >= *segments).then_some((allocated, used + segments))
            }
            CreditsCall::Allocate(more) => Some((allocated + more, used)),
            CreditsCall::Read => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Operation, Verdict, judge};
    use super::*;
    use CreditsAnswer::{Done, Is, TooFew};
    use CreditsCall::{Allocate, Read, Send};

    fn told(call: CreditsCall, answer: CreditsAnswer, begin: u64, end: u64) -> Operation<Credits> {
        Operation { call, answer: Some(answer), begin, end }
    }

    #[test]
    fn the_last_credit_goes_to_one_of_two_at_once_and_to_no_other() {
        let (won, lost) = (told(Send(1), Done, 0, 9), told(Send(1), TooFew, 0, 9));
        let left = told(Read, Is(1, 1), 10, 11);
        assert_eq!(judge((1, 0), &[won.clone(), lost, left.clone()]), Verdict::Linearisable);
        let both = [won.clone(), won.clone()];
        assert!(matches!(judge((1, 0), &both), Verdict::Broken { .. }));
        let neither = [told(Send(1), TooFew, 0, 9), left];
        assert!(matches!(judge((1, 0), &neither), Verdict::Broken { .. }));
    }

    #[test]
    fn a_message_without_an_answer_was_charged_or_not_and_stays_so() {
        let lost = Operation::<Credits> { call: Send(1), answer: None, begin: 0, end: u64::MAX };
        let read = |used, at| told(Read, Is(5, used), at, at + 1);
        assert_eq!(judge((5, 0), &[lost.clone(), read(0, 2), read(1, 4), read(1, 6)]), Verdict::Linearisable);
        assert!(matches!(judge((5, 0), &[lost, read(1, 2), read(0, 4)]), Verdict::Broken { .. }));
    }

    #[test]
    fn what_is_allocated_is_there_for_the_next() {
        let more = told(Allocate(2), Done, 0, 1);
        assert_eq!(judge((0, 0), &[more.clone(), told(Send(2), Done, 2, 3)]), Verdict::Linearisable);
        assert!(matches!(judge((0, 0), &[more, told(Send(2), TooFew, 2, 3)]), Verdict::Broken { .. }));
    }
}

//! One passcode: its code is right once, and wrong five times at most.

use super::check::Model;

/// The model.
#[derive(Debug, Clone)]
pub struct Passcode;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum PasscodeCall {
    /// Whether this is the code; it is, or not.
    Check(bool),
    /// That no code be right any more.
    Cancel,
    /// How it is.
    Show,
}

/// What is answered, and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PasscodeAnswer {
    /// So many attempts are left.
    Pending(u64),
    Approved,
    TooMany,
    Cancelled,
    /// It was approved before.
    NotPending,
}

use PasscodeAnswer::{Approved, Cancelled, NotPending, Pending, TooMany};

impl Model for Passcode {
    /// As [`PasscodeCall::Show`] answers it.
    type State = PasscodeAnswer;
    type Call = PasscodeCall;
    type Answer = PasscodeAnswer;

    fn after(state: &PasscodeAnswer, call: &PasscodeCall, answer: &PasscodeAnswer) -> Option<PasscodeAnswer> {
        let (after, expected) = step(state, call);
        (expected == *answer).then_some(after)
    }

    fn unheard(state: &PasscodeAnswer, call: &PasscodeCall) -> Option<PasscodeAnswer> {
        let (after, _) = step(state, call);
        (after != *state).then_some(after)
    }
}

/// How it is afterwards, and what is answered.
fn step(state: &PasscodeAnswer, call: &PasscodeCall) -> (PasscodeAnswer, PasscodeAnswer) {
    let after = match (call, state) {
        (PasscodeCall::Check(true), Pending(_)) => Approved,
        (PasscodeCall::Check(false), Pending(1)) => TooMany,
        (PasscodeCall::Check(false), Pending(left)) => Pending(left - 1),
        (PasscodeCall::Cancel, Pending(_)) => Cancelled,
        _ => state.clone(),
    };
    let answer = match (call, state) {
        // `approved` is answered once.
        (PasscodeCall::Check(_), Approved) => NotPending,
        (PasscodeCall::Cancel, Approved | TooMany) => NotPending,
        _ => after.clone(),
    };
    (after, answer)
}

#[cfg(test)]
mod tests {
    use super::super::check::{Operation, Verdict, judge};
    use super::PasscodeCall::{Cancel, Check, Show};
    use super::*;

    fn told(call: PasscodeCall, answer: PasscodeAnswer, begin: u64, end: u64) -> Operation<Passcode> {
        Operation { call, answer: Some(answer), begin, end }
    }

    #[test]
    fn a_code_is_right_once_also_where_it_is_checked_at_once() {
        let (first, second) = (told(Check(true), Approved, 0, 9), told(Check(true), NotPending, 0, 9));
        assert_eq!(judge(Pending(5), &[second.clone(), first.clone()]), Verdict::Linearisable);
        assert!(matches!(judge(Pending(5), &[first.clone(), first]), Verdict::Broken { .. }));
        assert!(matches!(judge(Pending(5), &[second]), Verdict::Broken { .. }));
    }

    #[test]
    fn each_wrong_code_counts_and_after_the_last_none_is_right() {
        let wrong = |left, at| told(Check(false), Pending(left), at, at + 9);
        let last = told(Check(false), TooMany, 3, 20);
        let late = told(Check(true), TooMany, 30, 31);
        assert_eq!(judge(Pending(3), &[wrong(1, 0), last.clone(), wrong(2, 1), late]), Verdict::Linearisable);
        assert!(matches!(judge(Pending(3), &[wrong(2, 0), wrong(2, 1)]), Verdict::Broken { .. }));
        assert!(matches!(judge(Pending(3), &[wrong(2, 0), last]), Verdict::Broken { .. }));
    }

    #[test]
    fn a_check_or_a_cancel_without_an_answer_counted_or_not() {
        let lost = |call| Operation::<Passcode> { call, answer: None, begin: 0, end: u64::MAX };
        let left = |left, at| told(Show, Pending(left), at, at + 1);
        assert_eq!(judge(Pending(5), &[lost(Check(false)), left(5, 1), left(4, 3)]), Verdict::Linearisable);
        assert!(matches!(judge(Pending(5), &[lost(Check(false)), left(3, 1)]), Verdict::Broken { .. }));
        assert_eq!(
            judge(Pending(5), &[lost(Cancel), told(Check(true), Cancelled, 1, 2)]),
            Verdict::Linearisable
        );
    }
}

//! One Idempotency-Key: it stands for the first request that comes with it.

use super::check::Model;

/// The model.
#[derive(Debug, Clone)]
pub struct Keys;

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum KeysAnswer {
    /// It is accepted, under this id.
    New(String),
    /// It was accepted before, under this id.
    Again(String),
    /// The key stands for another request.
    Another,
}

impl Model for Keys {
    /// The request that it stands for, and the id where anybody heard it.
    type State = Option<(u8, Option<String>)>;
    /// Which request.
    type Call = u8;
    type Answer = KeysAnswer;

    fn after(state: &Self::State, call: &u8, answer: &KeysAnswer) -> Option<Self::State> {
        match (state, answer) {
            (None, KeysAnswer::New(id)) => Some(Some((*call, Some(id.clone())))),
            (Some((request, known)), KeysAnswer::Again(id)) => {
                let is_it = request == call && known.as_ref().is_none_or(|known| known == id);
                is_it.then(|| Some((*request, Some(id.clone()))))
            }
            (Some((request, _)), KeysAnswer::Another) => (request != call).then(|| state.clone()),
            _ => None,
        }
    }

    fn unheard(state: &Self::State, call: &u8) -> Option<Self::State> {
        state.is_none().then_some(Some((*call, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{Operation, Verdict, judge};
    use super::*;
    use KeysAnswer::{Again, Another, New};

    fn told(request: u8, answer: KeysAnswer, begin: u64, end: u64) -> Operation<Keys> {
        Operation { call: request, answer: Some(answer), begin, end }
    }

    fn lost(request: u8, begin: u64) -> Operation<Keys> {
        Operation { call: request, answer: None, begin, end: u64::MAX }
    }

    #[test]
    fn of_several_at_once_one_is_new_and_the_others_are_the_same() {
        let (new, again) = (told(1, New("a".into()), 0, 9), told(1, Again("a".into()), 0, 9));
        assert_eq!(judge(None, &[again.clone(), new.clone(), told(2, Another, 3, 4)]), Verdict::Linearisable);
        assert!(matches!(
            judge(None, &[new.clone(), told(1, New("b".into()), 0, 9)]),
            Verdict::Broken { .. }
        ));
        assert!(matches!(judge(None, &[new, told(1, Again("b".into()), 0, 9)]), Verdict::Broken { .. }));
        assert!(matches!(judge(None, &[again]), Verdict::Broken { .. }), "of nothing");
        assert!(matches!(judge(None, &[told(2, Another, 0, 1)]), Verdict::Broken { .. }));
    }

    #[test]
    fn one_whose_answer_was_lost_may_stand_for_its_request() {
        let again = told(1, Again("a".into()), 5, 6);
        assert_eq!(judge(None, &[lost(1, 0), again.clone()]), Verdict::Linearisable);
        assert_eq!(
            judge(None, &[lost(2, 0), told(1, New("a".into()), 5, 6), again.clone()]),
            Verdict::Linearisable
        );
        assert_eq!(judge(None, &[lost(2, 0), told(1, Another, 5, 6)]), Verdict::Linearisable);
        let other = told(1, Again("b".into()), 7, 8);
        assert!(matches!(judge(None, &[lost(1, 0), again, other]), Verdict::Broken { .. }));
    }
}

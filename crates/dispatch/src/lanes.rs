//! What waits for one gateway: a queue for each kind, passcodes ahead of alerts ahead of everything else.

use std::collections::VecDeque;
use textgate_gateway::Submission;
use textgate_sms::{Kind, MessageId};

/// Room kept in an empty queue; what a backlog needed beyond it goes back to the system.
const KEPT: usize = 1_024;

/// The lanes of one gateway. Moving a message through them is moving a pointer.
#[derive(Default)]
pub(crate) struct Lanes([VecDeque<Box<Submission>>; Kind::ALL.len()]);

impl Lanes {
    /// Behind all others of its kind.
    pub(crate) fn push(&mut self, submission: Box<Submission>) {
        self.lane(submission.kind).push_back(submission);
    }

    /// The next one: the first of the first lane that has any.
    pub(crate) fn pop(&mut self) -> Option<Box<Submission>> {
        let lane = self.0.iter_mut().find(|lane| !lane.is_empty())?;
        let next = lane.pop_front();
        give_back(lane);
        next
    }

    /// The next one that is no passcode, if it `is_wanted`.
    pub(crate) fn pop_other(
        &mut self,
        is_wanted: impl FnOnce(&Submission) -> bool,
    ) -> Option<Box<Submission>> {
        let other = |kind: &Kind| *kind != Kind::Otp && !self.0[usize::from(kind.code())].is_empty();
        let kind = Kind::ALL.iter().copied().find(other)?;
        let lane = self.lane(kind);
        if !lane.front().is_some_and(|front| is_wanted(front)) {
            return None;
        }
        let next = lane.pop_front();
        give_back(lane);
        next
    }

    /// Whether any of this kind waits.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        !self.0[usize::from(kind.code())].is_empty()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// How many wait, by lane.
    pub(crate) fn depths(&self) -> [u64; Kind::ALL.len()] {
        self.0.each_ref().map(|lane| lane.len() as u64)
    }

    /// Takes out the message of this id.
    pub(crate) fn remove(&mut self, id: MessageId) -> Option<Box<Submission>> {
        self.0.iter_mut().find_map(|lane| {
            let at = lane.iter().position(|submission| submission.id == id)?;
            lane.remove(at)
        })
    }

    /// Takes out, from one lane, what `is_wanted`; the rest keeps its order.
    pub(crate) fn take_where(
        &mut self,
        kind: Kind,
        mut is_wanted: impl FnMut(&Submission) -> bool,
        into: &mut Vec<Box<Submission>>,
    ) {
        let lane = self.lane(kind);
        // Most looks take nothing: then nothing moves.
        let Some(first) = lane.iter().position(|submission| is_wanted(submission)) else { return };
        let mut kept = VecDeque::with_capacity(lane.len());
        let mut tail = lane.split_off(first);
        // Asked once each: what is wanted may depend on what was taken before.
        into.extend(tail.pop_front());
        kept.append(lane);
        for submission in tail {
            if is_wanted(&submission) { into.push(submission) } else { kept.push_back(submission) }
        }
        *lane = kept;
    }

    /// Everything of one lane, in order.
    pub(crate) fn iter(&self, kind: Kind) -> impl Iterator<Item = &Submission> {
        self.0[usize::from(kind.code())].iter().map(|submission| &**submission)
    }

    fn lane(&mut self, kind: Kind) -> &mut VecDeque<Box<Submission>> {
        &mut self.0[usize::from(kind.code())]
    }
}

/// Gives the system what a backlog needed, once it is gone.
fn give_back(lane: &mut VecDeque<Box<Submission>>) {
    if lane.is_empty() && lane.capacity() > KEPT {
        lane.shrink_to(KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::submission;

    fn ids(lanes: &mut Lanes) -> Vec<u64> {
        std::iter::from_fn(|| lanes.pop()).map(|submission| submission.id.as_u64()).collect()
    }

    #[test]
    fn a_passcode_overtakes_everything_that_waits() {
        let mut lanes = Lanes::default();
        for (id, kind) in [(1, Kind::Text), (2, Kind::Alert), (3, Kind::Text), (4, Kind::Otp), (5, Kind::Otp)]
        {
            lanes.push(submission(id, kind));
        }
        assert_eq!(lanes.depths(), [2, 1, 2]);
        assert_eq!(ids(&mut lanes), [4, 5, 2, 1, 3]);
        assert!(lanes.is_empty());
    }

    #[test]
    fn what_is_taken_out_leaves_the_rest_in_order() {
        let mut lanes = Lanes::default();
        (1..=6).for_each(|id| lanes.push(submission(id, Kind::Text)));
        assert_eq!(lanes.remove(MessageId::from_u64(2)).unwrap().id.as_u64(), 2);
        assert!(lanes.remove(MessageId::from_u64(2)).is_none());
        let mut taken = Vec::new();
        lanes.take_where(Kind::Text, |submission| submission.id.as_u64() % 2 == 0, &mut taken);
        assert_eq!(taken.iter().map(|s| s.id.as_u64()).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(ids(&mut lanes), [1, 3, 5]);
    }

    #[test]
    fn a_drained_backlog_gives_its_memory_back() {
        let mut lanes = Lanes::default();
        (0..10_000).for_each(|id| lanes.push(submission(id, Kind::Text)));
        while lanes.pop().is_some() {}
        assert!(lanes.lane(Kind::Text).capacity() <= 2 * KEPT);
    }
}

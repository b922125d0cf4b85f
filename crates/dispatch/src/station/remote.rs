//! A gateway that other nodes send by: what they say of it, and what this node says to them.

use super::{Standing, State, Station};
use crate::breaker::{Breaker, Cause};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::Shares;
use textgate_sms::GatewayId;
use textgate_store::Says;
use tokio::sync::watch;

/// From where a gateway's messages leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remote {
    /// From this node.
    Here,
    /// From these, which are given what comes here. None: nobody has said yet that it can.
    Nodes(SmallVec<[u8; 4]>),
    /// From nowhere: those who could say so.
    Down(String),
}

/// What a station shares with other nodes.
#[derive(Default)]
pub(crate) struct Sharing {
    /// Which of its connections are this node's.
    pub(crate) shares: Arc<Shares>,
    /// Whether its messages are given to others.
    pub(crate) is_elsewhere: watch::Sender<bool>,
}

/// What is to be said of a gateway.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// What was said holds still.
    AsBefore,
    /// This; `None`: nothing.
    Say(Option<Says>),
}

impl Remote {
    /// How it is, for people; `None` where that is for this node to tell.
    pub(super) fn status(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Here => None,
            Self::Nodes(nodes) if nodes.is_empty() => {
                Some(("connecting", "another node is to connect it".to_owned()))
            }
            Self::Nodes(nodes) => {
                let nodes: Vec<String> = nodes.iter().map(u8::to_string).collect();
                Some(("up", format!("its connections are on node {}", nodes.join(", "))))
            }
            Self::Down(reason) => Some(("down", reason.clone())),
        }
    }
}

impl Station {
    /// Which of its connections only one node may make.
    pub(crate) fn exclusive(&self) -> u32 {
        self.built().gateway.as_ref().map_or(0, |gateway| gateway.exclusive())
    }

    /// Whether some nodes can send by it and others not.
    pub(crate) fn is_local(&self) -> bool {
        self.built().gateway.as_ref().is_ok_and(|gateway| gateway.is_local())
    }

    /// Whether this node is not among those that can send by it now.
    pub(crate) fn is_of_no_use_here(&self) -> bool {
        let holds_none = self.holds_none();
        match self.lock().standing {
            Standing::Up { .. } => false,
            Standing::Starting => holds_none,
            Standing::Down { .. } => true,
        }
    }

    /// Whether all its connections are for others to make.
    pub(crate) fn holds_none(&self) -> bool {
        let held = self.sharing.as_ref().map_or(u32::MAX, |sharing| sharing.shares.granted());
        let exclusive = self.exclusive();
        exclusive != 0 && held & exclusive == 0
    }

    /// From where its messages leave from now on. Answers whether that is otherwise than before.
    pub(crate) fn leaves_from(&self, remote: Remote) -> bool {
        let Some(sharing) = &self.sharing else { return false };
        let mut state = self.lock();
        if state.remote == remote {
            return false;
        }
        if std::mem::discriminant(&state.remote) != std::mem::discriminant(&remote) {
            // What was known of it was known of another way.
            state.breaker = Breaker::default();
        }
        let is_elsewhere = matches!(&remote, Remote::Nodes(_));
        state.remote = remote;
        drop(state);
        sharing.is_elsewhere.send_if_modified(|was| std::mem::replace(was, is_elsewhere) != is_elsewhere);
        self.ready.notify_one();
        true
    }

    /// The nodes that are given what comes here.
    pub(crate) fn carriers(&self) -> SmallVec<[u8; 4]> {
        match &self.lock().remote {
            Remote::Nodes(nodes) => nodes.clone(),
            Remote::Here | Remote::Down(_) => SmallVec::new(),
        }
    }

    /// That node takes nothing: it is given nothing before it is heard of again.
    pub(crate) fn refuses(&self, node: u8) {
        if let Remote::Nodes(nodes) = &mut self.lock().remote {
            nodes.retain(|other| *other != node);
        }
    }

    /// So many messages that were taken out were given to another node, or not.
    pub(crate) fn carried(&self, messages: usize, are_gone: bool) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(messages as u64);
        if !are_gone {
            state.breaker.probe_lost();
        }
    }

    /// A node that did not send by it does again.
    pub(crate) fn is_well_elsewhere(&self) {
        let mut state = self.lock();
        match state.remote {
            Remote::Here => state.breaker.reconnected(),
            _ => state.breaker = Breaker::default(),
        }
        drop(state);
        self.ready.notify_one();
    }

    /// A node that sends by it says that it fails there; whether it `is_up` on a third one. Answers when to look whether it sends again.
    pub(crate) fn fails_elsewhere(
        &self,
        pause: Duration,
        is_account: bool,
        is_up: bool,
        now: Instant,
    ) -> Option<Instant> {
        let mut state = self.lock();
        match state.remote {
            // The account is the same, the way to the provider another.
            Remote::Here if is_account && state.breaker.is_closed() => state.breaker.pause(now + pause, now),
            Remote::Here if is_account => {}
            Remote::Here => state.breaker.suspect(),
            Remote::Nodes(_) if is_up => {}
            Remote::Nodes(_) | Remote::Down(_) => state.breaker.pause(now + pause, now),
        }
        state.breaker.opens_at()
    }

    /// What other nodes have to know of it.
    pub(crate) fn word(&self, now: Instant, now_ms: i64) -> Word {
        let (is_local, holds_none) = (self.is_local(), self.holds_none());
        let state = self.lock();
        match &state.standing {
            Standing::Up { .. } | Standing::Starting if state.remote == Remote::Here => {
                self.word_of_breaker(&state, is_local, now, now_ms)
            }
            Standing::Down { reason, .. } if is_local && !holds_none => {
                Word::Say(Some(Says::Down { reason: reason.clone() }))
            }
            _ => Word::Say(None),
        }
    }

    fn word_of_breaker(&self, state: &State, is_local: bool, now: Instant, now_ms: i64) -> Word {
        let cause = state.breaker.cause();
        if let Some(until) = state.breaker.opens_at().filter(|_| cause != Cause::Told) {
            let until_ms = now_ms + until.saturating_duration_since(now).as_millis() as i64;
            return Word::Say(Some(Says::Paused { until_ms, is_account: cause == Cause::Account }));
        }
        match &state.standing {
            _ if !state.breaker.is_closed() => Word::AsBefore,
            Standing::Up { .. } if is_local => Word::Say(Some(Says::Up)),
            _ => Word::Say(None),
        }
    }
}

/// What came with a message to another node, of its way so far.
pub(crate) fn pack(routing: &textgate_gateway::Routing, is_test: bool) -> u64 {
    u64::from(routing.tried)
        | u64::from(routing.asked) << 8
        | u64::from(routing.order) << 16
        | u64::from(routing.first) << 32
        | u64::from(routing.round) << 40
        | u64::from(routing.is_worth_another_round) << 56
        | u64::from(is_test) << 57
}

/// The reverse of [`pack`]. Answers whether it is a test.
pub(crate) fn unpack(notes: u64, routing: &mut textgate_gateway::Routing) -> bool {
    routing.tried = notes as u8;
    routing.asked = (notes >> 8) as u8;
    routing.order = (notes >> 16) as u16;
    routing.first = (notes >> 32) as u8;
    routing.round = (notes >> 40) as u16;
    routing.is_worth_another_round = notes >> 56 & 1 == 1;
    notes >> 57 & 1 == 1
}

/// How many connections of a gateway are for this node: as many as for any other, and of what is left one for those who have more than
/// that already, then for each in turn.
pub(crate) fn quota(
    members: &[u8],
    own: u8,
    holds: impl Fn(u8) -> usize,
    connections: usize,
    gateway: GatewayId,
) -> usize {
    let nodes = members.len();
    if nodes == 0 || !members.contains(&own) {
        return 0;
    }
    let (each, left) = (connections / nodes, connections % nodes);
    let mut turns: Vec<(bool, usize, u8)> = members
        .iter()
        .enumerate()
        .map(|(at, node)| (holds(*node) <= each, (at + gateway.0 as usize) % nodes, *node))
        .collect();
    turns.sort_unstable();
    each + usize::from(turns.iter().take(left).any(|(.., node)| *node == own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use textgate_gateway::Routing;
    use textgate_sms::VsId;

    #[test]
    fn what_is_known_of_a_message_comes_along() {
        let now = Instant::now();
        let mut routing = Routing::new(VsId(1), VsId(1), 1, now, 0);
        (routing.tried, routing.asked, routing.order, routing.first) = (0b101, 0b1, u16::MAX, 7);
        (routing.round, routing.is_worth_another_round) = (300, true);
        for is_test in [false, true] {
            let mut there = Routing::new(VsId(1), VsId(1), 1, now, 0);
            assert_eq!(unpack(pack(&routing, is_test), &mut there), is_test);
            let seen = |routing: &Routing| {
                (routing.tried, routing.asked, routing.order, routing.first, routing.round)
            };
            assert_eq!(seen(&there), seen(&routing));
            assert!(there.is_worth_another_round);
        }
    }

    fn quotas(members: &[u8], holds: [usize; 4], connections: usize, gateway: u32) -> Vec<usize> {
        let of =
            |own: &u8| quota(members, *own, |node| holds[node as usize], connections, GatewayId(gateway));
        members.iter().map(of).collect()
    }

    #[test]
    fn connections_are_spread_evenly_and_add_up_to_what_there_are() {
        for gateway in 0..5 {
            for connections in 0..10 {
                for members in [&[0][..], &[1, 2], &[0, 1, 3], &[0, 1, 2, 3]] {
                    for holds in [[0, 0, 0, 0], [connections, 0, 0, 0], [1, 0, 2, 0]] {
                        let quotas = quotas(members, holds, connections, gateway);
                        assert_eq!(quotas.iter().sum::<usize>(), connections);
                        assert!(quotas.iter().all(|quota| quota.abs_diff(connections / members.len()) <= 1));
                    }
                }
            }
        }
        assert_eq!(quota(&[1, 2], 0, |_| 0, 9, GatewayId(1)), 0, "it is not among them");
    }

    #[test]
    fn who_has_the_one_that_is_left_keeps_it_and_of_several_gateways_each_node_gets_some() {
        for gateway in 0..5 {
            assert_eq!(quotas(&[0, 1, 2], [0, 0, 1, 0], 1, gateway), [0, 0, 1]);
            assert_eq!(quotas(&[0, 1], [3, 0, 0, 0], 3, gateway), [2, 1]);
        }
        let firsts: Vec<usize> = (0..3)
            .map(|gateway| quotas(&[0, 1, 2], [0; 4], 1, gateway).iter().position(|q| *q == 1).unwrap())
            .collect();
        assert_eq!(firsts, [0, 2, 1]);
    }
}

//! What several stores in memory share, as several nodes on one database do.

use super::MemoryStore;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use textgate_sms::MessageId;
use textgate_store::*;
use tokio::sync::Notify;

/// The nodes, and what they hold and say.
#[derive(Default)]
pub(crate) struct Company {
    pub(crate) peers: Mutex<Peers>,
    pub(crate) seats: Mutex<Vec<Arc<Seat>>>,
    /// This node is given nothing, whatever it says.
    pub(crate) refuses: Mutex<Option<u8>>,
}

/// One node's part.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) node: u8,
    pub(crate) store: Mutex<Option<Arc<MemoryStore>>>,
    notices: Mutex<VecDeque<Notice>>,
    handed: Mutex<Vec<(MessageId, u64)>>,
    told: Mutex<Vec<(u8, Vec<u8>)>>,
    bell: Notify,
}

impl Seat {
    pub(crate) fn tell(&self, notice: Notice) {
        self.notices.lock().unwrap().push_back(notice);
        self.bell.notify_one();
    }

    pub(crate) async fn notice(&self) -> Notice {
        loop {
            let next = self.notices.lock().unwrap().pop_front();
            match next {
                Some(notice) => return notice,
                None => self.bell.notified().await,
            }
        }
    }

    pub(crate) fn take_handed(&self, store: &MemoryStore) -> Vec<Handed> {
        let messages = store.messages.lock().unwrap();
        let handed = std::mem::take(&mut *self.handed.lock().unwrap());
        handed.into_iter().map(|(id, notes)| Handed { message: messages[&id].clone(), notes }).collect()
    }

    pub(crate) fn take_told(&self) -> Vec<(u8, Vec<u8>)> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

impl Company {
    /// A store for another node of it.
    pub(crate) fn join(self: &Arc<Self>) -> Arc<MemoryStore> {
        let mut seats = self.seats.lock().unwrap();
        let seat = Arc::new(Seat { node: seats.len() as u8, ..Seat::default() });
        let store = Arc::new(MemoryStore::of(Arc::clone(self), Arc::clone(&seat)));
        *seat.store.lock().unwrap() = Some(Arc::clone(&store));
        seats.push(seat);
        store
    }

    /// A node is gone, with all that it held and said.
    pub(crate) fn gone(&self, node: u8) {
        let mut peers = self.peers.lock().unwrap();
        peers.members.retain(|other| *other != node);
        peers.holdings.retain(|holding| holding.node != node);
        peers.words.retain(|word| word.node != node);
        drop(peers);
        self.tell(|_| true, Notice::PeersChanged);
    }

    fn tell(&self, who: impl Fn(u8) -> bool, notice: Notice) {
        self.seats.lock().unwrap().iter().filter(|seat| who(seat.node)).for_each(|seat| seat.tell(notice));
    }

    pub(crate) fn claim(&self, node: u8, claims: Claims) -> Peers {
        let mut peers = self.peers.lock().unwrap();
        let before = peers.clone();
        if !peers.members.contains(&node) {
            peers.members.push(node);
            peers.members.sort_unstable();
        }
        peers
            .holdings
            .retain(|held| held.node != node || !claims.leave.contains(&(held.gateway, held.connection)));
        for (gateway, connection) in claims.take {
            if !peers.holdings.iter().any(|held| (held.gateway, held.connection) == (gateway, connection)) {
                peers.holdings.push(Holding { gateway, connection, node });
            }
        }
        for (gateway, says) in claims.say {
            peers.words.retain(|word| (word.gateway, word.node) != (gateway, node));
            peers.words.extend(says.map(|says| GatewayWord { gateway, node, says }));
        }
        let (now, is_otherwise) = (peers.clone(), *peers != before);
        drop(peers);
        if is_otherwise {
            self.tell(|_| true, Notice::PeersChanged);
        }
        now
    }

    pub(crate) fn hand_over(&self, from: u8, hand_over: HandOver) -> Option<Vec<MessageId>> {
        let HandOver { gateway, to, messages } = hand_over;
        let says = |word: &&GatewayWord| (word.gateway, word.node) == (gateway, to);
        let peers = self.peers.lock().unwrap();
        let can = peers.words.iter().find(says).is_some_and(|word| !matches!(word.says, Says::Down { .. }));
        drop(peers);
        if !can || *self.refuses.lock().unwrap() == Some(to) {
            return None;
        }
        let seats = self.seats.lock().unwrap();
        let seat = |node: u8| Arc::clone(&seats[usize::from(node)]);
        let store = |node: u8| seat(node).store.lock().unwrap().clone().unwrap();
        let mut gone = Vec::new();
        for (id, notes) in messages {
            if let Some(message) = store(from).messages.lock().unwrap().remove(&id) {
                store(to).messages.lock().unwrap().insert(id, message);
                seat(to).handed.lock().unwrap().push((id, notes));
                gone.push(id);
            }
        }
        seat(to).tell(Notice::Handed);
        Some(gone)
    }

    pub(crate) fn tell_peers(&self, node: u8, what: Vec<u8>) {
        for seat in self.seats.lock().unwrap().iter().filter(|seat| seat.node != node) {
            seat.told.lock().unwrap().push((node, what.clone()));
            seat.tell(Notice::Told);
        }
    }
}

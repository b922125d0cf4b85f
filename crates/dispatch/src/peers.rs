//! What this node shares with others: which connections of gateways are whose, and how gateways are elsewhere.
//!
//! Everything is decided from what the store has, by every node in the same way: each holds its share of a gateway's connections, gives up
//! what is more and takes what is free. Nothing is asked again and again: nodes hear when something is otherwise.

use crate::engine::Engine;
use crate::station::{Remote, Station, Word, quota};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use textgate_sms::GatewayId;
use textgate_store::{Claims, GatewayWord, Peers, Says, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Two times that differ by less are one (ms).
const SAME_MS: i64 = 250;
/// A wall clock that is wrong on another node must not pause a gateway here for longer (ms).
const LONGEST_PAUSE_MS: i64 = 30_000;
/// Steps at once: joining, taking what is free, saying how it is.
const MOST_STEPS: usize = 4;

/// What is known of other nodes.
#[derive(Default)]
pub(crate) struct Company {
    /// Something on this node is otherwise.
    changed: Notify,
    /// Connections are held anew, after the right to send had ended.
    resumed: Notify,
    /// The nodes that ran gateways then.
    members: Mutex<Vec<u8>>,
    /// What others said when it was last looked at.
    heard: Mutex<HashMap<(GatewayId, u8), Says>>,
}

impl Company {
    /// Ready when something on this node is otherwise, for others to know or to be decided anew.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Lets go of all connections when the right to send ends: somebody else may take them soon after.
pub(crate) async fn keep_right(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.store.lapsed() => engine.withdraw_all(),
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.company.resumed.notified() => {}
        }
    }
}

impl Engine {
    /// Something is otherwise that other nodes have to know, or that changes what this one holds.
    pub(crate) fn has_changed_for_others(&self) {
        if self.store.is_shared() {
            self.company.changed.notify_one();
        }
    }

    /// Gives up all connections, without waiting for answers.
    pub(crate) fn withdraw_all(&self) {
        for station in self.view.load().stations.values() {
            if let Some(sharing) = &station.sharing {
                sharing.shares.withdraw(u32::MAX, true);
            }
        }
    }

    /// Brings what this node holds, and what it knows and says of gateways, in line with what the store has. Answers whether other
    /// nodes run gateways than before.
    pub(crate) async fn follow_peers(self: &Arc<Self>) -> Result<bool, StoreError> {
        if !self.store.is_shared() || !self.is_running() || self.is_stopping() {
            return Ok(false);
        }
        let mut peers = self.store.peers().await?;
        for _ in 0..MOST_STEPS {
            self.apply(&peers);
            let Some(claims) = self.claims(&peers) else { break };
            peers = self.store.claim(claims).await?;
        }
        let mut members = self.company.members.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::replace(&mut *members, peers.members.clone()) != peers.members)
    }

    /// What is to be taken, left and said; `None`: all is as it should be.
    fn claims(&self, peers: &Peers) -> Option<Claims> {
        let own = self.store.node();
        let is_member = peers.members.contains(&own);
        let view = self.view.load();
        let mut claims = Claims::default();
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let mut said: HashMap<GatewayId, &Says> = peers
            .words
            .iter()
            .filter(|word| word.node == own)
            .map(|word| (word.gateway, &word.says))
            .collect();
        for station in view.stations.values() {
            let before = said.remove(&station.id);
            if let Word::Say(says) = station.word(now, now_ms)
                && !is_same(before, says.as_ref())
            {
                claims.say.push((station.id, says));
            }
            if let Some(sharing) = &station.sharing
                && is_member
            {
                let held = held(peers, station.id);
                let begun = sharing.shares.begun() | sharing.shares.granted();
                let wanted = wanted(peers, own, station, &held);
                for (connection, bit) in bits() {
                    let holder = held.iter().find(|(other, _)| *other == connection).map(|(_, node)| *node);
                    match holder {
                        Some(node) if node == own && (wanted | begun) & bit == 0 => {
                            claims.leave.push((station.id, connection));
                        }
                        None if wanted & bit != 0 => claims.take.push((station.id, connection)),
                        _ => {}
                    }
                }
            }
        }
        // Gateways that are configured no more.
        claims.say.extend(said.into_keys().map(|gateway| (gateway, None)));
        let is_gone = |gateway: &GatewayId| !view.stations.contains_key(gateway);
        let left = peers.holdings.iter().filter(|holding| holding.node == own && is_gone(&holding.gateway));
        claims.leave.extend(left.map(|holding| (holding.gateway, holding.connection)));
        (!is_member || claims != Claims::default()).then_some(claims)
    }

    /// Puts in force what the store has.
    fn apply(self: &Arc<Self>, peers: &Peers) {
        let own = self.store.node();
        self.exchange.has_others(peers.members.iter().any(|node| *node != own));
        let view = self.view.load();
        for station in view.stations.values() {
            let Some(sharing) = &station.sharing else { continue };
            let held = held(peers, station.id);
            let wanted = wanted(peers, own, station, &held);
            let owned = held.iter().filter(|(_, node)| *node == own);
            let owned = owned
                .fold(0, |bits, (connection, _)| bits | 1_u32.checked_shl((*connection).into()).unwrap_or(0));
            sharing.shares.withdraw(!(owned & wanted), false);
            sharing.shares.grant(owned & wanted);
        }
        if !self.store.may_send() {
            return self.withdraw_all();
        }
        self.company.resumed.notify_one();
        let mut is_otherwise = false;
        for station in view.stations.values().filter(|station| station.sharing.is_some()) {
            // Another kind of gateway than it was may send from everywhere.
            let remote = if station.is_local() { remote(peers, own, station) } else { Remote::Here };
            is_otherwise |= station.leaves_from(remote);
        }
        is_otherwise |= self.hear_peers(peers, own);
        if is_otherwise {
            self.look_everywhere();
        }
    }

    /// Heeds what others say that they did not say before. Answers whether something may go another way now.
    fn hear_peers(self: &Arc<Self>, peers: &Peers, own: u8) -> bool {
        let others = peers.words.iter().filter(|word| word.node != own);
        let now: HashMap<(GatewayId, u8), Says> =
            others.map(|word| ((word.gateway, word.node), word.says.clone())).collect();
        let before = std::mem::replace(
            &mut *self.company.heard.lock().unwrap_or_else(PoisonError::into_inner),
            now.clone(),
        );
        let view = self.view.load();
        let mut is_otherwise = false;
        for (key, says) in &now {
            let Some(station) = view.stations.get(&key.0).filter(|_| before.get(key) != Some(says)) else {
                continue;
            };
            is_otherwise = true;
            match says {
                Says::Up => station.is_well_elsewhere(),
                Says::Paused { until_ms, is_account } => {
                    let pause_ms = (until_ms - self.clock.now_ms()).clamp(0, LONGEST_PAUSE_MS);
                    let pause = Duration::from_millis(pause_ms.unsigned_abs());
                    let of_it = |word: &GatewayWord| word.gateway == key.0 && word.node != own;
                    let is_up = peers.words.iter().any(|word| of_it(word) && word.says == Says::Up);
                    if let Some(at) = station.fails_elsewhere(pause, *is_account, is_up, self.clock.now()) {
                        self.agenda.look(at, station.id);
                    }
                }
                Says::Down { .. } => {}
            }
        }
        for (key, says) in &before {
            if !now.contains_key(key)
                && matches!(says, Says::Paused { .. })
                && let Some(station) = view.stations.get(&key.0)
            {
                station.is_well_elsewhere();
                is_otherwise = true;
            }
        }
        is_otherwise
    }
}

/// The connections of a gateway, by number, with a bit for each.
fn bits() -> impl Iterator<Item = (u8, u32)> {
    (0..32).map(|connection| (connection, 1 << connection))
}

/// Who holds which connection of this gateway.
fn held(peers: &Peers, gateway: GatewayId) -> SmallVec<[(u8, u8); 16]> {
    let of_it = peers.holdings.iter().filter(|holding| holding.gateway == gateway);
    of_it.map(|holding| (holding.connection, holding.node)).collect()
}

/// The connections that this node is to have: of those it holds, and of those that are free, as many as are its share.
fn wanted(peers: &Peers, own: u8, station: &Station, held: &[(u8, u8)]) -> u32 {
    let exclusive = station.exclusive();
    let holds = |node: u8| {
        held.iter().filter(|(connection, of)| *of == node && exclusive >> *connection & 1 == 1).count()
    };
    let connections = exclusive.count_ones() as usize;
    let mut left = quota(&peers.members, own, holds, connections, station.id);
    let holder = |connection: u8| held.iter().find(|(other, _)| *other == connection).map(|(_, node)| *node);
    let mut wanted = 0;
    for is_held in [true, false] {
        for (connection, bit) in bits().filter(|(_, bit)| exclusive & bit != 0) {
            let is_right = match holder(connection) {
                Some(node) => is_held && node == own,
                None => !is_held,
            };
            if is_right && left > 0 {
                left -= 1;
                wanted |= bit;
            }
        }
    }
    wanted
}

/// From where messages for this gateway leave, as nodes say.
fn remote(peers: &Peers, own: u8, station: &Station) -> Remote {
    if !station.is_of_no_use_here() {
        return Remote::Here;
    }
    let others = || peers.words.iter().filter(|word| word.gateway == station.id && word.node != own);
    let who = |is_it: fn(&Says) -> bool| -> SmallVec<[u8; 4]> {
        others().filter(|word| is_it(&word.says)).map(|word| word.node).collect()
    };
    let up = who(|says| *says == Says::Up);
    let nodes = if up.is_empty() { who(|says| matches!(says, Says::Paused { .. })) } else { up };
    if !nodes.is_empty() {
        return Remote::Nodes(nodes);
    }
    if !station.holds_none() {
        return Remote::Here;
    }
    let down = others().find_map(|word| match &word.says {
        Says::Down { reason } => Some(reason.clone()),
        _ => None,
    });
    down.map_or(Remote::Nodes(SmallVec::new()), Remote::Down)
}

/// Whether this says what was said before.
fn is_same(before: Option<&Says>, now: Option<&Says>) -> bool {
    match (before, now) {
        (
            Some(Says::Paused { until_ms: one, is_account: is_one }),
            Some(Says::Paused { until_ms: other, is_account: is_other }),
        ) => one.abs_diff(*other) < SAME_MS.unsigned_abs() && is_one == is_other,
        (before, now) => before == now,
    }
}

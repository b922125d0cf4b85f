//! What must hold whenever everything that happens at one moment has happened.

use super::disk::Disk;
use super::schedule::Wellness;
use super::store::ModelStore;
use super::world::{START_MS, State, World};
use crate::engine::Engine;
use crate::station::Station;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use textgate_gateway::Routing;
use textgate_sms::{MessageId, MessageState};

/// A message is finished at most so long after its validity: a gateway's last patience, and the longest pause.
const LATE_MS: i64 = 95_000;
/// So long a message may wait for a gateway that cannot send while another can.
const VAIN_MS: i64 = 3_000;

/// A gateway that failed is asked again after so long.
const LONGEST_PAUSE_MS: i64 = 62_000;

/// Counts every message in memory, and holds it against the disk.
pub(super) fn census(world: &World, engine: &Arc<Engine>, store: &ModelStore, disk: &Disk) {
    let mut places: BTreeMap<MessageId, &'static str> = BTreeMap::new();
    let view = engine.view.load_full();
    let mut state = world.lock();
    let now_ms = state.now_ms();
    let holders: Vec<MessageId> =
        state.truths.iter().filter(|(_, truth)| truth.holder.is_some()).map(|(id, _)| *id).collect();
    for id in holders {
        place(&mut state, &mut places, id, "a gateway's hands");
    }
    let mut stations: Vec<&Arc<Station>> = view.stations.values().collect();
    stations.sort_by_key(|station| station.id);
    for station in stations {
        for (id, _, routing) in station.waits() {
            place(&mut state, &mut places, id, "a lane");
            vain(&mut state, &view, station, id, &routing, now_ms);
        }
    }
    let (retries, scheduled) = engine.agenda.waits();
    retries.into_iter().for_each(|id| place(&mut state, &mut places, id, "the agenda"));
    let unsettled: BTreeSet<MessageId> = store.unsettled().into_iter().collect();
    let scheduled: BTreeSet<MessageId> = scheduled.into_iter().collect();
    for (id, message) in &disk.messages {
        let is_here = places.contains_key(id);
        let name = state.name(*id);
        match message.state {
            _ if unsettled.contains(id) => {}
            MessageState::Accepted if !is_here => {
                state.broken(format!("{name} is lost: accepted, and nowhere"))
            }
            MessageState::Scheduled if !scheduled.contains(id) => {
                state.broken(format!("{name} is lost: scheduled, and not on the agenda"));
            }
            MessageState::Accepted | MessageState::Scheduled => {}
            done if is_here => state.broken(format!("{name} is {done} and in {}", places[id])),
            _ => {}
        }
        if message.state == MessageState::Accepted
            && is_here
            && message.expires_ms + LATE_MS < now_ms + START_MS
        {
            state.broken(format!("{name} is long past its validity, and still in {}", places[id]));
        }
    }
    if unsettled.is_empty() && engine.waiting() != places.len() {
        state.broken(format!("{} are in memory, and {} are counted", places.len(), engine.waiting()));
    }
}

fn place(
    state: &mut State,
    places: &mut BTreeMap<MessageId, &'static str>,
    id: MessageId,
    here: &'static str,
) {
    if let Some(there) = places.insert(id, here) {
        let name = state.name(id);
        state.broken(format!("{name} is in {there} and in {here}"));
    }
}

/// Whether a message waits for a gateway that cannot send, while one that did not refuse it can.
fn vain(state: &mut State, view: &View, here: &Station, id: MessageId, routing: &Routing, now_ms: i64) {
    let is_down = |station: &Station| station.status().reason.is_some();
    let is_closed = |station: &Station| station.status().breaker == "closed";
    let route = view.route(routing.gateways_of).filter(|route| route.gateways_of == routing.gateways_of);
    let slots = &state.slots;
    // By its provider: one that is up takes what its room is for.
    let takes = |station: &Station| {
        let slot = station.built().settings["slot"].as_u64().map(|slot| &slots[slot as usize]);
        slot.is_some_and(|slot| slot.room > 0 && slot.wellness == Wellness::Up)
    };
    let can_send = |station: &Station| {
        let status = station.status();
        status.health == "up" && status.waiting == [0, 0, 0] && status.in_flight == 0 && takes(station)
    };
    // A probe that waits for a gateway without room is a probe all the same.
    let is_stuck = is_down(here) || !is_closed(here) && takes(here);
    let Some(truth) = state.truths.get_mut(&id) else { return };
    let better = route.and_then(|route| {
        let others = route.stations.iter().filter(|other| other.id != here.id);
        let was_asked = |s: &Station| {
            truth.asked.get(&s.id).is_some_and(|(at_ms, is_no)| *is_no || at_ms + LONGEST_PAUSE_MS > now_ms)
        };
        others.into_iter().find(|s| can_send(s) && is_closed(s) && !was_asked(s))
    });
    let Some(better) = better.filter(|_| is_stuck) else {
        truth.vain_since_ms = None;
        return;
    };
    let since_ms = *truth.vain_since_ms.get_or_insert(now_ms);
    if now_ms - since_ms > VAIN_MS {
        let tag = truth.tag;
        state.broken(format!(
            "#{tag} waits for gateway {} in vain since {since_ms} ms, while {} could send it",
            here.id, better.id
        ));
    }
}

/// What must hold of the books at the end.
pub(super) fn books(world: &World, disk: &Disk) {
    let mut used = BTreeMap::new();
    for (id, payers) in &disk.charged {
        for payer in payers.iter().filter(|_| !disk.refunded.contains(id)) {
            *used.entry(*payer).or_insert(0) += u64::from(disk.messages[id].segments);
        }
    }
    let mut state = world.lock();
    for (vs, credits) in &disk.credits {
        let counted = used.get(vs).copied().unwrap_or(0);
        if credits.used != counted {
            state.broken(format!(
                "virtual server {vs} has used {}, and {counted} by its messages",
                credits.used
            ));
        }
    }
    let truths: Vec<MessageId> = state.truths.keys().copied().collect();
    for id in truths {
        let truth = &state.truths[&id];
        let (tag, times, excuses) = (truth.tag, truth.times_taken, truth.excuses);
        let is_answered = truth.is_answered;
        if times > 1 + excuses {
            state.broken(format!("#{tag} was taken {times} times, and {excuses} were excused"));
        }
        if is_answered && disk.messages.get(&id).is_none_or(|message| message.state.is_unfinished()) {
            state.broken(format!("#{tag} was accepted and has no end"));
        }
    }
}

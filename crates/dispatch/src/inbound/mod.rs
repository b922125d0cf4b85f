//! What phones send: kept before whoever brought it is answered, put together where it came in parts, given to the virtual server
//! that it is for, and then heard by all who have to hear of it.
//!
//! Everything between is found again in the store: parts wait there, and a message is unheard there until it was heard. One task
//! ([`keep`]) goes through what is unheard, in order, so that a start after a crash is the same as any other look.

mod front;
mod heard;
mod keep;
mod kept;
mod rules;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use keep::keep;
pub(crate) use rules::InboundRules;
pub use words::{InboundPage, InboundRule, InboundView};

use crate::carried_through::CarriedThrough;
use crate::engine::Engine;
use crate::station::Station;
use crate::view::View;
use kept::{Kept, KeptPart};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use textgate_gateway::{Inbound, InboundPart};
use textgate_sms::{GatewayId, MessageId, VsId};
use textgate_store::{InboundPartRecord, InboundParts, InboundRecord, Purpose, StoreError};
use tokio::sync::Notify;

/// Most characters that are kept of an address, and of a text: more than 255 segments hold.
const MOST_ADDRESS: usize = 64;
const MOST_TEXT: usize = 65_536;
/// Most units that are kept of one part: twice what a segment holds.
const MOST_UNITS: usize = 320;

/// What messages of phones need in memory.
#[derive(Default)]
pub(crate) struct Inbox {
    /// Something is to be looked at.
    woken: Notify,
    /// Parts have waited long enough, or were not put together.
    are_parts_due: AtomicBool,
    /// Somebody is on the agenda for when parts have waited long enough.
    is_rung: AtomicBool,
}

impl Engine {
    /// Keeps what a phone sent. It is on its way to the store when this returns, and on disk when the future is ready.
    pub(crate) fn arrived(
        self: &Arc<Self>,
        station: &Station,
        inbound: Inbound,
    ) -> CarriedThrough<Result<(), StoreError>> {
        let at_ms = self.clock.now_ms();
        let id = self.ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next(at_ms);
        let engine = Arc::clone(self);
        let Inbound { from, to, text, part, id: key } = inbound;
        let (from, to, text) = (cut(from, MOST_ADDRESS), cut(to, MOST_ADDRESS), cut(text, MOST_TEXT));
        let _held = self.sealer.hold();
        match part {
            Some(part) if part.total > 1 => {
                let record = self.part_record(id, at_ms, station, from, to, text, part);
                let kept = self.store.record_inbound_part(record);
                CarriedThrough::new(async move {
                    let ripe = kept.await?;
                    engine.metrics.inbound_parts.inc();
                    if ripe.is_empty() {
                        engine.wait_for_parts(at_ms);
                    } else if let Err(error) = engine.put_together(ripe).await {
                        // The part is kept, and whoever brought it need not know.
                        tracing::warn!(%error, "a message of a phone could not be put together yet");
                        engine.look_at_inbound_again();
                    }
                    Ok(())
                })
            }
            _ => {
                let kept = Kept { from, to, text, parts: 1, missing: 0 };
                let record = InboundRecord {
                    key: key.map(|key| self.provider_key(station, &key)),
                    ..self.inbound_record(id, at_ms, station.id, station.vs, &kept)
                };
                let kept = self.store.record_inbound(vec![record]);
                CarriedThrough::new(async move {
                    let new = kept.await?;
                    engine.count_inbound(&new);
                    Ok(())
                })
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all of a part")]
    fn part_record(
        &self,
        id: MessageId,
        at_ms: i64,
        station: &Station,
        from: String,
        to: String,
        text: String,
        part: InboundPart,
    ) -> InboundPartRecord {
        let InboundPart { reference, total, number, mut units } = part;
        if let Some((_, units)) = &mut units {
            units.truncate(MOST_UNITS);
        }
        let group = self.sealer.digest(&[
            b"inbound parts",
            &station.id.0.to_be_bytes(),
            from.as_bytes(),
            to.as_bytes(),
            &reference.to_be_bytes(),
            &[total],
        ]);
        let kept = KeptPart::new(from, to, text, units);
        let plain = kept.to_json();
        InboundPartRecord {
            id,
            gateway: station.id,
            at_ms,
            group,
            number,
            total,
            digest: self.sealer.digest(&[b"inbound part", plain.as_bytes()]),
            sealed: self.sealer.seal(Purpose::Inbound, u64::from(station.id.0), plain.as_bytes()),
        }
    }

    fn inbound_record(
        &self,
        id: MessageId,
        at_ms: i64,
        gateway: GatewayId,
        gateways_of: VsId,
        kept: &Kept,
    ) -> InboundRecord {
        InboundRecord {
            id,
            vs: whose(&self.view.load(), gateways_of, kept),
            gateway,
            at_ms,
            phone: self.inbound_phone(&kept.from),
            key: None,
            sealed: self.sealer.seal(Purpose::Inbound, u64::from(gateway.0), kept.to_json().as_bytes()),
        }
    }

    /// Puts messages together, and keeps them whole. Done again, it changes nothing.
    async fn put_together(&self, ripe: Vec<InboundParts>) -> Result<(), StoreError> {
        if ripe.is_empty() {
            return Ok(());
        }
        let (kept, missing) = {
            let view = self.view.load_full();
            let _held = self.sealer.hold();
            let mut missing = Vec::with_capacity(ripe.len());
            let records = ripe
                .iter()
                .map(|of| {
                    let kept = self.joined(of);
                    missing.push(kept.missing);
                    // A gateway that was removed meanwhile was somebody's who is not known any more.
                    let gateways_of = view.stations.get(&of.gateway).map_or(VsId::ROOT, |station| station.vs);
                    self.inbound_record(of.id, of.at_ms, of.gateway, gateways_of, &kept)
                })
                .collect();
            (self.store.record_inbound(records), missing)
        };
        let new = kept.await?;
        let incomplete = new.iter().zip(missing).filter(|(is_new, missing)| **is_new && *missing > 0).count();
        self.metrics.inbound_incomplete.inc_by(incomplete as u64);
        self.count_inbound(&new);
        Ok(())
    }

    fn joined(&self, of: &InboundParts) -> Kept {
        let owner = u64::from(of.gateway.0);
        let open = |(number, sealed): &(u8, Vec<u8>)| {
            let plain = self.sealer.unseal(Purpose::Inbound, owner, sealed).ok();
            let part = plain.and_then(|plain| KeptPart::from_json(&plain));
            if part.is_none() {
                tracing::error!(message = %of.id, "a part of a message of a phone cannot be decrypted; it is left out");
            }
            Some((*number, part?))
        };
        kept::join(of.total, of.parts.iter().filter_map(open).collect())
    }

    /// Counts what was kept, and has it heard.
    fn count_inbound(&self, new: &[bool]) {
        let count = new.iter().filter(|is_new| **is_new).count();
        self.metrics.inbound.inc_by(count as u64);
        self.metrics.inbound_repeated.inc_by((new.len() - count) as u64);
        if count > 0 {
            self.inbox.woken.notify_one();
        }
    }

    /// What finds all messages of one phone.
    pub(crate) fn inbound_phone(&self, from: &str) -> [u8; 16] {
        self.sealer.digest(&[b"inbound phone", rules::address(from).as_bytes()])
    }

    fn provider_key(&self, station: &Station, key: &str) -> [u8; 16] {
        self.sealer.digest(&[b"inbound id", &station.id.0.to_be_bytes(), key.as_bytes()])
    }

    fn wait_for_parts(&self, came_ms: i64) {
        if !self.inbox.is_rung.swap(true, Ordering::AcqRel) {
            self.agenda.ring(came_ms + keep::WAIT_MS + 1, crate::agenda::Alarm::Inbound);
        }
    }
}

/// Whose a message is that came by gateways of this virtual server: the rules say so, and those of whoever they give it to go on from
/// there, always further down. What no rule fits stays.
fn whose(view: &View, gateways_of: VsId, kept: &Kept) -> VsId {
    let (to, keyword) = (rules::address(&kept.to), rules::first_word(&kept.text));
    let mut vs = gateways_of;
    while let Some(rules) = view.inbound_rules(vs)
        && let Some(given_to) = rules.find(&to, &keyword)
        && given_to != vs
        && view.is_within(given_to, vs)
    {
        vs = given_to;
    }
    vs
}

fn cut(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
    text
}

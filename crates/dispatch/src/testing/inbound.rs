//! What phones sent, in memory: enough for this room's own decisions. How parts come together for sure is the real stores' business.

use std::collections::BTreeMap;
use textgate_sms::{MessageId, VsId};
use textgate_store::*;

#[derive(Default)]
pub(crate) struct Inbound {
    messages: BTreeMap<MessageId, (InboundRecord, bool)>,
    /// Each with the message that it makes, once nothing is waited for.
    parts: Vec<(InboundPartRecord, Option<MessageId>)>,
}

fn stored(record: &InboundRecord) -> StoredInbound {
    let InboundRecord { id, vs, gateway, at_ms, sealed, .. } = record.clone();
    StoredInbound { id, vs, gateway, at_ms, sealed }
}

impl Inbound {
    pub(crate) fn record(&mut self, inbound: Vec<InboundRecord>) -> Vec<bool> {
        let mut keep = |record: InboundRecord| {
            self.parts.retain(|(_, makes)| *makes != Some(record.id));
            let is_there = self.messages.contains_key(&record.id)
                || record.key.is_some() && self.messages.values().any(|(there, _)| there.key == record.key);
            if !is_there {
                self.messages.insert(record.id, (record, false));
            }
            !is_there
        };
        inbound.into_iter().map(&mut keep).collect()
    }

    pub(crate) fn record_part(&mut self, part: InboundPartRecord) -> Vec<InboundParts> {
        let group = part.group;
        let is_there = |(one, makes): &(InboundPartRecord, Option<MessageId>)| {
            makes.is_none() && (one.group, one.number) == (group, part.number)
        };
        let total = usize::from(part.total);
        if !self.parts.iter().any(is_there) {
            self.parts.push((part, None));
        }
        let waiting = self.parts.iter().filter(|(one, makes)| makes.is_none() && one.group == group);
        if waiting.count() < total { Vec::new() } else { self.ripen(group).into_iter().collect() }
    }

    fn ripen(&mut self, group: [u8; 16]) -> Option<InboundParts> {
        let mut own: Vec<_> =
            self.parts.iter_mut().filter(|(one, makes)| makes.is_none() && one.group == group).collect();
        let id = own.iter().map(|(one, _)| one.id).min()?;
        own.iter_mut().for_each(|(_, makes)| *makes = Some(id));
        self.made(id)
    }

    fn made(&self, id: MessageId) -> Option<InboundParts> {
        let mut own: Vec<&InboundPartRecord> =
            self.parts.iter().filter(|(_, makes)| *makes == Some(id)).map(|(one, _)| one).collect();
        own.sort_by_key(|one| one.number);
        let first = own.first()?;
        let (gateway, total) = (first.gateway, first.total);
        let at_ms = own.iter().map(|one| one.at_ms).max()?;
        let parts = own.iter().map(|one| (one.number, one.sealed.clone())).collect();
        Some(InboundParts { id, gateway, at_ms, total, parts })
    }

    pub(crate) fn ripe(&mut self, before_ms: i64) -> RipeInbound {
        let late: Vec<[u8; 16]> = self
            .parts
            .iter()
            .filter(|(one, makes)| makes.is_none() && one.at_ms < before_ms)
            .map(|(one, _)| one.group)
            .collect();
        for group in late {
            self.ripen(group);
        }
        let mut ids: Vec<MessageId> = self.parts.iter().filter_map(|(_, makes)| *makes).collect();
        ids.sort();
        ids.dedup();
        let waiting = self.parts.iter().filter(|(_, makes)| makes.is_none());
        RipeInbound {
            ripe: ids.into_iter().filter_map(|id| self.made(id)).collect(),
            oldest_ms: waiting.map(|(one, _)| one.at_ms).min(),
        }
    }

    pub(crate) fn unheard(&self, limit: usize) -> Vec<StoredInbound> {
        let unheard = self.messages.values().filter(|(_, is_heard)| !is_heard);
        unheard.take(limit).map(|(record, _)| stored(record)).collect()
    }

    pub(crate) fn heard(&mut self, ids: &[MessageId]) {
        for id in ids {
            if let Some((_, is_heard)) = self.messages.get_mut(id) {
                *is_heard = true;
            }
        }
    }

    pub(crate) fn list(
        &self,
        vs: VsId,
        filter: InboundFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Vec<StoredInbound> {
        let fits = |record: &&InboundRecord| {
            record.vs == vs
                && filter.phone.is_none_or(|phone| phone == record.phone)
                && before.is_none_or(|before| record.id < before)
        };
        let records = self.messages.values().rev().map(|(record, _)| record);
        records.filter(fits).take(limit).map(stored).collect()
    }

    pub(crate) fn one(&self, vs: VsId, id: MessageId) -> Option<StoredInbound> {
        self.messages.get(&id).filter(|(record, _)| record.vs == vs).map(|(record, _)| stored(record))
    }
}

//! What is on disk in a run: the store's rules (credits, idempotency, states, receipts) in their plainest form, and the checks of
//! what the engine asks of it.

use super::world::World;
use crate::testing::passcodes::{self, Passcodes};
use std::collections::{BTreeMap, BTreeSet};
use textgate_sms::{GatewayId, MessageId, MessageState, ReceiptState, VsId};
use textgate_store::*;

/// What survives a crash.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) messages: BTreeMap<MessageId, StoredMessage>,
    pub(super) passcodes: Passcodes,
    pub(super) charged: BTreeMap<MessageId, Vec<VsId>>,
    pub(super) refunded: BTreeSet<MessageId>,
    pub(super) credits: BTreeMap<VsId, Credits>,
    pub(super) directory: Directory,
    pub(super) keys: BTreeMap<[u8; 16], ([u8; 16], MessageId)>,
    pub(super) receipt_ids: BTreeMap<(GatewayId, Box<str>), MessageId>,
    pub(super) early: Vec<ReceiptRecord>,
}

impl Disk {
    pub(super) fn accept(&mut self, world: &World, new: &[NewMessage]) -> Vec<Accepted> {
        new.iter().map(|message| self.accept_one(world, message)).collect()
    }

    fn accept_one(&mut self, world: &World, m: &NewMessage) -> Accepted {
        if let Some(key) = &m.idempotency
            && let Some((request, id)) = self.keys.get(&key.key)
        {
            if *request != key.request {
                return Accepted::IdempotencyConflict;
            }
            let before = &self.messages[id];
            let (state, segments, encoding) = (before.state, before.segments, before.encoding.clone());
            return Accepted::Duplicate { id: *id, state, segments, encoding };
        }
        if !self.passcodes.allow(m) {
            return Accepted::NotAgain;
        }
        for payer in &m.payers {
            let remaining = self.credits.entry(*payer).or_default().remaining();
            if remaining < u64::from(m.segments) {
                return Accepted::NoCredits { payer: *payer, remaining };
            }
        }
        for payer in &m.payers {
            self.credits.entry(*payer).or_default().used += u64::from(m.segments);
        }
        if self.messages.contains_key(&m.id) {
            world.broken(format!("the id {} is used twice", m.id));
        }
        let state = if m.due_ms.is_some() { MessageState::Scheduled } else { MessageState::Accepted };
        let stored = StoredMessage {
            id: m.id,
            vs: m.vs,
            to: m.to,
            kind: m.kind,
            state,
            sealed_text: Some(m.sealed_text.clone()),
            sender: m.sender.clone(),
            flash: m.flash,
            overwrite: m.overwrite,
            reference: m.reference.clone(),
            segments: m.segments,
            encoding: m.encoding.clone().into_owned(),
            due_ms: m.due_ms,
            expires_ms: m.expires_ms,
            changed_ms: 0,
            payers: m.payers.clone(),
            resend_of: m.resend_of,
            events: Vec::new(),
        };
        self.messages.insert(m.id, stored);
        self.passcodes.take(m);
        self.charged.insert(m.id, m.payers.to_vec());
        if let Some(key) = &m.idempotency {
            self.keys.insert(key.key, (key.request, m.id));
        }
        let tag = m.reference.as_deref().and_then(|tag| tag.parse().ok()).unwrap_or_default();
        let mut state = world.lock();
        let truth = state.truths.entry(m.id).or_default();
        (truth.tag, truth.expires_ms) = (tag, m.expires_ms);
        state.by_tag.insert(tag, m.id);
        state.note(|| format!("on disk: #{tag} accepted, {} segments, paid by {:?}", m.segments, m.payers));
        Accepted::New
    }

    pub(super) fn record(&mut self, world: &World, finished: &[Finished]) -> Vec<Matched> {
        let mut matched = Vec::new();
        for one in finished {
            let Some(message) = self.messages.get_mut(&one.id) else {
                // A passcode whose commit failed has gone; its caller was told to come again.
                if !world.lock().truths.get(&one.id).is_some_and(|truth| truth.is_early) {
                    world.broken(format!("an outcome of {}, which was never accepted", one.id));
                }
                continue;
            };
            message.events.extend(one.attempt.clone());
            let (vs, to) = (message.vs, Some(message.to));
            if let Some(transition) = &one.transition {
                self.change(world, one.id, transition);
            }
            if let Some(Event::Attempt { gateway, .. }) = &one.attempt {
                for id in &one.receipt_ids {
                    self.receipt_ids.insert((*gateway, id.clone()), one.id);
                    let is_its = |r: &ReceiptRecord| r.gateway == *gateway && r.candidates.contains(id);
                    let (early, rest) = std::mem::take(&mut self.early).into_iter().partition(is_its);
                    self.early = rest;
                    let early: Vec<ReceiptRecord> = early;
                    for receipt in early {
                        let changed_to = self.apply(world, one.id, &receipt);
                        matched.push(Matched {
                            id: one.id,
                            vs,
                            to,
                            gateway: GatewayId(0),
                            changed_to,
                            since_sent_ms: None,
                        });
                    }
                }
            }
        }
        matched
    }

    /// A change of state that the engine asks for, against the rules of the state machine and of refunds.
    fn change(&mut self, world: &World, id: MessageId, transition: &Transition) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        let mut state = world.lock();
        let name = state.name(id);
        let (from, to) = (message.state, transition.to);
        if from != MessageState::Accepted || to.is_unfinished() {
            state.broken(format!("{name} goes from {from} to {to}"));
            return;
        }
        if let Some(truth) = state.truths.get(&id) {
            let (is_taken, is_murky) = (truth.is_possibly_taken, truth.is_murky);
            if transition.refund && (is_taken || to == MessageState::Sent) {
                state.broken(format!("{name} is refunded as {to}, and may have been sent"));
            }
            if !transition.refund && !is_taken && !is_murky {
                state.broken(format!("{name} is {to} and not refunded, though nobody took it"));
            }
        }
        state.note(|| format!("on disk: {name} {to} ({}){}", transition.reason, refunded(transition.refund)));
        drop(state);
        self.finish(id, transition.to, transition.refund);
    }

    fn finish(&mut self, id: MessageId, to: MessageState, refund: bool) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.state = to;
        message.events.push(Event::State { at_ms: 0, to, reason: "".into() });
        if refund && self.refunded.insert(id) {
            for payer in &std::mem::take(&mut message.payers) {
                let credits = self.credits.entry(*payer).or_default();
                credits.used = credits.used.saturating_sub(u64::from(message.segments));
            }
        }
    }

    pub(super) fn cancel(&mut self, world: &World, vs: VsId, id: MessageId) -> Option<(MessageState, bool)> {
        let message = self.messages.get(&id).filter(|message| message.vs == vs)?;
        if !message.state.is_unfinished() {
            return Some((message.state, false));
        }
        // As the contract of the store has it: nothing goes back for what may have been sent.
        let refund = !message.events.iter().any(is_possibly_taken);
        let mut state = world.lock();
        let name = state.name(id);
        if let Some(holder) = state.truths.get(&id).and_then(|truth| truth.holder) {
            state.broken(format!("{name} is cancelled while gateway {holder} has it"));
        }
        if let Some(truth) = state.truths.get_mut(&id) {
            truth.is_cancelled = true;
        }
        state.note(|| format!("on disk: {name} cancelled{}", refunded(refund)));
        drop(state);
        self.finish(id, MessageState::Cancelled, refund);
        Some((MessageState::Cancelled, true))
    }

    pub(super) fn release(&mut self, world: &World, ids: &[MessageId]) -> Vec<StoredMessage> {
        let mut released = Vec::new();
        for id in ids {
            if let Some(message) = self.messages.get_mut(id)
                && message.state == MessageState::Scheduled
            {
                message.state = MessageState::Accepted;
                world.note(|| format!("on disk: {id} released"));
                released.push(message.clone());
            }
        }
        released
    }

    pub(super) fn receipts(&mut self, world: &World, receipts: &[ReceiptRecord]) -> Vec<Option<Matched>> {
        let one = |receipt: &ReceiptRecord| {
            let found = receipt.candidates.iter().find_map(|id| {
                let key = (receipt.gateway, id.clone());
                self.receipt_ids.get(&key).copied()
            });
            let Some(id) = found else {
                self.early.push(receipt.clone());
                return None;
            };
            let changed_to = self.apply(world, id, receipt);
            let message = &self.messages[&id];
            let (vs, to, gateway) = (message.vs, Some(message.to), receipt.gateway);
            Some(Matched { id, vs, to, gateway, changed_to, since_sent_ms: None })
        };
        receipts.iter().map(one).collect()
    }

    fn apply(&mut self, world: &World, id: MessageId, receipt: &ReceiptRecord) -> Option<MessageState> {
        let message = self.messages.get_mut(&id)?;
        if message.state != MessageState::Sent {
            return None;
        }
        let to = match receipt.state {
            ReceiptState::Pending => return None,
            ReceiptState::Delivered => MessageState::Delivered,
            _ => MessageState::Undelivered,
        };
        message.state = to;
        let name = world.lock().name(id);
        world.note(|| format!("on disk: {name} {to}"));
        Some(to)
    }

    /// Understands what a run changes: settings with their gateways, and allocations.
    pub(super) fn change_directory(&mut self, changes: Vec<Change>) -> Directory {
        let directory = &mut self.directory;
        for change in changes {
            passcodes::change(directory, &change);
            match change {
                Change::PutSmsSettings { vs, settings, gateways, .. } => {
                    directory.sms_settings.retain(|(of, _)| *of != vs);
                    directory.sms_settings.push((vs, settings));
                    directory.gateways.retain(|gateway| gateway.vs != vs);
                    for (position, new) in (0_u32..).zip(gateways) {
                        directory.next_gateway = directory.next_gateway.max(new.id.0 + 1);
                        directory.gateways.push(GatewayRecord {
                            id: new.id,
                            vs,
                            position,
                            name: new.name,
                            plugin: new.plugin,
                            sealed_settings: new.sealed_settings,
                        });
                    }
                }
                Change::Allocate { vs, allocation: Allocation::Add(more), .. } => {
                    let credits = self.credits.entry(vs).or_default();
                    credits.allocated = credits.allocated.saturating_add_signed(more).max(credits.used);
                }
                _ => {}
            }
        }
        directory.version += 1;
        directory.clone()
    }
}

/// Whether the time line itself says that somebody may have it.
pub(super) fn is_possibly_taken(event: &Event) -> bool {
    match event {
        Event::Attempt { class, provider_ids, .. } => {
            *class == textgate_sms::OutcomeClass::Uncertain || !provider_ids.is_empty()
        }
        _ => false,
    }
}

fn refunded(is_refunded: bool) -> &'static str {
    if is_refunded { ", refunded" } else { "" }
}

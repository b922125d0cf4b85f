//! A store in memory that answers at once, so that tests of the room can hold the clock. It keeps what this room's own
//! decisions need, and none of the promises of a real store, which has its own contract test.

use super::company::{Company, Seat};
use super::inbound::Inbound;
use super::opt_outs::OptOutTables;
use super::passcodes::{self, Passcodes};
use futures_util::future::{BoxFuture, pending};
use std::collections::BTreeMap;
use std::future::ready;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use textgate_sms::{AlertState, Kind, MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::*;

/// What an Idempotency-Key stands for: a request, and the message it made.
type Kept = ([u8; 16], MessageId);

#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) messages: Mutex<BTreeMap<MessageId, StoredMessage>>,
    pub(crate) passcodes: Mutex<Passcodes>,
    keys: Mutex<BTreeMap<[u8; 16], Kept>>,
    pub(crate) refunds: Mutex<Vec<MessageId>>,
    pub(crate) directory: Mutex<Directory>,
    pub(crate) figures: Mutex<Vec<Tally>>,
    pub(crate) guard_blocks: Mutex<Vec<GuardBlock>>,
    pub(crate) notes: Mutex<Vec<AuditNote>>,
    pub(crate) alerts: Mutex<BTreeMap<MessageId, AlertRecord>>,
    pub(crate) opt_outs: Mutex<OptOutTables>,
    pub(crate) credits: Mutex<Vec<(VsId, Credits)>>,
    pub(crate) inbound: Mutex<Inbound>,
    pub(crate) room: Mutex<Option<(u64, u64)>>,
    /// While set, nothing can be written.
    pub(crate) is_full: Mutex<bool>,
    /// How long the answer about one message, to its cancel, or that outcomes are written is on its way. Done is what is asked at once.
    pub(crate) answers_after: Mutex<Duration>,
    /// Other nodes, where there are any, and this one's place among them.
    pub(crate) company: Option<(Arc<Company>, Arc<Seat>)>,
}

fn answer<'a, T: Send + 'a>(value: Result<T, StoreError>) -> Answer<'a, T> {
    Box::pin(ready(value))
}

impl MemoryStore {
    /// One node's.
    pub(super) fn of(company: Arc<Company>, seat: Arc<Seat>) -> Self {
        Self { company: Some((company, seat)), ..Self::default() }
    }

    fn later<T: Send + 'static>(&self, value: Result<T, StoreError>) -> Answer<'static, T> {
        let after = *self.answers_after.lock().unwrap();
        Box::pin(async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            value
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        if *self.is_full.lock().unwrap() { Err(StoreError::Unavailable("full".into())) } else { Ok(()) }
    }

    /// One message's states after acceptance, in order.
    pub(crate) fn states(&self, id: MessageId) -> Vec<MessageState> {
        let messages = self.messages.lock().unwrap();
        let state = |event: &Event| match event {
            Event::State { to, .. } => Some(*to),
            _ => None,
        };
        messages[&id].events.iter().filter_map(state).collect()
    }

    /// Its attempts: gateway and class.
    pub(crate) fn attempts(&self, id: MessageId) -> Vec<(u32, textgate_sms::OutcomeClass)> {
        let messages = self.messages.lock().unwrap();
        let attempt = |event: &Event| match event {
            Event::Attempt { gateway, class, .. } => Some((gateway.0, *class)),
            _ => None,
        };
        messages[&id].events.iter().filter_map(attempt).collect()
    }
}

impl Store for MemoryStore {
    fn accept(&self, new: Vec<NewMessage>) -> Answer<'_, Vec<Accepted>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        let mut messages = self.messages.lock().unwrap();
        let mut answers = Vec::new();
        for m in new {
            if let Some(Idempotency { key, request }) = m.idempotency {
                let mut keys = self.keys.lock().unwrap();
                match keys.get(&key) {
                    Some((other, _)) if *other != request => {
                        answers.push(Accepted::IdempotencyConflict);
                        continue;
                    }
                    Some((_, id)) => {
                        let StoredMessage { state, segments, ref encoding, .. } = messages[id];
                        let encoding = encoding.clone();
                        answers.push(Accepted::Duplicate { id: *id, state, segments, encoding });
                        continue;
                    }
                    None => drop(keys.insert(key, (request, m.id))),
                }
            }
            let mut passcodes = self.passcodes.lock().unwrap();
            if !passcodes.allow(&m) {
                answers.push(Accepted::NotAgain);
                continue;
            }
            passcodes.take(&m);
            let mut events = Vec::new();
            if let Some(PasscodeStep::Again(again)) = m.passcode.as_deref() {
                let note = |to, reason: &str| Event::State {
                    at_ms: again.at_ms,
                    to,
                    reason: reason.to_owned().into(),
                };
                events.push(note(MessageState::Accepted, &again.reason));
                if let Some((before, reason)) = &again.before
                    && let Some(before) = messages.get_mut(before)
                {
                    before.events.push(note(before.state, reason));
                }
            }
            let state = if m.due_ms.is_some() { MessageState::Scheduled } else { MessageState::Accepted };
            let stored = StoredMessage {
                id: m.id,
                vs: m.vs,
                to: m.to,
                kind: m.kind,
                state,
                sealed_text: Some(m.sealed_text),
                sender: m.sender,
                flash: m.flash,
                overwrite: m.overwrite,
                reference: m.reference,
                segments: m.segments,
                encoding: m.encoding.into_owned(),
                due_ms: m.due_ms,
                expires_ms: m.expires_ms,
                changed_ms: 0,
                payers: m.payers,
                resend_of: m.resend_of,
                events,
            };
            messages.insert(m.id, stored);
            answers.push(Accepted::New);
        }
        answer(Ok(answers))
    }

    fn record(&self, finished: Vec<Finished>) -> Answer<'static, Vec<Matched>> {
        let mut messages = self.messages.lock().unwrap();
        for one in finished {
            let Some(message) = messages.get_mut(&one.id) else { continue };
            message.events.extend(one.attempt);
            let Some(transition) = one.transition.filter(|_| message.state.is_unfinished()) else { continue };
            message.state = transition.to;
            let (at_ms, to, reason) = (transition.at_ms, transition.to, transition.reason);
            message.events.push(Event::State { at_ms, to, reason });
            if transition.erase_text {
                message.sealed_text = None;
            }
            if transition.refund {
                self.refunds.lock().unwrap().push(one.id);
            }
        }
        self.later(Ok(Vec::new()))
    }

    fn record_receipts(&self, receipts: Vec<ReceiptRecord>) -> Answer<'_, Vec<Option<Matched>>> {
        answer(Ok(receipts.iter().map(|_| None).collect()))
    }

    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'static, Vec<bool>> {
        answer(self.check().map(|()| self.inbound.lock().unwrap().record(inbound)))
    }

    fn record_inbound_part(&self, part: InboundPartRecord) -> Answer<'static, Vec<InboundParts>> {
        answer(self.check().map(|()| self.inbound.lock().unwrap().record_part(part)))
    }

    fn ripe_inbound(&self, came_before_ms: i64, _: usize) -> Answer<'_, RipeInbound> {
        answer(self.check().map(|()| self.inbound.lock().unwrap().ripe(came_before_ms)))
    }

    fn unheard_inbound(&self, _: i64, limit: usize) -> Answer<'_, Vec<StoredInbound>> {
        answer(self.check().map(|()| self.inbound.lock().unwrap().unheard(limit)))
    }

    fn inbound_heard(&self, ids: Vec<MessageId>) -> Answer<'static, ()> {
        answer(self.check().map(|()| self.inbound.lock().unwrap().heard(&ids)))
    }

    fn inbound(
        &self,
        vs: VsId,
        filter: InboundFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<StoredInbound>> {
        answer(Ok(self.inbound.lock().unwrap().list(vs, filter, before, limit)))
    }

    fn inbound_message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredInbound>> {
        answer(Ok(self.inbound.lock().unwrap().one(vs, id)))
    }

    fn cancel(&self, _: VsId, id: MessageId, at_ms: i64) -> Answer<'_, Option<(MessageState, bool)>> {
        if let Err(error) = self.check() {
            return self.later(Err(error));
        }
        let mut messages = self.messages.lock().unwrap();
        let cancelled = messages.get_mut(&id).map(|message| {
            let is_changed = message.state.is_unfinished();
            if is_changed {
                message.state = MessageState::Cancelled;
                let to = MessageState::Cancelled;
                message.events.push(Event::State { at_ms, to, reason: "".into() });
            }
            (message.state, is_changed)
        });
        self.later(Ok(cancelled))
    }

    fn check_passcode(&self, check: PasscodeCheck) -> Answer<'_, Option<PasscodeChecked>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        answer(Ok(self.passcodes.lock().unwrap().check(&check)))
    }

    fn cancel_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        at_ms: i64,
    ) -> Answer<'_, Option<(PasscodeRecord, bool)>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        answer(Ok(self.passcodes.lock().unwrap().cancel(vs, id, at_ms)))
    }

    fn passcode(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<PasscodeRecord>> {
        answer(Ok(self.passcodes.lock().unwrap().one(vs, id)))
    }

    fn passcodes(
        &self,
        vs: VsId,
        filter: PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, PasscodePage> {
        answer(Ok(self.passcodes.lock().unwrap().page(vs, &filter, before, limit)))
    }

    fn pending_passcodes(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<PasscodeRecord>> {
        answer(Ok(self.passcodes.lock().unwrap().pending(after, limit)))
    }

    fn expire_passcodes(&self, _: i64, _: usize) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn unfinished(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        let messages = self.messages.lock().unwrap();
        let open = messages.values().filter(|m| m.id > after && m.state == MessageState::Accepted);
        answer(Ok(open.take(limit).cloned().collect()))
    }

    fn scheduled(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<(i64, MessageId)>> {
        let messages = self.messages.lock().unwrap();
        let due = messages.values().filter(|m| m.state == MessageState::Scheduled);
        let mut due: Vec<_> =
            due.filter_map(|m| Some((m.due_ms?, m.id))).filter(|due| *due > after).collect();
        due.sort();
        due.truncate(limit);
        answer(Ok(due))
    }

    fn release(&self, ids: Vec<MessageId>, _: i64) -> Answer<'_, Vec<StoredMessage>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        let mut messages = self.messages.lock().unwrap();
        let mut released = Vec::new();
        for id in ids {
            if let Some(message) = messages.get_mut(&id)
                && message.state == MessageState::Scheduled
            {
                message.state = MessageState::Accepted;
                released.push(message.clone());
            }
        }
        answer(Ok(released))
    }

    fn message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredMessage>> {
        self.later(Ok(self.messages.lock().unwrap().get(&id).filter(|m| m.vs == vs).cloned()))
    }

    fn messages(&self, _: VsId, _: Filter, _: Option<MessageId>, _: usize) -> Answer<'_, Page> {
        answer(Ok(Page { messages: Vec::new(), next: None }))
    }

    fn paid_to(&self, number: PhoneNumber, limit: usize) -> Answer<'_, Vec<(MessageId, VsId)>> {
        let messages = self.messages.lock().unwrap();
        let fits = |message: &&StoredMessage| {
            message.to == number && message.kind != Kind::Otp && !message.payers.is_empty()
        };
        answer(Ok(messages
            .values()
            .rev()
            .filter(fits)
            .take(limit)
            .map(|message| (message.id, message.vs))
            .collect()))
    }

    fn add_figures(&self, tallies: Vec<Tally>) -> Answer<'_, ()> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        self.figures.lock().unwrap().extend(tallies);
        answer(Ok(()))
    }

    /// One row for each tally, unsummed.
    fn figures(&self, question: FiguresQuestion) -> Answer<'_, Vec<KeptFigures>> {
        let step_ms = question.resolution.step_ms();
        let from_ms = question.from_ms.div_euclid(step_ms) * step_ms;
        let kept = |tally: &Tally| KeptFigures {
            at_ms: tally.at_ms.div_euclid(step_ms) * step_ms,
            gateway: tally.gateway,
            figures: tally.figures.clone(),
        };
        let figures = self.figures.lock().unwrap();
        let asked = figures.iter().filter(|t| t.vs == question.vs && t.is_below == question.is_below);
        let rows = asked.map(kept).filter(|row| (from_ms..question.to_ms).contains(&row.at_ms));
        answer(Ok(rows.collect()))
    }

    fn directory(&self) -> Answer<'_, Directory> {
        answer(Ok(self.directory.lock().unwrap().clone()))
    }

    /// Understands the settings of the root, with its gateways, the passcode service's, rules of the fraud guard, and what is set for alerts.
    fn change(&self, _: String, _: i64, changes: Vec<Change>) -> Answer<'_, Directory> {
        let mut directory = self.directory.lock().unwrap();
        for change in changes {
            if let Change::PutGuardRules { vs, rules, .. } = change {
                directory.guard_rules.retain(|(of, _)| *of != vs);
                directory.guard_rules.extend(rules.map(|rules| (vs, rules)));
                continue;
            }
            if let Change::PutOptOutSettings { vs, settings, .. } = change {
                directory.opt_out_settings.retain(|(of, _)| *of != vs);
                directory.opt_out_settings.push((vs, settings));
                continue;
            }
            if let Change::PutInboundRules { vs, rules, .. } = change {
                directory.inbound_rules.retain(|(of, _)| *of != vs);
                directory.inbound_rules.extend(rules.map(|rules| (vs, rules)));
                continue;
            }
            passcodes::change(&mut directory, &change);
            match change.clone() {
                Change::PutAlertEntry { entry, .. } => {
                    let is_other = |there: &AlertEntry| {
                        (there.vs, there.kind, &there.name) != (entry.vs, entry.kind, &entry.name)
                    };
                    directory.alert_entries.retain(is_other);
                    directory.alert_entries.push(entry);
                }
                Change::RemoveAlertEntry { vs, kind, name } => {
                    let is_other =
                        |there: &AlertEntry| (there.vs, there.kind, &there.name) != (vs, kind, &name);
                    directory.alert_entries.retain(is_other);
                }
                _ => {}
            }
            let Change::PutSmsSettings { vs, settings, gateways, .. } = change else { continue };
            directory.sms_settings = vec![(vs, settings)];
            let record = |(position, new): (usize, NewGateway)| GatewayRecord {
                id: new.id,
                vs,
                position: u32::try_from(position).unwrap(),
                name: new.name,
                plugin: new.plugin,
                sealed_settings: new.sealed_settings,
            };
            directory.gateways = gateways.into_iter().enumerate().map(record).collect();
        }
        answer(Ok(directory.clone()))
    }

    fn credits(&self, _: VsId) -> Answer<'_, Credits> {
        answer(Ok(Credits::default()))
    }

    fn all_credits(&self) -> Answer<'_, Vec<(VsId, Credits)>> {
        answer(Ok(self.credits.lock().unwrap().clone()))
    }

    fn ledger(&self, _: VsId, _: usize) -> Answer<'_, Vec<LedgerEntry>> {
        answer(Ok(Vec::new()))
    }

    fn audit(&self, _: AuditFilter, _: Option<u64>, _: usize) -> Answer<'_, AuditPage> {
        answer(Ok(AuditPage { entries: Vec::new(), next: None }))
    }

    fn verify_audit(&self, at: AuditPoint, _: usize) -> Answer<'_, AuditCheck> {
        answer(Ok(AuditCheck { at, broken: None, is_end: true }))
    }

    fn note(&self, _: Vec<AuditNote>) -> Answer<'static, ()> {
        answer(Ok(()))
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        answer(Ok(Vec::new()))
    }

    fn begin_session(&self, _: NewSession) -> Answer<'_, bool> {
        answer(Ok(false))
    }

    fn use_totp_step(&self, _: u32, _: u64) -> Answer<'_, bool> {
        answer(Ok(false))
    }

    fn touch_sessions(&self, _: Vec<(SessionId, i64)>) -> Answer<'static, ()> {
        answer(Ok(()))
    }

    fn end_session(&self, _: SessionId, _: AuditNote) -> Answer<'_, bool> {
        answer(Ok(false))
    }

    fn expire_sessions(&self, _: i64, _: i64) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn guard_blocks(&self) -> Answer<'_, Vec<GuardBlock>> {
        answer(Ok(self.guard_blocks.lock().unwrap().clone()))
    }

    fn keep_guard_blocks(
        &self,
        put: Vec<GuardBlock>,
        gone: Vec<(VsId, u64)>,
        notes: Vec<AuditNote>,
    ) -> Answer<'static, ()> {
        let mut blocks = self.guard_blocks.lock().unwrap();
        let is_replaced =
            |block: &GuardBlock| put.iter().any(|new| (new.vs, new.range) == (block.vs, block.range));
        blocks.retain(|block| !is_replaced(block) && !gone.contains(&(block.vs, block.range)));
        blocks.extend(put);
        self.notes.lock().unwrap().extend(notes);
        answer(Ok(()))
    }

    fn raise_alerts(&self, new: Vec<NewAlert>) -> Answer<'_, Vec<(AlertRecord, bool)>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        let mut alerts = self.alerts.lock().unwrap();
        let mut raised = Vec::new();
        for NewAlert { record, since_ms } in new {
            let there = alerts.values_mut().rev().find(|there| {
                there.dedup_key.is_some()
                    && (there.vs, &there.dedup_key) == (record.vs, &record.dedup_key)
                    && there.state != AlertState::Closed
                    && there.id >= MessageId::first_at(since_ms)
            });
            if let Some(there) = there {
                there.count += 1;
                there.last_ms = record.last_ms;
                raised.push((there.clone(), false));
            } else {
                alerts.insert(record.id, record.clone());
                raised.push((record, true));
            }
        }
        answer(Ok(raised))
    }

    fn step_alert(&self, id: MessageId, step: AlertStep) -> Answer<'_, Option<(AlertRecord, bool)>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        let mut alerts = self.alerts.lock().unwrap();
        answer(Ok(alerts.get_mut(&id).map(|alert| {
            let is_taken = alert.take(&step);
            (alert.clone(), is_taken)
        })))
    }

    fn alert(&self, id: MessageId) -> Answer<'_, Option<AlertRecord>> {
        answer(Ok(self.alerts.lock().unwrap().get(&id).cloned()))
    }

    fn alerts(
        &self,
        vs: VsId,
        is_open: Option<bool>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<AlertRecord>> {
        let alerts = self.alerts.lock().unwrap();
        let fits = |alert: &&AlertRecord| {
            alert.vs == vs
                && is_open.is_none_or(|is_open| is_open == (alert.state != AlertState::Closed))
                && before.is_none_or(|before| alert.id < before)
        };
        answer(Ok(alerts.values().rev().filter(fits).take(limit).cloned().collect()))
    }

    fn open_alerts(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<AlertRecord>> {
        let alerts = self.alerts.lock().unwrap();
        let open = alerts.values().filter(|alert| alert.id > after && alert.state != AlertState::Closed);
        answer(Ok(open.take(limit).cloned().collect()))
    }

    fn alerts_by_code(&self, code: String) -> Answer<'_, Vec<AlertRecord>> {
        let alerts = self.alerts.lock().unwrap();
        let open = alerts.values().filter(|alert| alert.code == code && alert.state == AlertState::Open);
        answer(Ok(open.cloned().collect()))
    }

    fn consent(&self, said: Vec<NewConsent>) -> Answer<'_, Vec<bool>> {
        if let Err(error) = self.check() {
            return answer(Err(error));
        }
        answer(Ok(self.opt_outs.lock().unwrap().consent(said)))
    }

    fn opt_outs(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<OptOutRecord>> {
        answer(Ok(self.opt_outs.lock().unwrap().list(vs, phone, before, limit)))
    }

    fn opt_outs_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<OptOutRecord>> {
        answer(Ok(self.opt_outs.lock().unwrap().after(after, limit)))
    }

    fn consents(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<ConsentRecord>> {
        answer(Ok(self.opt_outs.lock().unwrap().log(vs, phone, before, limit)))
    }

    fn consents_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<ConsentRecord>> {
        answer(Ok(self.opt_outs.lock().unwrap().log_after(after, limit)))
    }

    fn newest_consent(&self) -> Answer<'_, u64> {
        answer(Ok(self.opt_outs.lock().unwrap().newest()))
    }

    fn room(&self) -> Option<(u64, u64)> {
        *self.room.lock().unwrap()
    }

    fn webhook_bell(&self) -> Arc<WebhookBell> {
        Arc::default()
    }

    fn owed_events(&self, _: u32, _: u64, _: usize) -> Answer<'_, Vec<OwedEvent>> {
        answer(Ok(Vec::new()))
    }

    fn tried_events(&self, _: Vec<TriedEvent>) -> Answer<'static, ()> {
        answer(Ok(()))
    }

    fn event_log(&self, _: u32, _: Option<u64>, _: usize) -> Answer<'_, Vec<EventEntry>> {
        answer(Ok(Vec::new()))
    }

    fn owe_again(&self, _: u32, _: u64, _: u64, _: usize) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn newest(&self) -> Answer<'_, MessageId> {
        let newest = self.messages.lock().unwrap().keys().next_back().copied();
        answer(Ok(newest.unwrap_or(MessageId::from_u64(0))))
    }

    fn prune(&self, _: i64, _: usize) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn erase_texts(&self, _: i64, _: usize) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn erase(&self, _: Erasure) -> Answer<'_, Erased> {
        answer(Ok(Erased::default()))
    }

    fn scrub(&self, _: PhoneNumber, _: Vec<MessageId>) -> Answer<'_, Scrubbed> {
        answer(Ok(Scrubbed::default()))
    }

    fn sealed(&self, _: u16, _: SealedPlace, _: usize) -> Answer<'_, SealedPage> {
        answer(Ok(SealedPage { found: Vec::new(), looked_at: 0, next: None }))
    }

    fn reseal(&self, _: Vec<Resealed>) -> Answer<'_, usize> {
        answer(Ok(0))
    }

    fn node(&self) -> u8 {
        self.company.as_ref().map_or(0, |(_, seat)| seat.node)
    }

    fn is_shared(&self) -> bool {
        self.company.is_some()
    }

    fn notice(&self) -> BoxFuture<'_, Notice> {
        match &self.company {
            Some((_, seat)) => Box::pin(seat.notice()),
            None => Box::pin(pending()),
        }
    }

    fn peers(&self) -> Answer<'_, Peers> {
        let peers = self.company.as_ref().map(|(company, _)| company.peers.lock().unwrap().clone());
        answer(Ok(peers.unwrap_or_default()))
    }

    fn claim(&self, claims: Claims) -> Answer<'_, Peers> {
        let peers = self.company.as_ref().map(|(company, seat)| company.claim(seat.node, claims));
        answer(Ok(peers.unwrap_or_default()))
    }

    fn hand_over(&self, hand_over: HandOver) -> Answer<'static, Option<Vec<MessageId>>> {
        let gone = self.company.as_ref().and_then(|(company, seat)| company.hand_over(seat.node, hand_over));
        answer(Ok(gone))
    }

    fn handed(&self, _: usize) -> Answer<'_, Vec<Handed>> {
        let handed = self.company.as_ref().map(|(_, seat)| seat.take_handed(self));
        answer(Ok(handed.unwrap_or_default()))
    }

    fn tell_peers(&self, what: Vec<u8>) -> Answer<'static, ()> {
        if let Some((company, seat)) = &self.company {
            company.tell_peers(seat.node, what);
        }
        answer(Ok(()))
    }

    fn told(&self) -> Vec<(u8, Vec<u8>)> {
        self.company.as_ref().map(|(_, seat)| seat.take_told()).unwrap_or_default()
    }

    fn key_mark(&self, ours: [u8; 16]) -> Answer<'_, [u8; 16]> {
        answer(Ok(ours))
    }

    fn backup(&self, _: PathBuf) -> Answer<'_, ()> {
        answer(Ok(()))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.check()
    }

    fn close(&self) -> Answer<'_, ()> {
        answer(Ok(()))
    }
}

//! The operations of the trait: which way each goes.

use super::command::{Speak, Way};
use super::lease::Lease;
use super::{
    PostgresStore, accept, adopt, alerts, audit, change, entries, erasure, figures, guard, inbound, list,
    opt_out, page, passcodes, peers, retention, sealed, sign_ins, webhooks,
};
use crate::queue::Urgency;
use crate::store::MOST_PAID;
use crate::webhook::MOST_EVENTS;
use crate::*;
use futures_util::future::{BoxFuture, ready};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use textgate_sms::{MessageId, MessageState, PhoneNumber, VsId};
use tokio::sync::oneshot;

/// An operation of the rules, applied in bulk.
macro_rules! bulk {
    ($needs:expr, $apply:expr $(,)?) => {
        Way::Bulk { needs: $needs, apply: $apply }
    };
}

/// What is put back at once when it was sealed anew: the writer does nothing else meanwhile.
const MOST_RESEALED: usize = 500;

/// What cannot go wrong in memory.
fn surely<T>(outcome: Result<T, std::convert::Infallible>) -> Result<T, StoreError> {
    let Ok(done) = outcome;
    Ok(done)
}

impl Store for PostgresStore {
    fn accept(&self, messages: Vec<NewMessage>) -> Answer<'_, Vec<Accepted>> {
        if accept::has_nul(&messages) {
            let why = "the store cannot hold this: a text has a character of code 0".to_owned();
            return Box::pin(ready(Err(StoreError::Conflict(why))));
        }
        let count = messages.len();
        let waiting = match self.queue.room(count, self.accepts_waiting) {
            Ok(waiting) => waiting,
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let way = bulk!(|input: &Arc<Vec<_>>, needs| needs.accept(input), accept::accept);
        self.entrust(Arc::new(messages), Urgency::Now, count, false, Some(waiting), way, accept::accepted)
    }

    fn record(&self, finished: Vec<Finished>) -> Answer<'static, Vec<Matched>> {
        let weight = finished.len();
        let way = bulk!(|input: &Vec<_>, needs| needs.record(input), |unit, input| surely(rules::record(
            unit, input
        )));
        self.keep(finished, weight, way)
    }

    fn record_receipts(&self, receipts: Vec<ReceiptRecord>) -> Answer<'_, Vec<Option<Matched>>> {
        let weight = receipts.len();
        let way = bulk!(|input: &Vec<_>, needs| needs.receipts(input), |unit, input| surely(
            rules::record_receipts(unit, input)
        ),);
        self.keep(receipts, weight, way)
    }

    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'static, Vec<bool>> {
        let weight = inbound.len();
        if let Some(last) = inbound.last() {
            self.told_ms.fetch_max(last.at_ms, Ordering::Relaxed);
        }
        let speak: Speak<_, _> = |conn, input| Box::pin(inbound::record(conn, input));
        self.keep((inbound, self.desk.clone()), weight, Way::Alone(speak))
    }

    fn record_inbound_part(&self, part: InboundPartRecord) -> Answer<'static, Vec<InboundParts>> {
        self.told_ms.fetch_max(part.at_ms, Ordering::Relaxed);
        let speak: Speak<_, _> = |conn, input| Box::pin(inbound::record_part(conn, input));
        self.keep(part, 1, Way::Alone(speak))
    }

    fn ripe_inbound(&self, came_before_ms: i64, limit: usize) -> Answer<'_, RipeInbound> {
        let speak: Speak<_, _> = |conn, input| Box::pin(inbound::ripe(conn, input));
        self.write((came_before_ms, limit), Urgency::Lingers, 1, false, None, Way::Alone(speak))
    }

    fn unheard_inbound(&self, others_before_ms: i64, limit: usize) -> Answer<'_, Vec<StoredInbound>> {
        let node = self.lease.hold().id;
        self.read(move |conn| Box::pin(inbound::unheard(conn, node, others_before_ms, limit)))
    }

    fn inbound_heard(&self, ids: Vec<MessageId>) -> Answer<'static, ()> {
        let weight = ids.len();
        let speak: Speak<_, _> = |conn, input: &Vec<_>| Box::pin(inbound::heard(conn, input));
        self.write(ids, Urgency::Lingers, weight, false, None, Way::Alone(speak))
    }

    fn inbound(
        &self,
        vs: VsId,
        filter: InboundFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<StoredInbound>> {
        self.read(move |conn| Box::pin(inbound::list(conn, vs, filter, before, limit)))
    }

    fn inbound_message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredInbound>> {
        self.read(move |conn| Box::pin(inbound::one(conn, vs, id)))
    }

    fn cancel(&self, vs: VsId, id: MessageId, at_ms: i64) -> Answer<'_, Option<(MessageState, bool)>> {
        let way =
            bulk!(|input: &rules::Cancel, needs| needs.messages(&[input.id], true), |unit, input| surely(
                rules::cancel(unit, input)
            ),);
        self.write(rules::Cancel { vs, id, at_ms }, Urgency::Now, 1, false, None, way)
    }

    fn check_passcode(&self, check: PasscodeCheck) -> Answer<'_, Option<PasscodeChecked>> {
        let way = bulk!(|input: &PasscodeCheck, needs| needs.passcode(input.id), passcodes::check);
        self.write(check, Urgency::Now, 1, false, None, way)
    }

    fn cancel_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        at_ms: i64,
    ) -> Answer<'_, Option<(PasscodeRecord, bool)>> {
        let way = bulk!(|(_, id, _): &(_, MessageId, _), needs| needs.passcode(*id), passcodes::cancel);
        self.write((vs, id, at_ms), Urgency::Now, 1, false, None, way)
    }

    fn passcode(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<PasscodeRecord>> {
        self.read(move |conn| Box::pin(passcodes::one(conn, vs, id)))
    }

    fn passcodes(
        &self,
        vs: VsId,
        filter: PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, PasscodePage> {
        self.read(move |conn| {
            let filter = filter.clone();
            Box::pin(async move { passcodes::page(conn, vs, &filter, before, limit).await })
        })
    }

    fn pending_passcodes(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<PasscodeRecord>> {
        self.read(move |conn| Box::pin(passcodes::pending(conn, after, limit)))
    }

    fn expire_passcodes(&self, now_ms: i64, limit: usize) -> Answer<'_, usize> {
        self.told_ms.fetch_max(now_ms, Ordering::Relaxed);
        let speak: Speak<_, _> = |conn, input| Box::pin(passcodes::expire(conn, input));
        self.write((now_ms, limit), Urgency::Lingers, 1, false, None, Way::Alone(speak))
    }

    fn unfinished(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        let node = self.lease.hold().id;
        self.read(move |conn| Box::pin(list::unfinished(conn, node, after, limit)))
    }

    fn scheduled(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<(i64, MessageId)>> {
        let node = self.lease.hold().id;
        self.read(move |conn| Box::pin(list::scheduled(conn, node, after, limit)))
    }

    fn release(&self, ids: Vec<MessageId>, at_ms: i64) -> Answer<'_, Vec<StoredMessage>> {
        let weight = ids.len();
        let way =
            bulk!(
                |(ids, _): &(Vec<MessageId>, i64), needs| needs.messages(ids, false),
                |unit, (ids, at_ms)| surely(rules::release(unit, ids, *at_ms)),
            );
        let released = self
            .entrust((ids, at_ms), Urgency::Now, weight, false, None, way, |_, released| released.clone());
        let readers = self.readers.clone();
        Box::pin(async move {
            let ids = released.await?;
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            readers
                .read(move |conn| {
                    let ids = ids.clone();
                    Box::pin(async move { list::messages(conn, &ids).await })
                })
                .await
        })
    }

    fn message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredMessage>> {
        self.read(move |conn| {
            Box::pin(async move { Ok(list::message(conn, id).await?.filter(|message| message.vs == vs)) })
        })
    }

    fn messages(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Page> {
        self.read(move |conn| {
            let filter = filter.clone();
            Box::pin(async move { page::page(conn, vs, &filter, before, limit).await })
        })
    }

    fn paid_to(&self, number: PhoneNumber, limit: usize) -> Answer<'_, Vec<(MessageId, VsId)>> {
        self.read(move |conn| Box::pin(list::paid_to(conn, number, limit.min(MOST_PAID))))
    }

    fn add_figures(&self, tallies: Vec<Tally>) -> Answer<'_, ()> {
        let speak: Speak<_, _> = |conn, input: &Vec<Tally>| Box::pin(figures::add(conn, input));
        self.write(tallies, Urgency::Lingers, 1, false, None, Way::Alone(speak))
    }

    fn figures(&self, question: FiguresQuestion) -> Answer<'_, Vec<KeptFigures>> {
        self.read(move |conn| Box::pin(figures::read(conn, question)))
    }

    fn directory(&self) -> Answer<'_, Directory> {
        let (read, desk) = (self.read(|conn| Box::pin(entries::directory(conn))), self.desk.clone());
        Box::pin(async move {
            let directory = read.await?;
            desk.follow(&directory);
            Ok(directory)
        })
    }

    fn change(&self, actor: String, at_ms: i64, changes: Vec<Change>) -> Answer<'_, Directory> {
        self.told_ms.fetch_max(at_ms, Ordering::Relaxed);
        let made = self.now(change::Changes { actor, at_ms, changes }, |conn, input| {
            Box::pin(change::change(conn, input))
        });
        let (readers, desk) = (self.readers.clone(), self.desk.clone());
        Box::pin(async move {
            made.await?;
            let directory = readers.read(|conn| Box::pin(entries::directory(conn))).await?;
            desk.follow(&directory);
            Ok(directory)
        })
    }

    fn credits(&self, vs: VsId) -> Answer<'_, Credits> {
        self.read(move |conn| Box::pin(entries::credits(conn, vs)))
    }

    fn all_credits(&self) -> Answer<'_, Vec<(VsId, Credits)>> {
        self.read(|conn| Box::pin(entries::all_credits(conn)))
    }

    fn ledger(&self, vs: VsId, limit: usize) -> Answer<'_, Vec<LedgerEntry>> {
        self.read(move |conn| Box::pin(entries::ledger(conn, vs, limit)))
    }

    fn audit(&self, filter: AuditFilter, before: Option<u64>, limit: usize) -> Answer<'_, AuditPage> {
        self.read(move |conn| {
            let filter = filter.clone();
            Box::pin(async move { audit::page(conn, &filter, before, limit).await })
        })
    }

    fn verify_audit(&self, from: AuditPoint, limit: usize) -> Answer<'_, AuditCheck> {
        self.read(move |conn| Box::pin(audit::verify(conn, from, limit)))
    }

    fn note(&self, notes: Vec<AuditNote>) -> Answer<'static, ()> {
        let weight = notes.len();
        let speak: Speak<_, _> = |conn, input: &Vec<AuditNote>| Box::pin(audit::note(conn, input));
        self.write(notes, Urgency::Lingers, weight, false, None, Way::Alone(speak))
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.read(|conn| Box::pin(sign_ins::all(conn)))
    }

    fn begin_session(&self, new: NewSession) -> Answer<'_, bool> {
        self.now(new, |conn, input| Box::pin(sign_ins::begin(conn, input)))
    }

    fn use_totp_step(&self, user: u32, step: u64) -> Answer<'_, bool> {
        self.now((user, step), |conn, input| Box::pin(sign_ins::use_totp_step(conn, input)))
    }

    fn touch_sessions(&self, seen: Vec<(SessionId, i64)>) -> Answer<'static, ()> {
        let weight = seen.len();
        let speak: Speak<_, _> = |conn, input: &Vec<_>| Box::pin(sign_ins::touch(conn, input));
        self.write(seen, Urgency::Lingers, weight, false, None, Way::Alone(speak))
    }

    fn end_session(&self, id: SessionId, note: AuditNote) -> Answer<'_, bool> {
        self.now((id, note), |conn, input| Box::pin(sign_ins::end(conn, input)))
    }

    fn expire_sessions(&self, seen_before_ms: i64, began_before_ms: i64) -> Answer<'_, usize> {
        let speak: Speak<_, _> = |conn, input| Box::pin(sign_ins::expire(conn, input));
        self.write((seen_before_ms, began_before_ms), Urgency::Lingers, 1, false, None, Way::Alone(speak))
    }

    fn guard_blocks(&self) -> Answer<'_, Vec<GuardBlock>> {
        self.read(|conn| Box::pin(guard::all(conn)))
    }

    fn keep_guard_blocks(
        &self,
        put: Vec<GuardBlock>,
        gone: Vec<(VsId, u64)>,
        notes: Vec<AuditNote>,
    ) -> Answer<'static, ()> {
        let weight = put.len() + gone.len() + notes.len();
        let speak: Speak<_, _> = |conn, input: &guard::Blocks| Box::pin(guard::keep(conn, input));
        self.write((put, gone, notes), Urgency::Lingers, weight, false, None, Way::Alone(speak))
    }

    fn raise_alerts(&self, new: Vec<NewAlert>) -> Answer<'_, Vec<(AlertRecord, bool)>> {
        let weight = new.len();
        let speak: Speak<_, _> = |conn, input| Box::pin(alerts::raise(conn, input));
        self.write((new, self.desk.clone()), Urgency::Now, weight, false, None, Way::Alone(speak))
    }

    fn step_alert(&self, id: MessageId, step: AlertStep) -> Answer<'_, Option<(AlertRecord, bool)>> {
        self.now((id, step, self.desk.clone()), |conn, input| Box::pin(alerts::step(conn, input)))
    }

    fn alert(&self, id: MessageId) -> Answer<'_, Option<AlertRecord>> {
        self.read(move |conn| Box::pin(alerts::one(conn, id)))
    }

    fn alerts(
        &self,
        vs: VsId,
        is_open: Option<bool>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |conn| Box::pin(alerts::list(conn, vs, is_open, before, limit)))
    }

    fn open_alerts(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |conn| Box::pin(alerts::open(conn, after, limit)))
    }

    fn alerts_by_code(&self, code: String) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |conn| {
            let code = code.clone();
            Box::pin(async move { alerts::by_code(conn, &code).await })
        })
    }

    fn consent(&self, said: Vec<NewConsent>) -> Answer<'_, Vec<bool>> {
        if said.iter().any(|one| [&one.sender, &one.actor, &one.note].iter().any(|text| text.contains('\0')))
        {
            let why = "the store cannot hold this: a text has a character of code 0".to_owned();
            return Box::pin(ready(Err(StoreError::Conflict(why))));
        }
        let weight = said.len();
        let speak: Speak<_, _> = |conn, input: &Vec<NewConsent>| Box::pin(opt_out::consent(conn, input));
        self.write(said, Urgency::Now, weight, false, None, Way::Alone(speak))
    }

    fn opt_outs(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(move |conn| Box::pin(opt_out::list(conn, vs, phone, before, limit)))
    }

    fn opt_outs_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(move |conn| Box::pin(opt_out::after(conn, after, limit)))
    }

    fn consents(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(move |conn| Box::pin(opt_out::log(conn, vs, phone, before, limit)))
    }

    fn consents_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(move |conn| Box::pin(opt_out::log_after(conn, after, limit)))
    }

    fn newest_consent(&self) -> Answer<'_, u64> {
        self.read(|conn| Box::pin(opt_out::newest(conn)))
    }

    fn webhook_bell(&self) -> Arc<WebhookBell> {
        self.desk.bell.clone()
    }

    fn delivers(&self, endpoint: u32) -> bool {
        self.desk.delivers(endpoint, self.lease.hold())
    }

    fn owed_events(&self, endpoint: u32, after: u64, limit: usize) -> Answer<'_, Vec<OwedEvent>> {
        self.read(move |conn| Box::pin(webhooks::owed(conn, endpoint, after, limit.min(MOST_EVENTS))))
    }

    fn tried_events(&self, tried: Vec<TriedEvent>) -> Answer<'static, ()> {
        let weight = tried.len();
        let way = bulk!(|_, _| (), |unit, input: &Vec<TriedEvent>| {
            unit.note_tried(input);
            Ok(())
        });
        self.keep(tried, weight, way)
    }

    fn event_log(&self, endpoint: u32, before: Option<u64>, limit: usize) -> Answer<'_, Vec<EventEntry>> {
        self.read(move |conn| Box::pin(webhooks::log(conn, endpoint, before, limit.min(MOST_EVENTS))))
    }

    fn owe_again(&self, endpoint: u32, from: u64, to: u64, limit: usize) -> Answer<'_, usize> {
        let again = webhooks::Again { endpoint, from, to, limit };
        self.now(again, |conn, input| Box::pin(webhooks::again(conn, input)))
    }

    fn newest(&self) -> Answer<'_, MessageId> {
        self.read(|conn| Box::pin(list::newest(conn)))
    }

    fn prune(&self, before_ms: i64, limit: usize) -> Answer<'_, usize> {
        let (partitions, told_ms) = (self.partitions.clone(), self.told_ms.clone());
        self.read(move |conn| {
            let partitions = partitions.clone();
            let now_ms = told_ms.load(Ordering::Relaxed).max(before_ms);
            Box::pin(async move { retention::prune(conn, &partitions, before_ms, now_ms, limit).await })
        })
    }

    fn erase_texts(&self, finished_before_ms: i64, limit: usize) -> Answer<'_, usize> {
        self.read(move |conn| Box::pin(retention::erase(conn, finished_before_ms, limit)))
    }

    fn erase(&self, erasure: Erasure) -> Answer<'_, Erased> {
        Box::pin(async move {
            let (number, messages) = (erasure.number, Arc::new(erasure.messages.clone()));
            let deleted = self
                .read(move |conn| {
                    let messages = messages.clone();
                    Box::pin(async move { erasure::delete_messages(conn, number, &messages).await })
                })
                .await?;
            let rest = self.now(erasure, |conn, input| Box::pin(erasure::erase(conn, input))).await?;
            Ok(deleted.and(rest))
        })
    }

    fn scrub(&self, _: PhoneNumber, messages: Vec<MessageId>) -> Answer<'_, Scrubbed> {
        let messages = Arc::new(messages);
        let vacuumed = self.read(move |conn| {
            let messages = messages.clone();
            Box::pin(async move { erasure::vacuum(conn, &messages).await })
        });
        Box::pin(async { vacuumed.await.map(|()| Scrubbed::default()) })
    }

    fn sealed(&self, not_under: u16, after: SealedPlace, limit: usize) -> Answer<'_, SealedPage> {
        self.read(move |conn| Box::pin(sealed::page(conn, not_under, after, limit)))
    }

    fn reseal(&self, resealed: Vec<Resealed>) -> Answer<'_, usize> {
        Box::pin(async move {
            let mut put = 0;
            for chunk in resealed.chunks(MOST_RESEALED) {
                let speak: Speak<_, _> = |conn, input: &Vec<Resealed>| Box::pin(sealed::reseal(conn, input));
                let way = Way::Alone(speak);
                put += self.write(chunk.to_vec(), Urgency::Lingers, chunk.len(), false, None, way).await?;
            }
            Ok(put)
        })
    }

    fn node(&self) -> u8 {
        self.lease.hold().id as u8
    }

    fn may_send(&self) -> bool {
        self.lease.may_send()
    }

    fn notice(&self) -> BoxFuture<'_, Notice> {
        Box::pin(self.lease.notice())
    }

    fn begin_anew(&self) {
        self.lease.begin_anew();
    }

    fn adopt(&self, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        let speak: Speak<_, _> =
            |conn, (lease, limit): &(Arc<Lease>, usize)| Box::pin(adopt::adopt(conn, lease, *limit));
        let entrusts =
            |_: &_, adopted: &Vec<StoredMessage>| adopted.iter().map(|message| message.id).collect();
        self.entrust((self.lease.clone(), limit), Urgency::Now, 1, false, None, Way::Alone(speak), entrusts)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn lapsed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.lease.lapsed())
    }

    fn peers(&self) -> Answer<'_, Peers> {
        self.read(|conn| Box::pin(peers::read(conn)))
    }

    fn claim(&self, claims: Claims) -> Answer<'_, Peers> {
        let lease = self.lease.clone();
        self.now((lease, claims), |conn, (lease, claims)| Box::pin(peers::claim(conn, lease, claims)))
    }

    fn hand_over(&self, hand_over: HandOver) -> Answer<'static, Option<Vec<MessageId>>> {
        let lease = self.lease.clone();
        let going = peers::Going { epoch: lease.hold().epoch, lease, hand_over };
        let speak: Speak<_, _> = |conn, going| Box::pin(peers::hand_over(conn, going));
        self.write(going, Urgency::Now, 1, true, None, Way::Alone(speak))
    }

    fn handed(&self, limit: usize) -> Answer<'_, Vec<Handed>> {
        let speak: Speak<_, _> =
            |conn, (lease, limit): &(Arc<Lease>, usize)| Box::pin(peers::take_on(conn, lease, *limit));
        let entrusts = |_: &_, handed: &Vec<Handed>| handed.iter().map(|one| one.message.id).collect();
        self.entrust((self.lease.clone(), limit), Urgency::Now, 1, false, None, Way::Alone(speak), entrusts)
    }

    fn tell_peers(&self, what: Vec<u8>) -> Answer<'static, ()> {
        if what.len() > MOST_TOLD {
            let why = format!("nodes tell each other at most {MOST_TOLD} octets at once");
            return Box::pin(ready(Err(StoreError::Conflict(why))));
        }
        let speak: Speak<_, _> = |conn, input| Box::pin(peers::tell_in_passing(conn, input));
        self.write((self.lease.clone(), what), Urgency::Lingers, 1, false, None, Way::Alone(speak))
    }

    fn told(&self) -> Vec<(u8, Vec<u8>)> {
        self.lease.take_told()
    }

    fn key_mark(&self, ours: [u8; 16]) -> Answer<'_, [u8; 16]> {
        let kept = || self.read(|conn| Box::pin(entries::key_mark(conn)));
        Box::pin(async move {
            if let Some(kept) = kept().await? {
                return Ok(kept);
            }
            self.now(ours, |conn, ours| Box::pin(entries::keep_key_mark(conn, *ours))).await?;
            Ok(kept().await?.unwrap_or(ours))
        })
    }

    fn backup(&self, _: PathBuf) -> Answer<'_, ()> {
        let why = "this store is a PostgreSQL database, which is backed up by its own means: `pg_dump --schema=textgate` \
                   for a copy of one moment, or base backups with archived WAL to come back to any moment; keep the key file \
                   with it";
        Box::pin(ready(Err(StoreError::Conflict(why.to_owned()))))
    }

    fn health(&self) -> Result<(), StoreError> {
        self.health.is()
    }

    fn close(&self) -> Answer<'_, ()> {
        let (closer, closed) = oneshot::channel();
        self.queue.close(Some(closer));
        Box::pin(async { closed.await.unwrap_or(Err(StoreError::Closed)) })
    }
}

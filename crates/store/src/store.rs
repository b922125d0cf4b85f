//! The trait that every store implements, and that one contract test holds it to.

use crate::*;
use futures_util::future::{BoxFuture, pending, ready};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::{MessageId, MessageState, PhoneNumber, VsId};

/// Shorthand for what operations return.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Whole operations in the domain's words; each one is one transaction, and has happened, durably, when its future
/// is ready with `Ok`.
///
/// **An operation that writes is queued when its method is called**, not when the future is polled: order of calls is order of
/// writing, and a future that is dropped changes nothing about what is written. (`prune`, `erase_texts`, `erase` and `reseal`, which work in steps, and
/// operations that only read begin when polled.)
pub trait Store: Send + Sync + 'static {
    /// Accepts messages, each on its own: charges all its payers, or refuses it. Answers in order. Many callers'
    /// messages share one commit. [`StoreError::Busy`] when too many wait for theirs.
    fn accept(&self, messages: Vec<NewMessage>) -> Answer<'_, Vec<Accepted>>;

    /// Records attempts and changes of state, in order. Never refuses and never forgets: on a full disk it is tried again until
    /// it is done. Need not be awaited. A state that is already final is not changed (only the event is added). A
    /// message is accepted before its outcome is recorded. Answers what receipts that had come early did.
    fn record(&self, finished: Vec<Finished>) -> Answer<'static, Vec<Matched>>;

    /// Records receipts: finds the message of each by gateway and candidate id, adds the event, and changes `sent` to `delivered`
    /// when all segments are, or to `undelivered` when one is not. One that matches nothing is kept
    /// for a while, and applied when `record` brings its id. Answers what each did (`None`: kept for later).
    fn record_receipts(&self, receipts: Vec<ReceiptRecord>) -> Answer<'_, Vec<Option<Matched>>>;

    /// Keeps whole messages that phones sent, to be [heard](Self::unheard_inbound), and forgets what the parts said that any was put
    /// together of. One whose id or key is there already changes nothing. Answers in order which are new.
    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'static, Vec<bool>>;

    /// Keeps a part of a message that a phone sent; the same again changes nothing. Answers what is to be put together now: nothing
    /// while others are missing. It is answered again by [`ripe_inbound`](Self::ripe_inbound) until the message was recorded.
    fn record_inbound_part(&self, part: InboundPartRecord) -> Answer<'static, Vec<InboundParts>>;

    /// Gives up waiting for what is missing of messages whose first part came before this (Unix time, ms). Answers at most `limit`
    /// messages that are to be put together.
    fn ripe_inbound(&self, came_before_ms: i64, limit: usize) -> Answer<'_, RipeInbound>;

    /// Messages of phones that nobody has heard yet, in order: this node's own, and those of others that came before this (Unix
    /// time, ms), whose node may be gone.
    fn unheard_inbound(&self, others_before_ms: i64, limit: usize) -> Answer<'_, Vec<StoredInbound>>;

    /// Notes that these were heard by all who had to.
    fn inbound_heard(&self, ids: Vec<MessageId>) -> Answer<'static, ()>;

    /// A virtual server's messages of phones, the newest first, older than `before`.
    fn inbound(
        &self,
        vs: VsId,
        filter: InboundFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<StoredInbound>>;

    /// One message of a phone, of this virtual server.
    fn inbound_message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredInbound>>;

    /// Cancels a message of this virtual server if it is unfinished, with erased text, and with refund unless an attempt says that
    /// it may have been taken. Answers its state afterwards and
    /// whether this call changed it; `None` if there is no such message.
    fn cancel(&self, vs: VsId, id: MessageId, at_ms: i64) -> Answer<'_, Option<(MessageState, bool)>>;

    /// Checks a code against a passcode of this virtual server, and counts the attempt: the right one is approved once, and only
    /// while the passcode is pending, in time and has attempts left. Where it becomes final, what its code could be known by is
    /// erased. `None` if there is no such passcode.
    fn check_passcode(&self, check: PasscodeCheck) -> Answer<'_, Option<PasscodeChecked>>;

    /// Cancels a passcode of this virtual server if it is pending. Answers it as it is afterwards, and whether this call changed it;
    /// `None` if there is no such passcode.
    fn cancel_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        at_ms: i64,
    ) -> Answer<'_, Option<(PasscodeRecord, bool)>>;

    /// One passcode of this virtual server.
    fn passcode(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<PasscodeRecord>>;

    /// A page of this virtual server's passcodes, the newest first, older than `before`.
    fn passcodes(
        &self,
        vs: VsId,
        filter: PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, PasscodePage>;

    /// Passcodes of all virtual servers that are stored as pending, by the end of their time, beginning after this one: what a
    /// restart goes on to watch.
    fn pending_passcodes(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<PasscodeRecord>>;

    /// Ends passcodes whose time is over now, and erases what their codes could be known by; deletes those made a week before, at most
    /// `limit` of each. Answers how many of both.
    fn expire_passcodes(&self, now_ms: i64, limit: usize) -> Answer<'_, usize>;

    /// Messages in state `accepted`, by id, after this one: what a restart has to send again.
    fn unfinished(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<StoredMessage>>;

    /// When and which: all `scheduled` messages, by time due, beginning after this one. Only times and ids, so that
    /// many cost little.
    fn scheduled(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<(i64, MessageId)>>;

    /// Moves these scheduled messages to `accepted` and answers those that were still scheduled.
    fn release(&self, ids: Vec<MessageId>, at_ms: i64) -> Answer<'_, Vec<StoredMessage>>;

    /// One message of this virtual server.
    fn message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredMessage>>;

    /// A page of this virtual server's messages, the newest first, older than `before`.
    fn messages(&self, vs: VsId, filter: Filter, before: Option<MessageId>, limit: usize)
    -> Answer<'_, Page>;

    /// The newest alerts and texts to this number that credits were paid for and not given back, of all virtual servers: at most 1,000.
    /// However many there are of other numbers, it costs the same.
    fn paid_to(&self, number: PhoneNumber, limit: usize) -> Answer<'_, Vec<(MessageId, VsId)>>;

    /// Adds figures to those kept of their minute, hour and day: all of a call, or none where it fails. They may be lost with the
    /// last seconds before a crash, as whoever counts them keeps them in memory until then.
    fn add_figures(&self, tallies: Vec<Tally>) -> Answer<'_, ()>;

    /// Figures of one virtual server, or of those below it, by time and gateway. Steps and gateways without any are left out; at
    /// most 50,000.
    fn figures(&self, question: FiguresQuestion) -> Answer<'_, Vec<KeptFigures>>;

    /// Everything but messages. Read once at start and after each change.
    fn directory(&self) -> Answer<'_, Directory>;

    /// Makes these changes, all or none, and writes the audit log. Answers the directory afterwards.
    fn change(&self, actor: String, at_ms: i64, changes: Vec<Change>) -> Answer<'_, Directory>;

    /// Credits of one virtual server.
    fn credits(&self, vs: VsId) -> Answer<'_, Credits>;

    /// Credits of all virtual servers.
    fn all_credits(&self) -> Answer<'_, Vec<(VsId, Credits)>>;

    /// Allocations given to a virtual server, the newest first.
    fn ledger(&self, vs: VsId, limit: usize) -> Answer<'_, Vec<LedgerEntry>>;

    /// A page of the audit log: entries that fit, the newest first, older than `before`. A filter that few entries fit gets short
    /// pages.
    fn audit(&self, filter: AuditFilter, before: Option<u64>, limit: usize) -> Answer<'_, AuditPage>;

    /// Verifies at most `limit` entries of the audit log after this place: that each is as it was written, in its order, without gaps.
    fn verify_audit(&self, from: AuditPoint, limit: usize) -> Answer<'_, AuditCheck>;

    /// Adds entries to the audit log. Need not be awaited.
    fn note(&self, notes: Vec<AuditNote>) -> Answer<'static, ()>;

    /// All sessions that have not been ended.
    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>>;

    /// Begins a session, and notes it. Answers whether it did: not where the one-time code's step, or a later one, was used
    /// before, nor where the user went or its sessions were ended meanwhile.
    fn begin_session(&self, new: NewSession) -> Answer<'_, bool>;

    /// Uses up a one-time code's time step. Answers whether it, and every later one, was unused.
    fn use_totp_step(&self, user: u32, step: u64) -> Answer<'_, bool>;

    /// Writes when sessions were last used (Unix time, ms). Need not be awaited.
    fn touch_sessions(&self, seen: Vec<(SessionId, i64)>) -> Answer<'static, ()>;

    /// Ends a session, and notes it where it was there. Answers whether it was.
    fn end_session(&self, id: SessionId, note: AuditNote) -> Answer<'_, bool>;

    /// Ends sessions that were last used, or began, before these times (Unix time, ms). Answers how many.
    fn expire_sessions(&self, seen_before_ms: i64, began_before_ms: i64) -> Answer<'_, usize>;

    /// All ranges that the fraud guard has blocked, or remembers.
    fn guard_blocks(&self) -> Answer<'_, Vec<GuardBlock>>;

    /// Keeps blocked ranges, in place of those of the same virtual server and range, forgets others (by how their numbers begin), and adds
    /// entries to the audit log. Need not be awaited.
    fn keep_guard_blocks(
        &self,
        put: Vec<GuardBlock>,
        gone: Vec<(VsId, u64)>,
        notes: Vec<AuditNote>,
    ) -> Answer<'static, ()>;

    /// Raises alerts: each is new, or, where one of its `dedup_key` is open or acknowledged and recent enough, counted there. Answers
    /// each as it is now, and whether it is new.
    fn raise_alerts(&self, new: Vec<NewAlert>) -> Answer<'_, Vec<(AlertRecord, bool)>>;

    /// Takes a step with an alert where that is possible. Answers the alert afterwards and whether the step was taken; `None` if there
    /// is no such alert.
    fn step_alert(&self, id: MessageId, step: AlertStep) -> Answer<'_, Option<(AlertRecord, bool)>>;

    /// One alert, whoever's it is.
    fn alert(&self, id: MessageId) -> Answer<'_, Option<AlertRecord>>;

    /// A virtual server's alerts, the newest first, older than `before`: all, or those that are not closed (`Some(true)`), or are.
    fn alerts(
        &self,
        vs: VsId,
        is_open: Option<bool>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<AlertRecord>>;

    /// All alerts that are not closed, by id, after this one: what a start has to go on with.
    fn open_alerts(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<AlertRecord>>;

    /// Alerts that nobody has acknowledged, of this code; at most 100.
    fn alerts_by_code(&self, code: String) -> Answer<'_, Vec<AlertRecord>>;

    /// Writes what was said about messages, in the list and in the consent log, where it changes anything. Answers for each whether it
    /// did. One that says what holds already is not written: a phone that says STOP a thousand times fills nothing.
    fn consent(&self, said: Vec<NewConsent>) -> Answer<'_, Vec<bool>>;

    /// Opt-outs of a virtual server, or of one of its phones, the newest first, older than `before`; at most 5,000.
    fn opt_outs(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<OptOutRecord>>;

    /// Opt-outs of all virtual servers, by number, after this one; at most 5,000: what a start has to know.
    fn opt_outs_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<OptOutRecord>>;

    /// Entries of a virtual server's consent log, or of those about one of its phones, the newest first, older than `before`; at most
    /// 5,000.
    fn consents(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<ConsentRecord>>;

    /// Entries of all consent logs, by number, after this one; at most 5,000: what has changed since. Whoever has seen an entry has
    /// seen, or can see by now, all that come before it.
    fn consents_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<ConsentRecord>>;

    /// The number of the newest entry of the consent log; 0 where there was none.
    fn newest_consent(&self) -> Answer<'_, u64>;

    /// How much room there is where the store writes: what is free and all of it (octets). `None` where that cannot be told.
    fn room(&self) -> Option<(u64, u64)> {
        None
    }

    /// Rung after each commit that owes a webhook endpoint an event.
    fn webhook_bell(&self) -> Arc<WebhookBell>;

    /// Whether this node is the one that delivers an endpoint's events.
    fn delivers(&self, endpoint: u32) -> bool {
        let _ = endpoint;
        true
    }

    /// Events that an endpoint is owed after this one, in order; at most 1,000. None comes before one that was read, unless it is owed
    /// [again](Self::owe_again).
    fn owed_events(&self, endpoint: u32, after: u64, limit: usize) -> Answer<'_, Vec<OwedEvent>>;

    /// Writes what came of attempts to deliver events. Never refuses and never forgets, as [`record`](Self::record).
    fn tried_events(&self, tried: Vec<TriedEvent>) -> Answer<'static, ()>;

    /// An endpoint's delivery log before this event, the newest first; at most 1,000.
    fn event_log(&self, endpoint: u32, before: Option<u64>, limit: usize) -> Answer<'_, Vec<EventEntry>>;

    /// Owes finished events from this one to that one once more, at most `limit`, and rings. Answers how many.
    fn owe_again(&self, endpoint: u32, from: u64, to: u64, limit: usize) -> Answer<'_, usize>;

    /// The newest id in the store, of messages and alerts: ids go on from there.
    fn newest(&self) -> Answer<'_, MessageId>;

    /// Deletes finished messages and alerts older than this and idempotency keys, receipts without a message, receipt ids and figures past their time, and
    /// webhook events that are finished and past their time or number, at most `limit` messages at once. Answers how many messages went.
    fn prune(&self, before_ms: i64, limit: usize) -> Answer<'_, usize>;

    /// Erases texts of finished messages that ended before this. Answers how many.
    fn erase_texts(&self, finished_before_ms: i64, limit: usize) -> Answer<'_, usize>;

    /// Erases what is kept of one number, in steps small enough to hold up nobody, and notes it in the audit log with the last. Credits
    /// and figures stay as they are. Answers what went.
    fn erase(&self, erasure: Erasure) -> Answer<'_, Erased>;

    /// Clears the files of what was deleted, as far as that is this program's to do: afterwards the number is in none of them. `messages`:
    /// those that were erased. May write the whole store anew, during which nothing else is written: it takes as long as the disk
    /// needs for that, and as much room again.
    fn scrub(&self, number: PhoneNumber, messages: Vec<MessageId>) -> Answer<'_, Scrubbed>;

    /// What is sealed under another key than this one, in the order of places, after this place: at most `limit`, and of a bounded
    /// number of entries that are looked at.
    fn sealed(&self, not_under: u16, after: SealedPlace, limit: usize) -> Answer<'_, SealedPage>;

    /// Puts what was sealed anew in the place of what it was, where that is still there: what was changed or erased meanwhile
    /// stays so. Answers how many were put.
    fn reseal(&self, resealed: Vec<Resealed>) -> Answer<'_, usize>;
    /// The number that this node holds among those that share the store: a part of the ids that it gives. 0 where it is alone.
    fn node(&self) -> u8 {
        0
    }

    /// Whether this node's messages are certainly still its own, so that it may send them: not after it could not tell the store
    /// for so long that others may have taken them over. Asked for each message, so it only looks at a clock.
    fn may_send(&self) -> bool {
        true
    }

    /// What has happened that concerns this node. Pending for ever in a store that only one uses.
    fn notice(&self) -> BoxFuture<'_, Notice> {
        Box::pin(pending())
    }

    /// After [`Notice::Fenced`]: this node holds nothing any more of what it held before, and may send what it takes on from here.
    fn begin_anew(&self) {}

    /// Takes over at most so many unfinished messages of nodes that are gone, passcodes first. Those in state `accepted` are to be
    /// sent, those `scheduled` wait.
    fn adopt(&self, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        let _ = limit;
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Whether other nodes may use this store at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// Ready when the right to send has ended: [`may_send`](Self::may_send) says no. Others may take what this node holds soon after. Pending
    /// for ever in a store that only one uses.
    fn lapsed(&self) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    /// Who else shares the store, which connections are whose, and how gateways are there.
    fn peers(&self) -> Answer<'_, Peers> {
        Box::pin(ready(Ok(Peers::default())))
    }

    /// From the first time on this node counts as one that runs gateways. Leaves connections, takes those that nobody holds (a node that
    /// is gone holds none), and says how gateways are here. Answers what is then.
    fn claim(&self, claims: Claims) -> Answer<'_, Peers> {
        let _ = claims;
        Box::pin(ready(Ok(Peers::default())))
    }

    /// Gives messages that wait to another node, which owns them from then on. `None`, and nothing happened, where that node has not shown
    /// of late that it is there, or does not say that it can send by this gateway, or this node began anew meanwhile. Else those that went:
    /// what is finished, or another's by now, does not. Never forgotten: tried again until it is done or refused.
    fn hand_over(&self, hand_over: HandOver) -> Answer<'static, Option<Vec<MessageId>>> {
        let _ = hand_over;
        Box::pin(ready(Ok(None)))
    }

    /// Takes on at most so many messages that other nodes have given to this one, passcodes first. Each is answered once.
    fn handed(&self, limit: usize) -> Answer<'_, Vec<Handed>> {
        let _ = limit;
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Tells other nodes something in passing, at most [`MOST_TOLD`] octets: those that are there hear it soon, and it is kept nowhere. Need
    /// not be awaited.
    fn tell_peers(&self, what: Vec<u8>) -> Answer<'static, ()> {
        let _ = what;
        Box::pin(ready(Ok(())))
    }

    /// What other nodes told since this was last asked: who, and what, in the order of each. Where too much waits, the oldest is lost.
    fn told(&self) -> Vec<(u8, Vec<u8>)> {
        Vec::new()
    }

    /// What stands for the key file that this store was made with: `ours` from the first time on. Answers the one that is kept.
    fn key_mark(&self, ours: [u8; 16]) -> Answer<'_, [u8; 16]>;

    /// Writes a complete copy to a new file while everything goes on.
    fn backup(&self, to: PathBuf) -> Answer<'_, ()>;

    /// Whether the last write worked; the error if not.
    fn health(&self) -> Result<(), StoreError>;

    /// Writes all that waits, then closes.
    fn close(&self) -> Answer<'_, ()>;
}

/// What one commit cost: handed to the observer given when the store was opened.
#[derive(Debug, Clone, Copy)]
pub struct CommitStats {
    /// From the start of the transaction to the end of the sync.
    pub took: Duration,
    /// How many operations shared it.
    pub operations: usize,
}

/// Hears what each commit cost.
pub type Observer = Arc<dyn Fn(CommitStats) + Send + Sync>;

/// Most entries that [`paid_to`](Store::paid_to) answers with.
pub(crate) const MOST_PAID: usize = 1_000;

/// Most octets that nodes tell each other at once.
pub const MOST_TOLD: usize = 3_900;

/// What a node hears from a store that it shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another node changed the directory, or began or ended sessions, or may have while nothing could be heard: read them again.
    DirectoryChanged,
    /// A node is gone and has left something unfinished: [`adopt`](Store::adopt) it.
    Adoptable,
    /// This node was silent for so long that others have taken over its unfinished messages: let go of them all, then
    /// [`begin_anew`](Store::begin_anew).
    Fenced,
    /// [`delivers`](Store::delivers) answers otherwise than before: a webhook endpoint is new, or its node is gone.
    WebhooksMoved,
    /// [`may_send`](Store::may_send) says yes again, after it said no.
    MaySendAgain,
    /// Nodes came or went, or something is held or said otherwise than before: ask for the [`peers`](Store::peers).
    PeersChanged,
    /// Another node gave messages to this one: take them on ([`handed`](Store::handed)).
    Handed,
    /// Another node told something: ask [what](Store::told).
    Told,
    /// The fraud guard's blocks were changed: read [them](Store::guard_blocks) again.
    GuardChanged,
    /// Alerts were raised or took a step: read those that are [open](Store::open_alerts) again.
    AlertsChanged,
}

//! The trait that every store implements, and that one contract test holds it to.

use crate::*;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use textgate_sms::{MessageId, MessageState, VsId};

/// Shorthand for what operations return.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Whole operations in the domain's words; each one is one transaction, and has happened, durably, when its future
/// is ready with `Ok`.
///
/// **An operation that writes is queued when its method is called**, not when the future is polled: order of calls is order of
/// writing, and a future that is dropped changes nothing about what is written. (`prune` and `erase_texts`, which work in steps, and
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

    /// Keeps messages that phones sent.
    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'_, ()>;

    /// Cancels a message of this virtual server if it is unfinished, with erased text, and with refund unless an attempt says that
    /// it may have been taken. Answers its state afterwards and
    /// whether this call changed it; `None` if there is no such message.
    fn cancel(&self, vs: VsId, id: MessageId, at_ms: i64) -> Answer<'_, Option<(MessageState, bool)>>;

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

    /// Rung after each commit that owes a webhook endpoint an event.
    fn webhook_bell(&self) -> Arc<WebhookBell>;

    /// Events that an endpoint is owed after this one, in order; at most 1,000.
    fn owed_events(&self, endpoint: u32, after: u64, limit: usize) -> Answer<'_, Vec<OwedEvent>>;

    /// Writes what came of attempts to deliver events. Never refuses and never forgets, as [`record`](Self::record).
    fn tried_events(&self, tried: Vec<TriedEvent>) -> Answer<'static, ()>;

    /// An endpoint's delivery log before this event, the newest first; at most 1,000.
    fn event_log(&self, endpoint: u32, before: Option<u64>, limit: usize) -> Answer<'_, Vec<EventEntry>>;

    /// Owes finished events from this one to that one once more, at most `limit`. Answers how many.
    fn owe_again(&self, endpoint: u32, from: u64, to: u64, limit: usize) -> Answer<'_, usize>;

    /// The newest id in the store: ids go on from there.
    fn newest(&self) -> Answer<'_, MessageId>;

    /// Deletes finished messages older than this and idempotency keys, receipts without a message, receipt ids and figures past their time, and webhook
    /// events that are finished and past their time or number, at most `limit` messages at once. Answers how many messages went.
    fn prune(&self, before_ms: i64, limit: usize) -> Answer<'_, usize>;

    /// Erases texts of finished messages that ended before this. Answers how many.
    fn erase_texts(&self, finished_before_ms: i64, limit: usize) -> Answer<'_, usize>;

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

//! The embedded store: SQLite with one writer thread and readers beside it.
//!
//! Every operation that writes is queued when it is called; the writer takes all that waits into one transaction, commits it with a
//! full sync (WAL, `synchronous = FULL`), and answers them all. Whoever waits for an answer (accept, cancel, release, change) starts a
//! commit at once; outcomes and receipts linger up to [5 ms](crate::queue::LINGER) to ride along with the next one.

mod accept;
mod alerts;
mod audit;
mod backup;
mod change;
mod checkpoint;
mod command;
mod early;
mod entries;
mod erasure;
mod figures;
mod files;
mod ground;
mod guard;
mod inbound;
mod list;
mod opt_out;
mod otp;
mod page;
mod passcodes;
mod periods;
mod purse;
mod readers;
mod record;
mod retention;
mod schema;
mod sealed;
mod session;
mod sign_ins;
mod users;
mod webhooks;
mod writer;

use crate::queue::{Urgency, Waiting};
use crate::store::MOST_PAID;
use crate::webhook::MOST_EVENTS;
use crate::*;
use command::{Queue, Task, Work};
use futures_util::future::ready;
use readers::Readers;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use textgate_sms::{MessageId, MessageState, PhoneNumber, VsId};
use tokio::sync::oneshot;
use writer::{Health, Writer};

/// How a [`SqliteStore`] is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Hears what each commit cost, on the writer's thread: it must be quick.
    pub observer: Observer,
    /// Most messages that wait to be accepted; beyond it `accept` answers [`StoreError::Busy`] at once.
    pub accepts_waiting: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { observer: Arc::new(|_| ()), accepts_waiting: 10_000 }
    }
}

/// A store in one SQLite file, for one process. Dropping it writes what waits and closes it, as [`close`](Store::close) does.
pub struct SqliteStore {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    health: Health,
    accepts_waiting: usize,
    most_pages: Arc<AtomicU32>,
    bell: Arc<WebhookBell>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in this file, or makes it (mode 0600, as the files beside it). Blocks for some milliseconds.
    ///
    /// [`StoreError::Locked`] while another has it open, [`StoreError::TooNew`] where a newer version wrote it,
    /// [`StoreError::CannotOpen`] for anything else in the way.
    pub fn open(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let cannot = |reason: String| StoreError::CannotOpen { path: path.display().to_string(), reason };
        let lock = files::prepare(path)?;
        let connection = files::writing(path)?;
        let checkpoints = checkpoint::Checkpoints::start(path)?;
        let (queue, health) = (Arc::new(Queue::default()), Health::default());
        let most_pages = Arc::new(AtomicU32::new(writer::UNLIMITED));
        let bell = Arc::<WebhookBell>::default();
        let readers = Arc::new(Readers::new(path.to_owned()));
        let (tell_started, started) = mpsc::channel();
        let run = {
            let (queue, readers, health) = (queue.clone(), readers.clone(), health.clone());
            let surroundings = writer::Surroundings {
                queue: queue.clone(),
                health,
                observer: options.observer,
                most_pages: most_pages.clone(),
                bell: bell.clone(),
            };
            move || {
                let outcome = write(surroundings, &connection, checkpoints, &tell_started);
                readers.close();
                drop(connection);
                drop(lock);
                writer::answer_all(queue.closed(outcome), &StoreError::Closed);
            }
        };
        let thread = std::thread::Builder::new().name("textgate-write".to_owned()).spawn(run);
        let thread = thread.map_err(|error| cannot(error.to_string()))?;
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(cannot(error)),
            Err(_) => return Err(cannot("the writer did not start".to_owned())),
        }
        let writer = Mutex::new(Some(thread));
        Ok(Self {
            queue,
            readers,
            health,
            accepts_waiting: options.accepts_waiting,
            most_pages,
            bell,
            writer,
        })
    }

    /// Lets the file grow to this many pages of 4 KiB and no further, so that tests can fill the disk; `None` lets it
    /// grow again. In force from the next transaction on.
    #[doc(hidden)]
    pub fn limit_pages(&self, pages: Option<u32>) {
        self.most_pages.store(pages.unwrap_or(writer::UNLIMITED), Ordering::Relaxed);
    }

    /// Queues an operation now, and answers when it is on disk.
    fn write<I: Send + 'static, T: Send + 'static>(
        &self,
        input: I,
        urgency: Urgency,
        weight: usize,
        is_kept: bool,
        waiting: Option<Waiting>,
        work: Work<I, T>,
    ) -> Answer<'static, T> {
        let (reply, answer) = oneshot::channel();
        let task = Task { input, work, weight, is_kept, waiting, outcome: Err(StoreError::Closed), reply };
        if let Err(error) = self.queue.push(Box::new(task), urgency) {
            return Box::pin(ready(Err(error)));
        }
        Box::pin(async { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    /// Queues what is never refused and never forgotten.
    fn keep<I: Send + 'static, T: Send + 'static>(
        &self,
        input: I,
        weight: usize,
        work: Work<I, T>,
    ) -> Answer<'static, T> {
        self.write(input, Urgency::Lingers, weight, true, None, work)
    }

    /// Queues what somebody waits for.
    fn now<I: Send + 'static, T: Send + 'static>(&self, input: I, work: Work<I, T>) -> Answer<'static, T> {
        self.write(input, Urgency::Now, 1, false, None, work)
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<'static, T> {
        Box::pin(self.readers.clone().read(read))
    }

    /// Works off these ids in transactions small enough to hold up nobody.
    async fn in_chunks(
        &self,
        ids: Vec<MessageId>,
        work: Work<Vec<MessageId>, usize>,
    ) -> Result<usize, StoreError> {
        let mut done = 0;
        for chunk in ids.chunks(retention::CHUNK) {
            done += self.write(chunk.to_vec(), Urgency::Lingers, chunk.len(), false, None, work).await?;
        }
        Ok(done)
    }
}

/// The store in this file, locked for whoever holds the first, and a connection that reads it. None is made where there is none.
pub(crate) fn locked(path: &Path) -> Result<(files::Lock, Connection), StoreError> {
    if !path.exists() {
        let (path, reason) = (path.display().to_string(), "there is no such file".to_owned());
        return Err(StoreError::CannotOpen { path, reason });
    }
    Ok((files::prepare(path)?, files::reading(path)?))
}

/// The writer thread, from its first statement to its last.
fn write(
    surroundings: writer::Surroundings,
    connection: &Connection,
    mut checkpoints: checkpoint::Checkpoints,
    started: &mpsc::Sender<Result<(), String>>,
) -> Result<(), StoreError> {
    let mut writer = match Writer::new(surroundings, connection, checkpoints) {
        Ok(writer) => writer,
        Err(error) => {
            let _ = started.send(Err(error.to_string()));
            return Err(StoreError::Closed);
        }
    };
    let _ = started.send(Ok(()));
    let outcome = writer.run();
    checkpoints = writer.checkpoints;
    checkpoints.stop();
    outcome
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue.close(None);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
    }
}

impl Store for SqliteStore {
    fn accept(&self, messages: Vec<NewMessage>) -> Answer<'_, Vec<Accepted>> {
        let count = messages.len();
        match self.queue.room(count, self.accepts_waiting) {
            Ok(waiting) => {
                self.write(messages, Urgency::Now, count, false, Some(waiting), |session, input| {
                    accept::accept(session, input)
                })
            }
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn record(&self, finished: Vec<Finished>) -> Answer<'static, Vec<Matched>> {
        let weight = finished.len();
        self.keep(finished, weight, |session, input| Ok(rules::record(session, input)?))
    }

    fn record_receipts(&self, receipts: Vec<ReceiptRecord>) -> Answer<'_, Vec<Option<Matched>>> {
        let weight = receipts.len();
        self.keep(receipts, weight, |session, input| Ok(rules::record_receipts(session, input)?))
    }

    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'static, Vec<bool>> {
        let weight = inbound.len();
        self.keep(inbound, weight, |session, input| inbound::record(session, input))
    }

    fn record_inbound_part(&self, part: InboundPartRecord) -> Answer<'static, Vec<InboundParts>> {
        self.keep(part, 1, inbound::record_part)
    }

    fn ripe_inbound(&self, came_before_ms: i64, limit: usize) -> Answer<'_, RipeInbound> {
        self.write((came_before_ms, limit), Urgency::Lingers, 1, false, None, inbound::ripe)
    }

    fn unheard_inbound(&self, _: i64, limit: usize) -> Answer<'_, Vec<StoredInbound>> {
        self.read(move |connection| inbound::unheard(connection, limit))
    }

    fn inbound_heard(&self, ids: Vec<MessageId>) -> Answer<'static, ()> {
        let weight = ids.len();
        self.write(ids, Urgency::Lingers, weight, false, None, |session, ids| inbound::heard(session, ids))
    }

    fn inbound(
        &self,
        vs: VsId,
        filter: InboundFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<StoredInbound>> {
        self.read(move |connection| inbound::list(connection, vs, filter, before, limit))
    }

    fn inbound_message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredInbound>> {
        self.read(move |connection| inbound::one(connection, vs, id))
    }

    fn cancel(&self, vs: VsId, id: MessageId, at_ms: i64) -> Answer<'_, Option<(MessageState, bool)>> {
        self.now(rules::Cancel { vs, id, at_ms }, |session, input| Ok(rules::cancel(session, input)?))
    }

    fn check_passcode(&self, check: PasscodeCheck) -> Answer<'_, Option<PasscodeChecked>> {
        self.now(check, passcodes::check)
    }

    fn cancel_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        at_ms: i64,
    ) -> Answer<'_, Option<(PasscodeRecord, bool)>> {
        self.now((vs, id, at_ms), passcodes::cancel)
    }

    fn passcode(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<PasscodeRecord>> {
        self.read(move |connection| passcodes::one(connection, vs, id))
    }

    fn passcodes(
        &self,
        vs: VsId,
        filter: PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, PasscodePage> {
        self.read(move |connection| passcodes::page(connection, vs, &filter, before, limit))
    }

    fn pending_passcodes(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<PasscodeRecord>> {
        self.read(move |connection| passcodes::pending(connection, after, limit))
    }

    fn expire_passcodes(&self, now_ms: i64, limit: usize) -> Answer<'_, usize> {
        self.write((now_ms, limit), Urgency::Lingers, 1, false, None, passcodes::expire)
    }

    fn unfinished(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        self.read(move |connection| list::unfinished(connection, after, limit))
    }

    fn scheduled(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<(i64, MessageId)>> {
        self.read(move |connection| list::scheduled(connection, after, limit))
    }

    fn release(&self, ids: Vec<MessageId>, at_ms: i64) -> Answer<'_, Vec<StoredMessage>> {
        let weight = ids.len();
        self.write((ids, at_ms), Urgency::Now, weight, false, None, record::release)
    }

    fn message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredMessage>> {
        self.read(move |connection| Ok(list::message(connection, id)?.filter(|message| message.vs == vs)))
    }

    fn messages(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Page> {
        self.read(move |connection| page::page(connection, vs, &filter, before, limit))
    }

    fn paid_to(&self, number: PhoneNumber, limit: usize) -> Answer<'_, Vec<(MessageId, VsId)>> {
        self.read(move |connection| list::paid_to(connection, number, limit.min(MOST_PAID)))
    }

    fn add_figures(&self, tallies: Vec<Tally>) -> Answer<'_, ()> {
        let weight = tallies.len() * figures::ROWS_PER_TALLY;
        self.write(tallies, Urgency::Lingers, weight, false, None, |session, input| {
            figures::add(session, input)
        })
    }

    fn figures(&self, question: FiguresQuestion) -> Answer<'_, Vec<KeptFigures>> {
        self.read(move |connection| figures::read(connection, &question))
    }

    fn directory(&self) -> Answer<'_, Directory> {
        self.read(entries::directory)
    }

    fn change(&self, actor: String, at_ms: i64, changes: Vec<Change>) -> Answer<'_, Directory> {
        let made = self.now(change::Changes { actor, at_ms, changes }, change::change);
        let directory = self.readers.clone();
        Box::pin(async move {
            made.await?;
            directory.read(entries::directory).await
        })
    }

    fn credits(&self, vs: VsId) -> Answer<'_, Credits> {
        self.read(move |connection| entries::credits(connection, vs))
    }

    fn all_credits(&self) -> Answer<'_, Vec<(VsId, Credits)>> {
        self.read(entries::all_credits)
    }

    fn ledger(&self, vs: VsId, limit: usize) -> Answer<'_, Vec<LedgerEntry>> {
        self.read(move |connection| entries::ledger(connection, vs, limit))
    }

    fn audit(&self, filter: AuditFilter, before: Option<u64>, limit: usize) -> Answer<'_, AuditPage> {
        self.read(move |connection| audit::page(connection, &filter, before, limit))
    }

    fn verify_audit(&self, from: AuditPoint, limit: usize) -> Answer<'_, AuditCheck> {
        self.read(move |connection| audit::verify(connection, from, limit))
    }

    fn note(&self, notes: Vec<AuditNote>) -> Answer<'static, ()> {
        let weight = notes.len();
        self.write(notes, Urgency::Lingers, weight, false, None, audit::note)
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.read(sign_ins::all)
    }

    fn begin_session(&self, new: NewSession) -> Answer<'_, bool> {
        self.now(new, sign_ins::begin)
    }

    fn use_totp_step(&self, user: u32, step: u64) -> Answer<'_, bool> {
        self.now((user, step), sign_ins::use_totp_step)
    }

    fn touch_sessions(&self, seen: Vec<(SessionId, i64)>) -> Answer<'static, ()> {
        let weight = seen.len();
        self.write(seen, Urgency::Lingers, weight, false, None, sign_ins::touch)
    }

    fn end_session(&self, id: SessionId, note: AuditNote) -> Answer<'_, bool> {
        self.now((id, note), sign_ins::end)
    }

    fn expire_sessions(&self, seen_before_ms: i64, began_before_ms: i64) -> Answer<'_, usize> {
        self.write((seen_before_ms, began_before_ms), Urgency::Lingers, 1, false, None, sign_ins::expire)
    }

    fn guard_blocks(&self) -> Answer<'_, Vec<GuardBlock>> {
        self.read(guard::all)
    }

    fn keep_guard_blocks(
        &self,
        put: Vec<GuardBlock>,
        gone: Vec<(VsId, u64)>,
        notes: Vec<AuditNote>,
    ) -> Answer<'static, ()> {
        let weight = put.len() + gone.len() + notes.len();
        self.write((put, gone, notes), Urgency::Lingers, weight, false, None, guard::keep)
    }

    fn raise_alerts(&self, new: Vec<NewAlert>) -> Answer<'_, Vec<(AlertRecord, bool)>> {
        let weight = new.len();
        self.write(new, Urgency::Now, weight, false, None, alerts::raise)
    }

    fn step_alert(&self, id: MessageId, step: AlertStep) -> Answer<'_, Option<(AlertRecord, bool)>> {
        self.now((id, step), alerts::step)
    }

    fn alert(&self, id: MessageId) -> Answer<'_, Option<AlertRecord>> {
        self.read(move |connection| alerts::one(connection, id))
    }

    fn alerts(
        &self,
        vs: VsId,
        is_open: Option<bool>,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |connection| alerts::list(connection, vs, is_open, before, limit))
    }

    fn open_alerts(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |connection| alerts::open(connection, after, limit))
    }

    fn alerts_by_code(&self, code: String) -> Answer<'_, Vec<AlertRecord>> {
        self.read(move |connection| alerts::by_code(connection, &code))
    }

    fn consent(&self, said: Vec<NewConsent>) -> Answer<'_, Vec<bool>> {
        let weight = said.len();
        self.write(said, Urgency::Now, weight, false, None, opt_out::consent)
    }

    fn opt_outs(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(move |connection| opt_out::list(connection, vs, phone, before, limit))
    }

    fn opt_outs_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(move |connection| opt_out::after(connection, after, limit))
    }

    fn consents(
        &self,
        vs: VsId,
        phone: Option<PhoneKey>,
        before: Option<u64>,
        limit: usize,
    ) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(move |connection| opt_out::log(connection, vs, phone, before, limit))
    }

    fn consents_after(&self, after: u64, limit: usize) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(move |connection| opt_out::log_after(connection, after, limit))
    }

    fn newest_consent(&self) -> Answer<'_, u64> {
        self.read(opt_out::newest)
    }

    fn room(&self) -> Option<(u64, u64)> {
        let room = rustix::fs::statvfs(self.readers.path()).ok()?;
        // What this user may write: some is kept for root.
        Some((room.f_bavail.saturating_mul(room.f_frsize), room.f_blocks.saturating_mul(room.f_frsize)))
    }

    fn webhook_bell(&self) -> Arc<WebhookBell> {
        self.bell.clone()
    }

    fn owed_events(&self, endpoint: u32, after: u64, limit: usize) -> Answer<'_, Vec<OwedEvent>> {
        self.read(move |connection| webhooks::owed(connection, endpoint, after, limit.min(MOST_EVENTS)))
    }

    fn tried_events(&self, tried: Vec<TriedEvent>) -> Answer<'static, ()> {
        let weight = tried.len();
        self.keep(tried, weight, |session, input| webhooks::tried(session, input))
    }

    fn event_log(&self, endpoint: u32, before: Option<u64>, limit: usize) -> Answer<'_, Vec<EventEntry>> {
        self.read(move |connection| webhooks::log(connection, endpoint, before, limit.min(MOST_EVENTS)))
    }

    fn owe_again(&self, endpoint: u32, from: u64, to: u64, limit: usize) -> Answer<'_, usize> {
        self.now(webhooks::Again { endpoint, from, to, limit }, webhooks::again)
    }

    fn newest(&self) -> Answer<'_, MessageId> {
        self.read(list::newest)
    }

    fn prune(&self, before_ms: i64, limit: usize) -> Answer<'_, usize> {
        Box::pin(async move {
            while self.write(before_ms, Urgency::Lingers, 1, false, None, retention::expire).await? > 0 {}
            let borders =
                Arc::new(self.read(move |connection| webhooks::borders(connection, before_ms)).await?);
            let expire: Work<Arc<Vec<webhooks::Border>>, usize> =
                |session, borders| webhooks::expire(session, borders);
            while self.write(borders.clone(), Urgency::Lingers, retention::CHUNK, false, None, expire).await?
                > 0
            {}
            let old = self.read(move |connection| retention::old(connection, before_ms, limit)).await?;
            self.in_chunks(old, |session, input| retention::delete(session, input)).await
        })
    }

    fn erase_texts(&self, finished_before_ms: i64, limit: usize) -> Answer<'_, usize> {
        Box::pin(async move {
            let find =
                move |connection: &Connection| retention::with_text(connection, finished_before_ms, limit);
            let with_text = self.read(find).await?;
            self.in_chunks(with_text, |session, input| Ok(rules::erase(session, input)?)).await
        })
    }

    fn erase(&self, erasure: Erasure) -> Answer<'_, Erased> {
        Box::pin(async move {
            let (number, messages) = (erasure.number, erasure.messages.clone());
            let beside = self.read(move |connection| erasure::find_beside(connection, &messages)).await?;
            let mut erased = Erased::default();
            for chunk in erasure.messages.chunks(retention::CHUNK) {
                let (weight, input) = (chunk.len(), (number, chunk.to_vec()));
                let work = erasure::delete_messages;
                erased = erased.and(self.write(input, Urgency::Lingers, weight, false, None, work).await?);
            }
            for chunk in beside.chunks(retention::CHUNK) {
                let work = erasure::delete_beside;
                self.write(chunk, Urgency::Lingers, retention::CHUNK, false, None, work).await?;
            }
            Ok(erased.and(self.now(erasure, erasure::erase).await?))
        })
    }

    fn scrub(&self, number: PhoneNumber, _: Vec<MessageId>) -> Answer<'_, Scrubbed> {
        let (reply, answer) = oneshot::channel();
        let path = self.readers.path().to_owned();
        let scrub = erasure::Scrub { number, path, reply, outcome: Err(StoreError::Closed) };
        if let Err(error) = self.queue.push(Box::new(scrub), Urgency::Now) {
            return Box::pin(ready(Err(error)));
        }
        Box::pin(async { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    fn sealed(&self, not_under: u16, after: SealedPlace, limit: usize) -> Answer<'_, SealedPage> {
        self.read(move |connection| sealed::page(connection, not_under, after, limit))
    }

    fn reseal(&self, resealed: Vec<Resealed>) -> Answer<'_, usize> {
        Box::pin(async move {
            let mut put = 0;
            for chunk in resealed.chunks(retention::CHUNK) {
                let work = |session: &mut session::Session<'_>, input: &Vec<Resealed>| {
                    sealed::reseal(session, input)
                };
                put += self.write(chunk.to_vec(), Urgency::Lingers, chunk.len(), false, None, work).await?;
            }
            Ok(put)
        })
    }

    fn key_mark(&self, ours: [u8; 16]) -> Answer<'_, [u8; 16]> {
        Box::pin(async move {
            if let Some(kept) = self.read(entries::key_mark).await? {
                return Ok(kept);
            }
            self.now(ours, entries::keep_key_mark).await?;
            Ok(self.read(entries::key_mark).await?.unwrap_or(ours))
        })
    }

    fn backup(&self, to: PathBuf) -> Answer<'_, ()> {
        let readers = self.readers.clone();
        Box::pin(async move {
            let copied = tokio::task::spawn_blocking(move || backup::backup(&readers, &to)).await;
            copied.unwrap_or_else(|_| Err(StoreError::Unavailable("the backup stopped".to_owned())))
        })
    }

    fn health(&self) -> Result<(), StoreError> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn close(&self) -> Answer<'_, ()> {
        let (closer, closed) = oneshot::channel();
        self.queue.close(Some(closer));
        Box::pin(async { closed.await.unwrap_or(Err(StoreError::Closed)) })
    }
}

//! A store in which being asked and being on disk are two things: commits take their time, fail, and are lost in a crash.

use super::dice::Dice;
use super::disk::Disk;
use super::schedule::DiskMood;
use super::world::World;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use textgate_sms::{MessageId, MessageState, PhoneNumber, VsId};
use textgate_store::*;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

/// How long a closing store goes on trying.
pub(super) const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

type Say = Box<dyn FnOnce() + Send>;
type Write = Box<dyn FnOnce(Result<&mut Disk, StoreError>) -> Say + Send>;

/// One operation that waits to be written.
struct Waiting {
    /// Whose place is not known until it is answered.
    ids: Vec<MessageId>,
    is_kept: bool,
    write: Write,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    unsettled: BTreeMap<MessageId, u32>,
    is_closing: bool,
    is_closed: bool,
    health: Option<StoreError>,
}

/// The store of one life of the program.
pub(super) struct ModelStore {
    world: Arc<World>,
    disk: Arc<Mutex<Disk>>,
    mood: Arc<Mutex<DiskMood>>,
    queue: Mutex<Queue>,
    bell: Notify,
    dice: Mutex<Dice>,
}

fn full() -> StoreError {
    StoreError::Unavailable("the disk is full".into())
}

impl ModelStore {
    pub(super) fn new(
        world: &Arc<World>,
        disk: &Arc<Mutex<Disk>>,
        mood: &Arc<Mutex<DiskMood>>,
        dice: Dice,
    ) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            disk: Arc::clone(disk),
            mood: Arc::clone(mood),
            queue: Mutex::default(),
            bell: Notify::new(),
            dice: Mutex::new(dice),
        })
    }

    /// Messages that an operation on its way is about.
    pub(super) fn unsettled(&self) -> Vec<MessageId> {
        self.queue().unsettled.keys().copied().collect()
    }

    /// Writes what waits, in groups, until the program ends.
    pub(super) async fn write(self: Arc<Self>) {
        loop {
            let mut bell = std::pin::pin!(self.bell.notified());
            bell.as_mut().enable();
            if self.queue().waiting.is_empty() {
                if self.queue().is_closing {
                    self.queue().is_closed = true;
                    return;
                }
                bell.await;
                continue;
            }
            self.pause().await;
            if matches!(*self.mood.lock().unwrap(), DiskMood::Full) {
                self.refuse();
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            let (batch, mut says) = (self.batch(), Vec::new());
            {
                let mut disk = self.disk.lock().unwrap();
                for waiting in batch {
                    says.push((waiting.ids, (waiting.write)(Ok(&mut disk))));
                }
            }
            self.queue().health = None;
            // On disk, and nobody knows yet.
            self.pause().await;
            for (ids, say) in says {
                say();
                self.queue().settle(&ids);
            }
        }
    }

    /// What goes into the next commit: not always all of it.
    fn batch(&self) -> Vec<Waiting> {
        let mut dice = self.dice.lock().unwrap();
        let mut queue = self.queue();
        let all = queue.waiting.len();
        let count = if dice.percent(70) { all } else { 1 + dice.below(all as u64) as usize };
        queue.waiting.drain(..count).collect()
    }

    fn refuse(&self) {
        let mut queue = self.queue();
        queue.health = Some(full());
        let (kept, refused): (VecDeque<_>, VecDeque<_>) =
            queue.waiting.drain(..).partition(|waiting| waiting.is_kept);
        queue.waiting = kept;
        drop(queue);
        for waiting in refused {
            (waiting.write)(Err(full()))();
            self.queue().settle(&waiting.ids);
        }
    }

    async fn pause(&self) {
        let most = match *self.mood.lock().unwrap() {
            DiskMood::Takes(ms) => ms,
            DiskMood::Full | DiskMood::Busy => 3,
        };
        let pause = self.dice.lock().unwrap().below(most + 1);
        if pause > 0 {
            sleep(Duration::from_millis(pause)).await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap()
    }

    fn ask<T: Send + 'static>(
        &self,
        ids: Vec<MessageId>,
        is_kept: bool,
        write: impl FnOnce(&World, &mut Disk) -> T + Send + 'static,
    ) -> Answer<'static, T> {
        let (reply, answer) = oneshot::channel();
        let world = Arc::clone(&self.world);
        let write = Box::new(move |disk: Result<&mut Disk, StoreError>| -> Say {
            let outcome = disk.map(|disk| write(&world, disk));
            Box::new(move || drop(reply.send(outcome)))
        });
        let mut queue = self.queue();
        if queue.is_closing {
            return Box::pin(std::future::ready(Err(StoreError::Closed)));
        }
        for id in &ids {
            *queue.unsettled.entry(*id).or_default() += 1;
        }
        queue.waiting.push_back(Waiting { ids, is_kept, write });
        drop(queue);
        self.bell.notify_waiters();
        Box::pin(async move { answer.await.unwrap_or(Err(StoreError::Closed)) })
    }

    /// What is on disk, a little later.
    fn read<T: Send + 'static>(&self, read: impl FnOnce(&Disk) -> T + Send + 'static) -> Answer<'static, T> {
        let (disk, ms) = (Arc::clone(&self.disk), self.dice.lock().unwrap().below(4));
        Box::pin(async move {
            if ms > 0 {
                sleep(Duration::from_millis(ms)).await;
            }
            let disk = disk.lock().unwrap();
            Ok(read(&disk))
        })
    }
}

impl Queue {
    fn settle(&mut self, ids: &[MessageId]) {
        for id in ids {
            if let Some(count) = self.unsettled.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    self.unsettled.remove(id);
                }
            }
        }
    }
}

impl Store for ModelStore {
    fn accept(&self, new: Vec<NewMessage>) -> Answer<'_, Vec<Accepted>> {
        if matches!(*self.mood.lock().unwrap(), DiskMood::Busy) {
            return Box::pin(std::future::ready(Err(StoreError::Busy)));
        }
        let ids = new.iter().map(|message| message.id).collect();
        self.ask(ids, false, move |world, disk| disk.accept(world, &new))
    }

    fn record(&self, finished: Vec<Finished>) -> Answer<'static, Vec<Matched>> {
        let ids = finished.iter().filter(|one| one.transition.is_some()).map(|one| one.id).collect();
        self.ask(ids, true, move |world, disk| disk.record(world, &finished))
    }

    fn record_receipts(&self, receipts: Vec<ReceiptRecord>) -> Answer<'_, Vec<Option<Matched>>> {
        self.ask(Vec::new(), false, move |world, disk| disk.receipts(world, &receipts))
    }

    fn record_inbound(&self, inbound: Vec<InboundRecord>) -> Answer<'static, Vec<bool>> {
        self.ask(Vec::new(), false, move |_, _| vec![true; inbound.len()])
    }

    fn record_inbound_part(&self, _: InboundPartRecord) -> Answer<'static, Vec<InboundParts>> {
        self.ask(Vec::new(), false, |_, _| Vec::new())
    }

    fn ripe_inbound(&self, _: i64, _: usize) -> Answer<'_, RipeInbound> {
        self.read(|_| RipeInbound::default())
    }

    fn unheard_inbound(&self, _: i64, _: usize) -> Answer<'_, Vec<StoredInbound>> {
        self.read(|_| Vec::new())
    }

    fn inbound_heard(&self, _: Vec<MessageId>) -> Answer<'static, ()> {
        self.ask(Vec::new(), false, |_, _| ())
    }

    fn inbound(
        &self,
        _: VsId,
        _: InboundFilter,
        _: Option<MessageId>,
        _: usize,
    ) -> Answer<'_, Vec<StoredInbound>> {
        self.read(|_| Vec::new())
    }

    fn inbound_message(&self, _: VsId, _: MessageId) -> Answer<'_, Option<StoredInbound>> {
        self.read(|_| None)
    }

    fn cancel(&self, vs: VsId, id: MessageId, _: i64) -> Answer<'_, Option<(MessageState, bool)>> {
        self.ask(vec![id], false, move |world, disk| disk.cancel(world, vs, id))
    }

    fn check_passcode(&self, check: PasscodeCheck) -> Answer<'_, Option<PasscodeChecked>> {
        self.ask(Vec::new(), false, move |_, disk| disk.passcodes.check(&check))
    }

    fn cancel_passcode(
        &self,
        vs: VsId,
        id: MessageId,
        at_ms: i64,
    ) -> Answer<'_, Option<(PasscodeRecord, bool)>> {
        self.ask(Vec::new(), false, move |_, disk| disk.passcodes.cancel(vs, id, at_ms))
    }

    fn passcode(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<PasscodeRecord>> {
        self.read(move |disk| disk.passcodes.one(vs, id))
    }

    fn passcodes(
        &self,
        vs: VsId,
        filter: PasscodeFilter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Answer<'_, PasscodePage> {
        self.read(move |disk| disk.passcodes.page(vs, &filter, before, limit))
    }

    fn pending_passcodes(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<PasscodeRecord>> {
        self.read(move |disk| disk.passcodes.pending(after, limit))
    }

    fn expire_passcodes(&self, _: i64, _: usize) -> Answer<'_, usize> {
        self.read(|_| 0)
    }

    fn unfinished(&self, after: MessageId, limit: usize) -> Answer<'_, Vec<StoredMessage>> {
        self.read(move |disk| {
            let open = disk.messages.values().filter(|m| m.id > after && m.state == MessageState::Accepted);
            open.take(limit).cloned().collect()
        })
    }

    fn scheduled(&self, after: (i64, MessageId), limit: usize) -> Answer<'_, Vec<(i64, MessageId)>> {
        self.read(move |disk| {
            let waiting = disk.messages.values().filter(|m| m.state == MessageState::Scheduled);
            let mut due: Vec<_> =
                waiting.filter_map(|m| Some((m.due_ms?, m.id))).filter(|due| *due > after).collect();
            due.sort();
            due.truncate(limit);
            due
        })
    }

    fn release(&self, ids: Vec<MessageId>, _: i64) -> Answer<'_, Vec<StoredMessage>> {
        self.ask(ids.clone(), false, move |world, disk| disk.release(world, &ids))
    }

    fn message(&self, vs: VsId, id: MessageId) -> Answer<'_, Option<StoredMessage>> {
        self.read(move |disk| disk.messages.get(&id).filter(|m| m.vs == vs).cloned())
    }

    fn messages(&self, _: VsId, _: Filter, _: Option<MessageId>, _: usize) -> Answer<'_, Page> {
        self.read(|_| Page { messages: Vec::new(), next: None })
    }

    fn paid_to(&self, _: PhoneNumber, _: usize) -> Answer<'_, Vec<(MessageId, VsId)>> {
        self.read(|_| Vec::new())
    }

    fn add_figures(&self, _: Vec<Tally>) -> Answer<'_, ()> {
        self.ask(Vec::new(), false, |_, _| ())
    }

    fn figures(&self, _: FiguresQuestion) -> Answer<'_, Vec<KeptFigures>> {
        self.read(|_| Vec::new())
    }

    fn directory(&self) -> Answer<'_, Directory> {
        self.read(|disk| disk.directory.clone())
    }

    fn change(&self, _: String, _: i64, changes: Vec<Change>) -> Answer<'_, Directory> {
        self.ask(Vec::new(), false, move |_, disk| disk.change_directory(changes))
    }

    fn credits(&self, vs: VsId) -> Answer<'_, Credits> {
        self.read(move |disk| disk.credits.get(&vs).copied().unwrap_or_default())
    }

    fn all_credits(&self) -> Answer<'_, Vec<(VsId, Credits)>> {
        self.read(|disk| disk.credits.iter().map(|(vs, credits)| (*vs, *credits)).collect())
    }

    fn ledger(&self, _: VsId, _: usize) -> Answer<'_, Vec<LedgerEntry>> {
        self.read(|_| Vec::new())
    }

    fn audit(&self, _: AuditFilter, _: Option<u64>, _: usize) -> Answer<'_, AuditPage> {
        self.read(move |_| AuditPage { entries: Vec::new(), next: None })
    }

    fn verify_audit(&self, at: AuditPoint, _: usize) -> Answer<'_, AuditCheck> {
        self.read(move |_| AuditCheck { at, broken: None, is_end: true })
    }

    fn note(&self, _: Vec<AuditNote>) -> Answer<'static, ()> {
        self.read(move |_| ())
    }

    fn sessions(&self) -> Answer<'_, Vec<SessionRecord>> {
        self.read(move |_| Vec::new())
    }

    fn begin_session(&self, _: NewSession) -> Answer<'_, bool> {
        self.read(move |_| false)
    }

    fn use_totp_step(&self, _: u32, _: u64) -> Answer<'_, bool> {
        self.read(move |_| false)
    }

    fn touch_sessions(&self, _: Vec<(SessionId, i64)>) -> Answer<'static, ()> {
        self.read(move |_| ())
    }

    fn end_session(&self, _: SessionId, _: AuditNote) -> Answer<'_, bool> {
        self.read(move |_| false)
    }

    fn expire_sessions(&self, _: i64, _: i64) -> Answer<'_, usize> {
        self.read(move |_| 0)
    }

    fn guard_blocks(&self) -> Answer<'_, Vec<GuardBlock>> {
        self.read(|_| Vec::new())
    }

    fn keep_guard_blocks(
        &self,
        _: Vec<GuardBlock>,
        _: Vec<(VsId, u64)>,
        _: Vec<AuditNote>,
    ) -> Answer<'static, ()> {
        self.read(move |_| ())
    }

    fn raise_alerts(&self, new: Vec<NewAlert>) -> Answer<'_, Vec<(AlertRecord, bool)>> {
        self.read(move |_| new.into_iter().map(|new| (new.record, true)).collect())
    }

    fn step_alert(&self, _: MessageId, _: AlertStep) -> Answer<'_, Option<(AlertRecord, bool)>> {
        self.read(|_| None)
    }

    fn alert(&self, _: MessageId) -> Answer<'_, Option<AlertRecord>> {
        self.read(|_| None)
    }

    fn alerts(
        &self,
        _: VsId,
        _: Option<bool>,
        _: Option<MessageId>,
        _: usize,
    ) -> Answer<'_, Vec<AlertRecord>> {
        self.read(|_| Vec::new())
    }

    fn open_alerts(&self, _: MessageId, _: usize) -> Answer<'_, Vec<AlertRecord>> {
        self.read(|_| Vec::new())
    }

    fn alerts_by_code(&self, _: String) -> Answer<'_, Vec<AlertRecord>> {
        self.read(|_| Vec::new())
    }

    fn consent(&self, said: Vec<NewConsent>) -> Answer<'_, Vec<bool>> {
        self.read(move |_| vec![false; said.len()])
    }

    fn opt_outs(
        &self,
        _: VsId,
        _: Option<PhoneKey>,
        _: Option<u64>,
        _: usize,
    ) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(|_| Vec::new())
    }

    fn opt_outs_after(&self, _: u64, _: usize) -> Answer<'_, Vec<OptOutRecord>> {
        self.read(|_| Vec::new())
    }

    fn consents(
        &self,
        _: VsId,
        _: Option<PhoneKey>,
        _: Option<u64>,
        _: usize,
    ) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(|_| Vec::new())
    }

    fn consents_after(&self, _: u64, _: usize) -> Answer<'_, Vec<ConsentRecord>> {
        self.read(|_| Vec::new())
    }

    fn newest_consent(&self) -> Answer<'_, u64> {
        self.read(|_| 0)
    }

    fn webhook_bell(&self) -> Arc<WebhookBell> {
        Arc::default()
    }

    fn owed_events(&self, _: u32, _: u64, _: usize) -> Answer<'_, Vec<OwedEvent>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn tried_events(&self, _: Vec<TriedEvent>) -> Answer<'static, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn event_log(&self, _: u32, _: Option<u64>, _: usize) -> Answer<'_, Vec<EventEntry>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn owe_again(&self, _: u32, _: u64, _: u64, _: usize) -> Answer<'_, usize> {
        Box::pin(std::future::ready(Ok(0)))
    }

    fn newest(&self) -> Answer<'_, MessageId> {
        self.read(|disk| disk.messages.keys().next_back().copied().unwrap_or(MessageId::from_u64(0)))
    }

    fn prune(&self, _: i64, _: usize) -> Answer<'_, usize> {
        self.read(|_| 0)
    }

    fn erase_texts(&self, _: i64, _: usize) -> Answer<'_, usize> {
        self.read(|_| 0)
    }

    fn erase(&self, _: Erasure) -> Answer<'_, Erased> {
        self.read(|_| Erased::default())
    }

    fn scrub(&self, _: PhoneNumber, _: Vec<MessageId>) -> Answer<'_, Scrubbed> {
        self.read(|_| Scrubbed::default())
    }

    fn sealed(&self, _: u16, _: SealedPlace, _: usize) -> Answer<'_, SealedPage> {
        self.read(|_| SealedPage { found: Vec::new(), looked_at: 0, next: None })
    }

    fn reseal(&self, _: Vec<Resealed>) -> Answer<'_, usize> {
        self.read(|_| 0)
    }

    fn key_mark(&self, ours: [u8; 16]) -> Answer<'_, [u8; 16]> {
        Box::pin(std::future::ready(Ok(ours)))
    }

    fn backup(&self, _: PathBuf) -> Answer<'_, ()> {
        self.read(|_| ())
    }

    fn health(&self) -> Result<(), StoreError> {
        self.queue().health.clone().map_or(Ok(()), Err)
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.queue().is_closing = true;
            self.bell.notify_waiters();
            let gives_up = Instant::now() + CLOSE_PATIENCE;
            while !self.queue().is_closed {
                if Instant::now() >= gives_up {
                    return Err(full());
                }
                sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        })
    }
}

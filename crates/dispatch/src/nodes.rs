//! What a node does that shares its store with others: it follows their changes of the directory, takes over what one that is gone
//! has not finished, and lets go of everything where it was itself taken for gone.
//!
//! A **tenure** is the time from one such end to the next. Each message in memory carries the tenure in which it came there; one of
//! an earlier tenure is dropped where it would be sent, because it may be another's by now.

use crate::engine::Engine;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use textgate_sms::{IdSequence, MessageId, MessageState};
use textgate_store::{Notice, StoreError, StoredMessage};
use tokio_util::sync::CancellationToken;

/// Messages taken over at once, so that other nodes get their share.
const ADOPTED_AT_ONCE: usize = 200;
/// Between two such steps.
const BREATH: Duration = Duration::from_millis(20);
/// After the store could not do what a notice asks for.
const PAUSE: Duration = Duration::from_secs(1);
/// Messages read at once.
const PAGE: usize = 2_000;

/// This node's tenure.
#[derive(Default)]
pub(crate) struct Tenure {
    number: AtomicU32,
    /// What was read back when it began.
    read_back: Mutex<HashSet<MessageId>>,
}

impl Tenure {
    /// The present one, for a message that comes into memory.
    pub(crate) fn now(&self) -> u32 {
        self.number.load(Ordering::Acquire)
    }
}

/// Does what notices of the store ask for, until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    loop {
        let notice = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            notice = engine.store.notice() => notice,
        };
        loop {
            let done = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                done = engine.heed(notice) => done,
            };
            let Err(error) = done else { break };
            tracing::warn!(%error, ?notice, "a notice of the store could not be heeded; trying again");
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

impl Engine {
    async fn heed(self: &Arc<Self>, notice: Notice) -> Result<(), StoreError> {
        match notice {
            Notice::DirectoryChanged => {
                self.reread_directory().await?;
                self.reread_sessions().await
            }
            Notice::Adoptable => self.adopt().await,
            Notice::Fenced => self.begin_anew().await,
            Notice::MaySendAgain => {
                self.view.load().stations.values().for_each(|station| station.ready.notify_one());
                Ok(())
            }
            Notice::WebhooksMoved => {
                self.webhooks.follow();
                Ok(())
            }
        }
    }

    /// Takes over what others left, a little at a time.
    async fn adopt(self: &Arc<Self>) -> Result<(), StoreError> {
        let mut adopted = 0_u64;
        loop {
            let messages = self.store.adopt(ADOPTED_AT_ONCE).await?;
            if messages.is_empty() {
                break;
            }
            adopted += messages.len() as u64;
            messages.into_iter().for_each(|message| self.take_on(message));
            tokio::time::sleep(BREATH).await;
        }
        if adopted > 0 {
            tracing::info!(messages = adopted, "took over from a node that is gone");
        }
        Ok(())
    }

    /// One message that this node is to see to from now on.
    fn take_on(self: &Arc<Self>, message: StoredMessage) {
        match (message.state, message.due_ms) {
            (MessageState::Scheduled, Some(due_ms)) => self.agenda.schedule(due_ms, message.id),
            _ => {
                self.metrics.recovered.inc();
                self.resume(message);
            }
        }
    }

    /// Lets go of everything in memory, and goes on with what is still this node's own.
    ///
    /// The store accepts nothing until it hears that this is done, so what is read here is all there is.
    async fn begin_anew(self: &Arc<Self>) -> Result<(), StoreError> {
        let (mut found, mut after) = (Vec::new(), MessageId::from_u64(0));
        loop {
            let page = self.store.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            found.extend(page);
        }
        let (mut scheduled, mut after) = (Vec::new(), (i64::MIN, MessageId::from_u64(0)));
        loop {
            let page = self.store.scheduled(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            scheduled.extend(page);
        }
        let newest = self.store.newest().await?;
        *self.tenure.read_back.lock().unwrap_or_else(PoisonError::into_inner) =
            found.iter().map(|message| message.id).collect();
        self.tenure.number.fetch_add(1, Ordering::AcqRel);
        let mut dropped = self.agenda.clear();
        for station in self.view.load().stations.values() {
            dropped += station.clear();
        }
        self.dropped(dropped);
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = IdSequence::new(self.store.node(), newest);
        self.store.begin_anew();
        tracing::warn!(let_go = dropped, own = found.len(), "this node has begun anew");
        found.into_iter().for_each(|message| self.take_on(message));
        scheduled.into_iter().for_each(|(due_ms, id)| self.agenda.schedule(due_ms, id));
        Ok(())
    }

    /// A message of an earlier tenure: it goes no further, unless the store says that it is this node's own after all (it was accepted
    /// at the very moment when the tenure ended).
    pub(crate) fn let_go(self: &Arc<Self>, id: MessageId) {
        self.dropped(1);
        if self.tenure.read_back.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return;
        }
        let engine = Arc::clone(self);
        tokio::spawn(async move {
            let before = MessageId::from_u64(id.as_u64() - 1);
            loop {
                match engine.store.unfinished(before, 1).await {
                    Ok(found) => {
                        let own = found.into_iter().find(|message| message.id == id);
                        return own.into_iter().for_each(|message| engine.take_on(message));
                    }
                    Err(StoreError::Closed) => return,
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
    }
}

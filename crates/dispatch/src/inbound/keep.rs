//! The one task that sees to what phones sent: puts together what has waited long enough, and has heard what nobody has heard yet.

use super::heard::Heard;
use crate::agenda::Alarm;
use crate::engine::Engine;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use textgate_store::StoreError;
use tokio_util::sync::CancellationToken;

/// How long a part waits for the others (ms): networks bring them within seconds, and begin again after some minutes.
pub(super) const WAIT_MS: i64 = 10 * 60_000;
/// How long what another node kept is that node's to have heard (ms); then it is taken for gone.
const OTHERS_MS: i64 = 60_000;
/// Most that are read at once.
const PAGE: usize = 100;
/// After the store could not do it.
const AGAIN: Duration = Duration::from_secs(2);

/// Sees to it until `stop`.
pub(crate) async fn keep(engine: Arc<Engine>, stop: CancellationToken) {
    engine.inbox.are_parts_due.store(true, Ordering::Release);
    engine.look_at_others_inbound();
    loop {
        let mut woken = pin!(engine.inbox.woken.notified());
        woken.as_mut().enable();
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            looked = engine.look_at_inbound() => looked,
        };
        let again = async {
            match looked {
                Ok(()) => std::future::pending().await,
                Err(error) => {
                    tracing::warn!(%error, "messages of phones wait to be heard; trying again in a moment");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = woken => {}
            () = again => {}
        }
    }
}

impl Engine {
    /// Has parts looked at that have waited long enough, and everything that is unheard.
    pub(crate) fn look_at_inbound_again(&self) {
        self.inbox.is_rung.store(false, Ordering::Release);
        self.inbox.are_parts_due.store(true, Ordering::Release);
        self.inbox.woken.notify_one();
    }

    /// Has looked, in a while, at what a node left that is gone by now. A store that only one uses has none.
    pub(crate) fn look_at_others_inbound(&self) {
        if self.store.node() != 0 {
            self.agenda.ring(self.clock.now_ms() + OTHERS_MS + 1, Alarm::Inbound);
        }
    }

    async fn look_at_inbound(self: &Arc<Self>) -> Result<(), StoreError> {
        if self.inbox.are_parts_due.swap(false, Ordering::AcqRel) {
            let looked = self.look_at_parts().await;
            if looked.is_err() {
                self.inbox.are_parts_due.store(true, Ordering::Release);
            }
            looked?;
        }
        loop {
            let others_before_ms = self.clock.now_ms() - OTHERS_MS;
            let unheard = self.store.unheard_inbound(others_before_ms, PAGE).await?;
            let count = unheard.len();
            let mut heard = Vec::with_capacity(count);
            let mut outcome = Ok(());
            for stored in unheard {
                let id = stored.id;
                // What cannot be opened is shown as that, and nobody can hear it.
                if let Some(message) = self.open_inbound(&stored) {
                    outcome = self.hear(&Heard::new(&stored, message)).await;
                }
                if outcome.is_err() {
                    break;
                }
                heard.push(id);
            }
            if !heard.is_empty() {
                self.store.inbound_heard(heard).await?;
            }
            outcome?;
            if count < PAGE {
                return Ok(());
            }
        }
    }

    async fn look_at_parts(&self) -> Result<(), StoreError> {
        loop {
            let found = self.store.ripe_inbound(self.clock.now_ms() - WAIT_MS, PAGE).await?;
            if found.ripe.is_empty() {
                if let Some(oldest_ms) = found.oldest_ms {
                    self.wait_for_parts(oldest_ms);
                }
                return Ok(());
            }
            self.put_together(found.ripe).await?;
        }
    }
}

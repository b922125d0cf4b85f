//! The other side of the gateways' border: where one gateway gets its messages and leaves what came of them.

use crate::engine::Engine;
use crate::station::Station;
use crate::words::What;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};
use textgate_gateway::{Health, Inbound, NotKept, Outcome, Receipt, Shares, Submission, Work};
use textgate_sms::{MessageState, ReceiptState};
use textgate_store::{Matched, ReceiptRecord, StoreError};
use tokio::sync::Notify;

/// The work of one gateway.
pub(crate) struct StationWork {
    pub(crate) engine: Arc<Engine>,
    pub(crate) station: Arc<Station>,
}

impl Work for StationWork {
    fn take(&self, room: usize, into: &mut Vec<Box<Submission>>) {
        if !self.engine.store.may_send() {
            return;
        }
        let (now, now_ms) = (self.engine.clock.now(), self.engine.clock.now_ms());
        let (before, mut expired) = (into.len(), Vec::new());
        let only_urgent = self.engine.unrecorded.are_too_many();
        self.station.take(room, now, now_ms, only_urgent, into, &mut expired);
        self.taken(now, &mut into[before..], expired, false);
    }

    fn take_along(
        &self,
        room: usize,
        fits: &mut dyn FnMut(&[Box<Submission>], &Submission) -> bool,
        into: &mut Vec<Box<Submission>>,
    ) {
        if !self.engine.store.may_send() || self.engine.unrecorded.are_too_many() {
            return;
        }
        let (now, now_ms) = (self.engine.clock.now(), self.engine.clock.now_ms());
        let (before, mut expired) = (into.len(), Vec::new());
        self.station.take_along(room, now, now_ms, fits, into, &mut expired);
        self.taken(now, &mut into[before..], expired, true);
    }

    fn ready(&self) -> &Notify {
        &self.station.ready
    }

    fn done(&self, finished: &mut Vec<(Box<Submission>, Outcome)>) {
        if !finished.is_empty() {
            self.engine.outcomes(&self.station, finished);
        }
    }

    fn receipts(&self, receipts: Vec<Receipt>) -> BoxFuture<'_, Result<(), NotKept>> {
        let at_ms = self.engine.clock.now_ms();
        let record = |receipt: Receipt| ReceiptRecord {
            gateway: self.station.id,
            candidates: receipt.candidates,
            number: receipt.number,
            state: receipt.state,
            error: receipt.error,
            at_ms,
        };
        let said: SmallVec<[ReceiptState; 16]> = receipts.iter().map(|receipt| receipt.state).collect();
        let kept = self.engine.store.record_receipts(receipts.into_iter().map(record).collect());
        Box::pin(async move {
            for (matched, state) in kept.await.map_err(not_kept)?.into_iter().zip(said) {
                let Some(matched) = matched else {
                    self.engine.metrics.receipts_unmatched.inc();
                    continue;
                };
                self.engine.metrics.receipts.inc();
                self.engine.tell(matched.id, matched.vs, || What::Receipt {
                    gateway: self.station.built().name.clone(),
                    state,
                });
                self.engine.matched(&matched);
            }
            Ok(())
        })
    }

    fn inbound(&self, inbound: Inbound) -> BoxFuture<'_, Result<(), NotKept>> {
        let kept = self.engine.arrived(&self.station, inbound);
        Box::pin(async move { kept.await.map_err(not_kept) })
    }

    fn health(&self, health: Health) {
        match &health {
            Health::Down { reason, is_account } => {
                tracing::warn!(gateway = %self.station.id, %reason, is_account, "gateway down");
            }
            Health::Up { .. } => tracing::info!(gateway = %self.station.id, "gateway up"),
            Health::Connecting => tracing::debug!(gateway = %self.station.id, "gateway connecting"),
        }
        self.engine.observe_health(&self.station, &health);
        let heard = self.station.heard(health);
        self.engine.has_changed_for_others();
        match heard {
            Some(true) => self.engine.look_everywhere(),
            Some(false) => self.engine.look(self.station.id),
            None => {}
        }
    }

    fn shares(&self) -> Option<Arc<Shares>> {
        self.station.sharing.as_ref().map(|sharing| Arc::clone(&sharing.shares))
    }
}

impl StationWork {
    /// What follows for messages that the gateway took, and for those that came too late for it.
    fn taken(
        &self,
        now: Instant,
        taken: &mut [Box<Submission>],
        expired: Vec<Box<Submission>>,
        is_along: bool,
    ) {
        for submission in taken {
            let routing = &mut submission.routing;
            (routing.since, routing.is_along) = (now, is_along);
            submission.answer_by = now + Duration::from_millis(routing.patience_ms.into());
            let waited = now.saturating_duration_since(routing.accepted_at);
            self.engine.metrics.wait[usize::from(submission.kind.code())].observe(waited.as_secs_f64());
        }
        for submission in expired {
            self.engine.finish(submission, self.engine.expired());
        }
    }
}

impl Engine {
    /// Tells and counts what a receipt did.
    pub(crate) fn matched(&self, matched: &Matched) {
        if let Some(state) = matched.changed_to {
            self.count_matched(matched);
            self.hear_receipt(matched);
            if let Some(to) = matched.to {
                self.statistics.receipt(matched.gateway, to, state, self.clock.now_ms());
            }
            self.came_to(matched.id, matched.vs, state);
        }
    }

    /// Tells and counts that a message came to another state.
    pub(crate) fn came_to(&self, id: textgate_sms::MessageId, vs: textgate_sms::VsId, state: MessageState) {
        self.metrics.finished[usize::from(state.code())].inc();
        self.tell(id, vs, || What::State(state));
    }
}

fn not_kept(error: StoreError) -> NotKept {
    NotKept(error.to_string())
}

//! Calling a message back.

use crate::accept::CarriedThrough;
use crate::engine::Engine;
use crate::figures::NO_GATEWAY;
use crate::words::DirectoryError;
use std::sync::Arc;
use textgate_gateway::Submission;
use textgate_sms::{MessageId, MessageState, OutcomeClass, VsId};
use textgate_store::{Event, StoredMessage};

impl Engine {
    /// Cancels a message unless a gateway has it. Answers its state afterwards, and whether this call changed it. What was begun
    /// is carried through even where the caller goes away: what was taken out of a lane is cancelled on disk, or goes back.
    pub(crate) fn cancel(
        self: &Arc<Self>,
        vs: VsId,
        id: MessageId,
    ) -> CarriedThrough<Result<(MessageState, bool), DirectoryError>> {
        let engine = Arc::clone(self);
        CarriedThrough::new(async move { engine.cancel_one(vs, id).await })
    }

    async fn cancel_one(
        self: &Arc<Self>,
        vs: VsId,
        id: MessageId,
    ) -> Result<(MessageState, bool), DirectoryError> {
        let message = self
            .store
            .message(vs, id)
            .await?
            .ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        if message.state == MessageState::Scheduled {
            return self.cancel_scheduled(&message).await;
        }
        if message.state != MessageState::Accepted {
            return Ok((message.state, false));
        }
        // Out of the lanes first: whoever has it in hand decides what becomes of it.
        let Some(withdrawn) = self.withdraw(id) else { return Ok((MessageState::Accepted, false)) };
        match self.cancel_stored(&message).await {
            Ok(answer) => {
                self.dropped(1);
                Ok(answer)
            }
            Err(error) => {
                self.route(withdrawn);
                Err(error)
            }
        }
    }

    async fn cancel_scheduled(
        self: &Arc<Self>,
        message: &StoredMessage,
    ) -> Result<(MessageState, bool), DirectoryError> {
        let (id, due_ms) = (message.id, message.due_ms.unwrap_or_default());
        // Off the agenda first: one that is not there is being released, and on its way to a gateway.
        let is_held = self.agenda.unschedule(due_ms, id);
        if !is_held && self.is_running() {
            return Ok((MessageState::Accepted, false));
        }
        let answer = self.cancel_stored(message).await;
        if answer.is_err() && is_held {
            self.agenda.schedule(due_ms, id);
        }
        answer
    }

    async fn cancel_stored(&self, message: &StoredMessage) -> Result<(MessageState, bool), DirectoryError> {
        let (vs, id) = (message.vs, message.id);
        let answer = self.store.cancel(vs, id, self.clock.now_ms()).await?;
        let (state, is_changed) = answer.ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        if is_changed {
            self.watches.forget(id);
            let now_ms = self.clock.now_ms();
            self.counters.count(now_ms, vs, NO_GATEWAY, |figures| figures.count(state));
            // As the store decides: what may have been taken stays paid.
            if !message.events.iter().any(may_have_been_taken) {
                message.payers.iter().for_each(|payer| self.count_returned(now_ms, *payer, message.segments));
            }
            self.came_to(id, vs, state);
        }
        Ok((state, is_changed))
    }

    /// Takes a message out of wherever it waits; `None` where a gateway has it.
    pub(crate) fn withdraw(&self, id: MessageId) -> Option<Box<Submission>> {
        let view = self.view.load();
        view.stations.values().find_map(|station| station.withdraw(id)).or_else(|| self.agenda.withdraw(id))
    }
}

/// Whether this attempt certainly or possibly left a segment with a gateway.
fn may_have_been_taken(event: &Event) -> bool {
    match event {
        Event::Attempt { class: OutcomeClass::Sent | OutcomeClass::Uncertain, .. } => true,
        Event::Attempt { provider_ids, .. } => !provider_ids.is_empty(),
        Event::State { .. } | Event::Receipt { .. } => false,
    }
}

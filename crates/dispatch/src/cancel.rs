//! Calling a message back.

use crate::engine::Engine;
use crate::words::DirectoryError;
use std::sync::Arc;
use textgate_gateway::Submission;
use textgate_sms::{MessageId, MessageState, VsId};

impl Engine {
    /// Cancels a message unless a gateway has it. Answers its state afterwards, and whether this call changed it.
    pub(crate) async fn cancel(
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
            // The store decides between this call and the release, in one order.
            let answer = self.cancel_stored(vs, id).await?;
            if let (true, Some(due_ms)) = (answer.1, message.due_ms) {
                self.agenda.unschedule(due_ms, id);
            }
            return Ok(answer);
        }
        if message.state != MessageState::Accepted {
            return Ok((message.state, false));
        }
        // Out of the lanes first: whoever has it in hand decides what becomes of it.
        let Some(withdrawn) = self.withdraw(id) else { return Ok((MessageState::Accepted, false)) };
        match self.cancel_stored(vs, id).await {
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

    async fn cancel_stored(&self, vs: VsId, id: MessageId) -> Result<(MessageState, bool), DirectoryError> {
        let answer = self.store.cancel(vs, id, self.clock.now_ms()).await?;
        let (state, is_changed) = answer.ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        if is_changed {
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

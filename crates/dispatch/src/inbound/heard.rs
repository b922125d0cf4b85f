//! Who hears of a message that a phone sent. This is the one place where something is done with it.
//!
//! [`Engine::hear`] is called with each whole message after it is on disk, in order, one after the other; and called again with it
//! where the program ended, or the store failed, before it was noted as heard. So whatever is done here is done in such a way that
//! doing it twice does it once: by a state that is there already, or under an Idempotency-Key made of [`Heard::id`].

use super::kept::Kept;
use crate::engine::Engine;
use crate::opt_out::FromPhone;
use crate::words::DirectoryError;
use std::sync::Arc;
use textgate_sms::{GatewayId, MessageId, PhoneNumber, VsId};
use textgate_store::{Filter, StoreError, StoredInbound};

/// Of the newest messages to a phone so many are looked at for one of those who share a gateway.
const MOST_LOOKED_AT: usize = 200;

/// A whole message of a phone, for all who hear of it. Has no `Debug`: it is somebody's text.
pub(crate) struct Heard {
    /// Its id.
    pub(crate) id: MessageId,
    /// Whose it is, by gateway and rules.
    pub(crate) vs: VsId,
    /// The gateway it came by.
    pub(crate) gateway: GatewayId,
    /// The phone's number; `None` where the provider gives none that can be one.
    pub(crate) number: Option<PhoneNumber>,
    /// The number or short code it was sent to.
    pub(crate) to: String,
    /// The text; where parts are missing, with `[…]` in their places.
    pub(crate) text: String,
}

impl Heard {
    pub(super) fn new(stored: &StoredInbound, kept: Kept) -> Self {
        let Kept { from, to, text, .. } = kept;
        let number = PhoneNumber::parse(&super::rules::address(&from)).ok();
        let StoredInbound { id, vs, gateway, .. } = *stored;
        Self { id, vs, gateway, number, to, text }
    }
}

impl Engine {
    /// Tells all who hear of a message of a phone. An error says that it is to be told again.
    ///
    /// # Errors
    /// The store is not available.
    pub(super) async fn hear(self: &Arc<Self>, message: &Heard) -> Result<(), StoreError> {
        self.hear_acknowledgement(message).await?;
        self.hear_wish(message).await
    }

    /// A word for no more messages, for messages again, or for help. It counts for whom the phone answers.
    async fn hear_wish(self: &Arc<Self>, message: &Heard) -> Result<(), StoreError> {
        let Some(from) = message.number else { return Ok(()) };
        if !self.is_word(&message.text) {
            return Ok(());
        }
        let heard = FromPhone {
            vs: self.answered(message, from).await?,
            from,
            to: message.to.clone(),
            gateway: Some(message.gateway),
            message: Some(message.id),
            text: message.text.clone(),
        };
        self.hear_word(&heard).await.map(drop)
    }

    /// Whom the phone answers: where no rule gives the message to somebody, and several virtual servers send by the gateway it came by,
    /// the one that wrote to the phone last.
    async fn answered(&self, message: &Heard, from: PhoneNumber) -> Result<VsId, StoreError> {
        let view = self.view.load_full();
        if view.stations.get(&message.gateway).is_none_or(|station| station.vs != message.vs) {
            return Ok(message.vs);
        }
        let sends_by_it = |vs: VsId| view.route(vs).is_some_and(|route| route.gateways_of == message.vs);
        // Whoever sends by another's gateway pays for it.
        let paid = self.store.paid_to(from, MOST_LOOKED_AT).await?;
        let Some((newest, vs)) = paid.into_iter().find(|(_, vs)| *vs != message.vs && sends_by_it(*vs))
        else {
            // Who never was written to by any of them writes to whose gateway it is.
            return Ok(message.vs);
        };
        Ok(if self.has_written_since(message.vs, from, newest).await? { message.vs } else { vs })
    }

    /// Whether a virtual server wrote to this number after that message.
    async fn has_written_since(
        &self,
        vs: VsId,
        to: PhoneNumber,
        that: MessageId,
    ) -> Result<bool, StoreError> {
        let filter = Filter { to: Some(to), since_ms: Some(that.accepted_ms()), ..Filter::default() };
        let mut before = None;
        loop {
            // A page ends where many messages to others lie in between.
            let page = self.store.messages(vs, filter.clone(), before, 1).await?;
            if let Some(found) = page.messages.first() {
                return Ok(found.id > that);
            }
            before = page.next;
            if before.is_none() {
                return Ok(false);
            }
        }
    }

    /// An answer to an alert. Whose message it is by gateway and rules does not matter: the code and the number that was told decide.
    async fn hear_acknowledgement(self: &Arc<Self>, message: &Heard) -> Result<(), StoreError> {
        let Some(number) = message.number else { return Ok(()) };
        match self.acknowledge_by_reply(number, &message.text).await {
            Ok(0) => Ok(()),
            Ok(answered) => {
                tracing::info!(message = %message.id, answered, "a phone acknowledged by reply");
                Ok(())
            }
            // The alert went meanwhile.
            Err(DirectoryError::NotFound(_)) => Ok(()),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }
}

//! Messages as their owners see them.

use super::server;
use crate::dispatch::Dispatch;
use crate::view::View;
use crate::words::{AttemptView, DirectoryError, MessagePage, MessageView, ReceiptView, StateView};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, VsId};
use textgate_store::{Event, Filter, Purpose, StoredMessage};

/// Most messages of one page.
const PAGE_MOST: usize = 1_000;

impl Dispatch {
    /// One message with its text (while it is kept, and never a passcode's), attempts and receipts.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] also for another virtual server's message, [`DirectoryError::StoreUnavailable`].
    pub async fn message(&self, vs: VsId, id: MessageId) -> Result<MessageView, DirectoryError> {
        let stored = self.engine.store.message(vs, id).await?;
        let mut stored = stored.ok_or_else(|| DirectoryError::NotFound("this message".into()))?;
        let sealed = stored.sealed_text.take().filter(|_| stored.kind != Kind::Otp);
        let text = sealed.and_then(|sealed| self.unseal_text(id, &sealed));
        Ok(MessageView { text, ..shown(&self.engine.view.load(), stored) })
    }

    /// A page of messages, the newest first, older than `before`, and without their texts; at most 1,000.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] for the virtual server, [`DirectoryError::StoreUnavailable`].
    pub async fn messages(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagePage, DirectoryError> {
        self.page(vs, filter, before, limit, false).await
    }

    /// The same with the texts that are kept, but for those of passcodes.
    ///
    /// # Errors
    /// As [`messages`](Self::messages).
    pub async fn messages_with_texts(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<MessagePage, DirectoryError> {
        self.page(vs, filter, before, limit, true).await
    }

    async fn page(
        &self,
        vs: VsId,
        filter: Filter,
        before: Option<MessageId>,
        limit: usize,
        with_texts: bool,
    ) -> Result<MessagePage, DirectoryError> {
        let view = self.engine.view.load_full();
        server(&view, vs)?;
        let page = self.engine.store.messages(vs, filter, before, limit.clamp(1, PAGE_MOST)).await?;
        let one = |mut message: StoredMessage| {
            let sealed = message.sealed_text.take().filter(|_| with_texts && message.kind != Kind::Otp);
            let text = sealed.and_then(|sealed| self.unseal_text(message.id, &sealed));
            MessageView { text, ..shown(&view, message) }
        };
        Ok(MessagePage {
            messages: page.messages.into_iter().map(one).collect(),
            next: page.next.map(|id| id.to_string()),
        })
    }

    pub(crate) fn unseal_text(&self, id: MessageId, sealed: &[u8]) -> Option<String> {
        let plain = self.engine.sealer.unseal(Purpose::Text, id.as_u64(), sealed).ok();
        let text = plain.and_then(|plain| String::from_utf8(plain).ok());
        if text.is_none() {
            // What became of the message is worth showing without its text.
            tracing::warn!(message = %id, "the text in the store is damaged");
        }
        text
    }
}

/// A stored message for people, but for its text.
pub(crate) fn shown(view: &View, stored: StoredMessage) -> MessageView {
    let accepted_ms = stored.id.accepted_ms();
    let (first, reason) = match stored.due_ms {
        Some(_) => (MessageState::Scheduled, "accepted, to be sent at its time"),
        None => (MessageState::Accepted, "accepted"),
    };
    let mut shown = MessageView {
        id: stored.id.to_string(),
        status: stored.state,
        to: stored.to.to_string(),
        kind: stored.kind,
        text: None,
        sender: stored.sender.map(Into::into),
        reference: stored.reference.map(Into::into),
        segments: stored.segments,
        encoding: stored.encoding,
        accepted_ms,
        send_at_ms: stored.due_ms,
        expires_ms: stored.expires_ms,
        changed_ms: stored.changed_ms,
        resend_of: stored.resend_of.map(|id| id.to_string()),
        history: vec![StateView { status: first, at_ms: accepted_ms, reason: reason.into() }],
        attempts: Vec::new(),
        receipts: Vec::new(),
    };
    for event in stored.events {
        add(view, &mut shown, event);
    }
    shown
}

fn add(view: &View, shown: &mut MessageView, event: Event) {
    match event {
        Event::State { at_ms, to, reason } => {
            shown.history.push(StateView { status: to, at_ms, reason: reason.into_owned() });
        }
        Event::Attempt { at_ms, took_ms, gateway, class, detail, provider_ids } => {
            shown.attempts.push(AttemptView {
                gateway: name_of(view, gateway),
                at_ms,
                took_ms,
                outcome: class,
                detail: detail.into_owned(),
                provider_ids: provider_ids.into_iter().map(Into::into).collect(),
            });
        }
        Event::Receipt { at_ms, gateway, segment, state, error } => {
            shown.receipts.push(ReceiptView {
                gateway: name_of(view, gateway),
                at_ms,
                segment: segment.saturating_add(1),
                status: state,
                error: error.map(Into::into),
            });
        }
    }
}

/// The gateway's name; its number where it has been removed since.
pub(crate) fn name_of(view: &View, gateway: GatewayId) -> String {
    match view.stations.get(&gateway) {
        Some(station) => station.built().name.clone(),
        None => gateway.to_string(),
    }
}

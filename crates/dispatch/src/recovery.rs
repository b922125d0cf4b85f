//! What a start finds in the store: messages without an outcome, which are sent again, and scheduled ones.

use crate::StartError;
use crate::accept::overwrite;
use crate::engine::Engine;
use std::sync::Arc;
use std::time::Duration;
use textgate_gateway::{Routing, Submission};
use textgate_sms::{MessageId, OutcomeClass};
use textgate_store::{Event, Purpose, StoredMessage, Transition, key_of};

/// How many are read at once.
const PAGE: usize = 2_000;

impl Engine {
    /// Puts everything that is not finished back on its way.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), StartError> {
        let mut found = 0_u64;
        let mut after = MessageId::from_u64(0);
        loop {
            let page = self.store.unfinished(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            found += page.len() as u64;
            // Without its key a text would be lost, and its message failed: that is for a person to put right first.
            let keys = page.iter().filter_map(|message| message.sealed_text.as_deref().and_then(key_of));
            if let Some(key) = keys.into_iter().find(|key| !self.sealer.has(*key)) {
                return Err(StartError::NoSuchKey(key));
            }
            page.into_iter().for_each(|message| self.resume(message));
        }
        let mut scheduled = 0_u64;
        let mut after = (i64::MIN, MessageId::from_u64(0));
        loop {
            let page = self.store.scheduled(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            scheduled += page.len() as u64;
            page.into_iter().for_each(|(due_ms, id)| self.agenda.schedule(due_ms, id));
        }
        self.metrics.recovered.inc_by(found);
        if found + scheduled > 0 {
            tracing::info!(unfinished = found, scheduled, "going on with messages from before the start");
        }
        Ok(())
    }

    /// Puts one message from the store on its way.
    pub(crate) fn resume(self: &Arc<Self>, message: StoredMessage) {
        // Whoever watched it does not any more: it is no test.
        self.resume_with(message, |_| false);
    }

    /// The same with what is known of its way so far. `note` writes that down, and answers whether it is a test.
    pub(crate) fn resume_with(
        self: &Arc<Self>,
        message: StoredMessage,
        note: impl FnOnce(&mut Routing) -> bool,
    ) {
        self.claim_place();
        let (now, now_ms) = (self.clock.now(), self.clock.now_ms());
        let view = self.view.load();
        // Whose gateways it was accepted for shows in who paid: the parent of the last payer, or its own where nobody did.
        let owner = match message.payers.last() {
            None => Some(message.vs),
            Some(payer) => view.server(*payer).and_then(|server| server.parent),
        };
        let gateways_of = owner.unwrap_or(message.vs);
        let remaining_ms = remaining_ms(&message, now_ms);
        let text = message
            .sealed_text
            .as_deref()
            .and_then(|sealed| self.sealer.unseal(Purpose::Text, message.id.as_u64(), sealed).ok())
            .and_then(|plain| String::from_utf8(plain).ok());
        let mut routing = Routing::new(message.vs, gateways_of, message.segments, now, message.expires_ms);
        routing.tenure = self.tenure.now();
        // What may have been taken before the start is not forgotten.
        for event in &message.events {
            if let Event::Attempt { class, provider_ids, .. } = event {
                let is_uncertain = *class == OutcomeClass::Uncertain;
                routing.uncertain = routing.uncertain.saturating_add(is_uncertain.into());
                let taken = if is_uncertain { message.segments } else { provider_ids.len().min(255) as u8 };
                routing.segments_sent = routing.segments_sent.saturating_add(taken);
            }
        }
        let is_test = note(&mut routing);
        let submission = Box::new(Submission {
            id: message.id,
            to: message.to,
            kind: message.kind,
            text: text.clone().unwrap_or_default().into_boxed_str(),
            sender: message.sender,
            flash: message.flash,
            overwrite: overwrite(message.overwrite),
            valid_until: now + Duration::from_millis(remaining_ms),
            answer_by: now,
            is_test,
            routing,
        });
        // What was put off until now was accepted before the phone said no.
        let is_unwanted = message.due_ms.is_some() && {
            let sender = submission.sender.as_deref();
            self.is_opted_out(&view, message.vs, message.to, sender, message.kind)
        };
        match text {
            Some(_) if is_unwanted => {
                self.metrics.opted_out.inc();
                self.finish(submission, self.opted_out());
            }
            Some(_) => self.route(submission),
            None => {
                let lost = Transition {
                    reason: "its text cannot be decrypted".into(),
                    to: textgate_sms::MessageState::Failed,
                    ..self.expired()
                };
                self.finish(submission, lost);
            }
        }
    }
}

/// How long a message from the store may still be sent. A wall clock that was set back meanwhile, as that of a machine that starts
/// without the right time, must not make it live longer than its caller said.
fn remaining_ms(message: &StoredMessage, now_ms: i64) -> u64 {
    let remaining_ms = message.expires_ms - now_ms;
    let accepted_ms = message.id.accepted_ms();
    let validity_ms = message.expires_ms - message.due_ms.unwrap_or(accepted_ms).max(accepted_ms);
    // Ids run ahead of a clock that was set back; then they tell nothing about the validity.
    let bounded_ms = if validity_ms > 0 { remaining_ms.min(validity_ms) } else { remaining_ms };
    u64::try_from(bounded_ms).unwrap_or(0)
}

//! Erasing what is kept of a number.

use super::find::{parsed, servers};
use super::views::ErasedView;
use crate::dispatch::Dispatch;
use crate::words::DirectoryError;
use textgate_sms::{MessageId, PhoneNumber, VsId};
use textgate_store::{AuditNote, Erasure};

/// What one virtual server keeps, to be erased.
#[derive(Default)]
struct Found {
    messages: Vec<MessageId>,
    segments: u64,
    cancelled: usize,
    passcodes: Vec<MessageId>,
    contacts: usize,
    alerts: usize,
    inbound: Vec<u64>,
}

impl Found {
    /// For the audit log; `None` where there was nothing.
    fn sentence(&self) -> Option<String> {
        let parts = [
            (self.messages.len() as u64, "message"),
            (self.segments, "segment"),
            (self.passcodes.len() as u64, "passcode"),
            (self.inbound.len() as u64, "inbound message"),
            (self.contacts as u64, "contact"),
            (self.alerts as u64, "alert"),
        ];
        let counted = |(count, what): &(u64, &str)| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let told: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(counted).collect();
        (!told.is_empty()).then(|| format!("erased what was kept of one number: {}", told.join(", ")))
    }
}

impl Dispatch {
    /// Erases what a virtual server and those below it keep of a number; from the root, all that there is. What is still to be sent is
    /// cancelled first. Opt-outs stay in force, as what stands for the number and does not tell it. From the root, the store's files are
    /// searched afterwards, and written anew where the number is still found: that takes as long as the disk needs.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `number`; [`DirectoryError::Conflict`] while a gateway has a message to it, where the number is the
    /// store's in a form that is not to be erased, or where something holds the files: what could be erased was;
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn erase_number(
        &self,
        actor: &str,
        within: VsId,
        number: &str,
    ) -> Result<ErasedView, DirectoryError> {
        let number = parsed(number)?;
        let (dispatch, actor) = (self.clone(), actor.to_owned());
        // A task of its own: what was begun is done, also where the caller hangs up.
        let erased = tokio::spawn(async move { dispatch.erase_all(&actor, within, number).await });
        let interrupted = |_| DirectoryError::StoreUnavailable("it was interrupted; ask again".into());
        erased.await.map_err(interrupted)?
    }

    async fn erase_all(
        &self,
        actor: &str,
        within: VsId,
        number: PhoneNumber,
    ) -> Result<ErasedView, DirectoryError> {
        let engine = &self.engine;
        let view = engine.view.load_full();
        let all = servers(&view, within)?;
        let is_whole = within == VsId::ROOT;
        let mut inbound = engine.inbound_from(&view, number).await?;
        let mut found = Vec::new();
        let mut busy = 0;
        for vs in &all {
            let mut one = Found::default();
            for message in engine.messages_to(*vs, number).await? {
                if message.state.is_unfinished() {
                    if !self.take_back(*vs, message.id).await? {
                        busy += 1;
                        continue;
                    }
                    one.cancelled += 1;
                }
                engine.watches.forget(message.id);
                one.messages.push(message.id);
                one.segments += u64::from(message.segments);
            }
            one.passcodes =
                engine.passcodes_for(*vs, number).await?.iter().map(|passcode| passcode.id).collect();
            one.inbound = inbound.remove(vs).into_iter().flatten().map(|inbound| inbound.id).collect();
            found.push((*vs, one));
        }
        if busy > 0 {
            return Err(DirectoryError::Conflict(format!(
                "{busy} messages to this number are with a gateway at this moment: ask again when they are sent; what waited was cancelled, and nothing is erased yet"
            )));
        }
        for (vs, one) in &mut found {
            one.contacts = self.remove_contacts_with(actor, *vs, number).await?;
            one.alerts = engine.take_out_of_alerts(*vs, number).await?;
        }
        let at_ms = engine.clock.now_ms();
        let note = |(vs, one): &(VsId, Found)| {
            // What a virtual server left that is gone is told of the root.
            let vs = if view.server(*vs).is_some() { *vs } else { VsId::ROOT };
            Some(AuditNote { at_ms, actor: actor.to_owned(), vs, action: one.sentence()? })
        };
        let messages: Vec<MessageId> =
            found.iter().flat_map(|(_, one)| one.messages.iter().copied()).collect();
        let erased = engine
            .store
            .erase(Erasure {
                number,
                messages: messages.clone(),
                passcodes: found.iter().flat_map(|(_, one)| one.passcodes.iter().copied()).collect(),
                inbound: found.iter().flat_map(|(_, one)| one.inbound.iter().copied()).collect(),
                phones: all.iter().map(|vs| (*vs, engine.phone_key(*vs, number))).collect(),
                servers: all.clone(),
                with_early_receipts: is_whole,
                notes: found.iter().filter_map(note).collect(),
            })
            .await?;
        if erased.test_numbers > 0 {
            let turn = engine.turn().await;
            engine.read_directory(&turn).await?;
        }
        let mut shown = ErasedView {
            messages: erased.messages,
            segments: found.iter().map(|(_, one)| one.segments).sum(),
            cancelled: found.iter().map(|(_, one)| one.cancelled).sum(),
            passcodes: erased.passcodes,
            inbound: erased.inbound,
            contacts: found.iter().map(|(_, one)| one.contacts).sum(),
            alerts: found.iter().map(|(_, one)| one.alerts).sum(),
            consents: erased.consents,
            test_numbers: erased.test_numbers,
            receipts: erased.early_receipts,
            was_searched: false,
            was_rebuilt: false,
        };
        if is_whole {
            let scrubbed = engine.store.scrub(number, messages).await?;
            (shown.was_searched, shown.was_rebuilt) = (scrubbed.was_searched, scrubbed.was_rebuilt);
            if scrubbed.left > 0 {
                return Err(DirectoryError::Conflict(format!(
                    "what is kept of this number was erased, but it is still found {} times in the store's files: in a sender, a reference, a remark or a setting that names it, or because a backup holds them; see docs/privacy.md, and ask again",
                    scrubbed.left
                )));
            }
        }
        Ok(shown)
    }

    /// Cancels a message that is still to be sent. Answers whether it is finished now.
    async fn take_back(&self, vs: VsId, id: MessageId) -> Result<bool, DirectoryError> {
        let engine = &self.engine;
        if engine.is_running() {
            let (state, _) = engine.cancel(vs, id).await?;
            return Ok(!state.is_unfinished());
        }
        // No server runs: nothing is with a gateway, nor in memory.
        let cancelled = engine.store.cancel(vs, id, engine.clock.now_ms()).await?;
        Ok(cancelled.is_none_or(|(state, _)| !state.is_unfinished()))
    }
}

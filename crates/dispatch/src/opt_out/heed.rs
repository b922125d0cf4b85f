//! What a phone says about messages, heard and answered.

use super::list::sender_of;
use super::settings::{OptOutScope, OptOutSettings};
use super::wording::Word;
use crate::engine::Engine;
use crate::view::View;
use crate::words::Request;
use std::sync::Arc;
use textgate_sms::{GatewayId, Kind, MessageId, PhoneNumber, VsId};
use textgate_store::{ConsentSource, NewConsent, PhoneKey, Purpose, StoreError, Wish};

/// A message of a phone, whole and for whom it is.
#[derive(Clone)]
pub struct FromPhone {
    /// The virtual server that it is for.
    pub vs: VsId,
    /// The phone.
    pub from: PhoneNumber,
    /// What it was sent to: a number, a short code; empty where the gateway does not tell.
    pub to: String,
    /// The gateway it came by: an answer leaves by it, where the virtual server may use it.
    pub gateway: Option<GatewayId>,
    /// Its own id, where it has one: heard once more under it, it is answered once.
    pub message: Option<MessageId>,
    /// What it says.
    pub text: String,
}

/// What a phone's word was, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heeded {
    /// The word.
    pub word: Word,
    /// Whether an opt-out began or ended.
    pub is_changed: bool,
    /// Whether it was answered.
    pub is_answered: bool,
}

/// Most characters of what is noted of a phone's word, and of a remark.
pub(super) const LONGEST_NOTE: usize = 255;

impl Engine {
    /// What stands for a phone of a virtual server in its list. It is the same for good, and tells nothing without the key file.
    pub(crate) fn phone_key(&self, vs: VsId, number: PhoneNumber) -> PhoneKey {
        self.sealer.digest(&[b"opt-out", &vs.0.to_be_bytes(), &number.as_u64().to_be_bytes()])
    }

    /// Whether a message of this kind and sender may not go to this number.
    pub(crate) fn is_opted_out(
        &self,
        view: &View,
        vs: VsId,
        to: PhoneNumber,
        sender: Option<&str>,
        kind: Kind,
    ) -> bool {
        if kind == Kind::Otp && !view.opt_out_settings(vs).refuse_passcodes {
            return false;
        }
        self.opt_outs.has(vs, sender, || self.phone_key(vs, to))
    }

    /// Whether a message is a word to any virtual server: a look that spares others the search for whom it is.
    pub(crate) fn is_word(&self, text: &str) -> bool {
        let view = self.view.load();
        OptOutSettings::default().word(text).is_some()
            || view.own_opt_out_settings().any(|settings| settings.word(text).is_some())
    }

    /// Hears what a phone says. The opt-out is on disk, and in force, when this answers; the answer to the phone is accepted, or was
    /// refused, which changes nothing about the opt-out. `None` where it is no word: then it is a message as any other.
    pub(crate) async fn hear_word(self: &Arc<Self>, heard: &FromPhone) -> Result<Option<Heeded>, StoreError> {
        let view = self.view.load_full();
        let settings = view.opt_out_settings(heard.vs);
        if !settings.listen {
            return Ok(None);
        }
        let Some((word, language)) = settings.word(&heard.text) else { return Ok(None) };
        let key = self.phone_key(heard.vs, heard.from);
        let mut is_changed = false;
        if word != Word::Help {
            let sender = match settings.scope {
                OptOutScope::VirtualServer => String::new(),
                OptOutScope::Sender => sender_of(&heard.to),
            };
            let wish = match (word, settings.scope) {
                (Word::Stop, _) => Wish::Out,
                (_, OptOutScope::Sender) => Wish::InFrom,
                _ => Wish::InAll,
            };
            let said = Said { sender, wish, source: ConsentSource::Message, actor: "phone".into() };
            let note = heard.text.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NOTE).collect();
            is_changed = self.note_consent(heard.vs, vec![(heard.from, said, note)]).await?.contains(&true);
        }
        self.metrics.on_word(word);
        let now_ms = self.clock.now_ms();
        // Who is not on the list and says YES answers something else.
        let is_to_be_answered = settings.reply && (is_changed || word != Word::Start);
        let mut is_answered = false;
        if is_to_be_answered && self.replies.allow(heard.vs, key, word, now_ms) {
            let request = Request {
                to: heard.from.to_string(),
                text: settings.answer(word, language),
                kind: Some(Kind::Text),
                sender: (!heard.to.is_empty()).then(|| heard.to.clone()),
                reference: Some(format!("opt-out {}", word.name())),
                idempotency_key: heard.message.map(|id| format!("opt-out {id}")),
                by: heard.gateway,
                is_answer: true,
                ..Request::default()
            };
            is_answered = self.accept(heard.vs, vec![request]).await.iter().all(Result::is_ok);
            if !is_answered {
                tracing::info!(
                    virtual_server = heard.vs.0,
                    word = word.name(),
                    "a phone's word could not be answered"
                );
            }
        }
        Ok(Some(Heeded { word, is_changed, is_answered }))
    }

    /// Writes what was said about messages, and brings it into force. Answers for each whether it changed anything.
    pub(super) async fn note_consent(
        self: &Arc<Self>,
        vs: VsId,
        said: Vec<(PhoneNumber, Said, String)>,
    ) -> Result<Vec<bool>, StoreError> {
        let held = self.sealer.hold();
        let at_ms = self.clock.now_ms();
        let new = said.into_iter().map(|(number, said, note)| NewConsent {
            vs,
            key: self.phone_key(vs, number),
            sealed: Some(self.sealer.seal(Purpose::OptOut, vs.0.into(), &number.as_u64().to_be_bytes())),
            sender: said.sender,
            wish: said.wish,
            at_ms,
            source: said.source,
            actor: said.actor,
            note,
        });
        let new: Vec<NewConsent> = new.collect();
        let engine = Arc::clone(self);
        // A task of its own: what is on disk must get into force also where the caller goes away.
        let changed = tokio::spawn(async move {
            let noted = engine.store.consent(new);
            drop(held);
            let changed = noted.await?;
            engine.follow_consents().await?;
            Ok(changed)
        });
        changed.await.unwrap_or_else(|_| Err(StoreError::Unavailable("it was interrupted".into())))
    }

    /// Reads all opt-outs, at a start.
    pub(crate) async fn load_opt_outs(&self) -> Result<(), StoreError> {
        let mut seen = self.opt_outs.seen.lock().await;
        // From before the list is read: what comes meanwhile is noted twice, and is the same for that.
        let newest = self.store.newest_consent().await?;
        let mut after = 0;
        loop {
            let page = self.store.opt_outs_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            page.iter().for_each(|out| self.opt_outs.note(out.vs, out.key, &out.sender, true));
        }
        *seen = newest;
        Ok(())
    }

    /// Brings what was said since, here or on other nodes, into force.
    pub(crate) async fn follow_consents(&self) -> Result<(), StoreError> {
        let mut seen = self.opt_outs.seen.lock().await;
        loop {
            let page = self.store.consents_after(*seen, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let last = last.id;
            page.iter()
                .for_each(|entry| self.opt_outs.note(entry.vs, entry.key, &entry.sender, entry.is_out));
            *seen = last;
        }
    }
}

/// Entries read at once.
const PAGE: usize = 5_000;

/// What somebody says about messages.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) sender: String,
    pub(super) wish: Wish,
    pub(super) source: ConsentSource,
    pub(super) actor: String,
}

//! All that is kept of a number, for whom it belongs to.

use super::find::{parsed, servers};
use super::views::{InboundKept, PersonalData, PersonalDataOf};
use crate::dispatch::Dispatch;
use crate::front::messages::{name_of, shown};
use crate::otp::shown as shown_passcode;
use crate::words::{DirectoryError, MessageView};
use textgate_sms::{Kind, VsId};
use textgate_store::{AuditNote, StoredMessage};

/// Most entries of opt-outs and of a consent log that are about one number of a virtual server.
const MOST_SAID: usize = 1_000;

impl Dispatch {
    /// All that a virtual server and those below it keep of a number; from the root, also what virtual servers left that are gone. The
    /// audit log notes that somebody asked, without the number.
    ///
    /// # Errors
    /// [`DirectoryError::Invalid`] at `number`, [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn personal_data(
        &self,
        actor: &str,
        within: VsId,
        number: &str,
    ) -> Result<PersonalData, DirectoryError> {
        let engine = &self.engine;
        let number = parsed(number)?;
        let view = engine.view.load_full();
        let mut inbound = engine.inbound_from(&view, number).await?;
        let mut virtual_servers = Vec::new();
        for vs in servers(&view, within)? {
            let server = view.server(vs);
            let message = |mut stored: StoredMessage| {
                let sealed = stored.sealed_text.take().filter(|_| stored.kind != Kind::Otp);
                let text = sealed.and_then(|sealed| self.unseal_text(stored.id, &sealed));
                MessageView { text, ..shown(&view, stored) }
            };
            let kept = |inbound: super::find::Inbound| InboundKept {
                gateway: name_of(&view, inbound.gateway),
                to: inbound.to,
                text: inbound.text,
            };
            let phone = Some(engine.phone_key(vs, number));
            let now_ms = engine.clock.now_ms();
            let alerts = engine.alerts_of(vs, number).await?;
            let passcodes = engine.passcodes_for(vs, number).await?;
            let opt_outs = engine.store.opt_outs(vs, phone, None, MOST_SAID).await?;
            let consents = engine.store.consents(vs, phone, None, MOST_SAID).await?;
            let of = PersonalDataOf {
                vs,
                path: server.map(|server| server.path.clone()),
                is_test_number: server.is_some_and(|server| server.settings.test_number == Some(number)),
                messages: engine.messages_to(vs, number).await?.into_iter().map(message).collect(),
                passcodes: passcodes.into_iter().map(|one| shown_passcode(one, now_ms)).collect(),
                inbound: inbound.remove(&vs).into_iter().flatten().map(kept).collect(),
                contacts: self.contacts_with(vs, number),
                alerts: alerts.iter().map(|alert| engine.shown(alert)).collect(),
                opt_outs: opt_outs.iter().map(|record| engine.shown_opt_out(record)).collect(),
                consents: consents.iter().map(|record| engine.shown_consent(record)).collect(),
            };
            if !of.is_empty() {
                virtual_servers.push(of);
            }
        }
        let at_ms = engine.clock.now_ms();
        let action = "exported what is kept of one number".to_owned();
        let note = AuditNote { at_ms, actor: actor.to_owned(), vs: within, action };
        engine.store.note(vec![note]).await?;
        Ok(PersonalData { number: number.to_string(), at_ms, virtual_servers })
    }
}

impl PersonalDataOf {
    fn is_empty(&self) -> bool {
        !self.is_test_number
            && self.messages.is_empty()
            && self.passcodes.is_empty()
            && self.inbound.is_empty()
            && self.contacts.is_empty()
            && self.alerts.is_empty()
            && self.opt_outs.is_empty()
            && self.consents.is_empty()
    }
}

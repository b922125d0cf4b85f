//! How somebody who was told acknowledges an alert: by a link that nobody guesses, or by a code in a reply.
//!
//! Both are derived from the alert's id under the key file's key, so nothing has to be kept or found. Opening the link shows the alert and
//! changes nothing: link previews open links, too.

use super::words::AlertView;
use crate::accounts::tokens::READABLE;
use crate::dispatch::Dispatch;
use crate::engine::Engine;
use crate::words::DirectoryError;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use textgate_sms::{MessageId, PhoneNumber};
use textgate_store::AlertRecord;

/// Characters of a code: 923,521 of them, and it counts only from a number that was told.
const CODE: usize = 4;
/// Characters of a link's secret part: 31¹⁴ is more than 2⁶⁹.
const SECRET: usize = 14;
/// Words of a reply that are looked up: nobody writes a code behind more.
const WORDS_MOST: usize = 20;

impl Engine {
    fn alert_characters(&self, label: &[u8], id: MessageId, count: usize) -> String {
        let digest = self.sealer.digest(&[label, &id.as_u64().to_be_bytes()]);
        let mut number = u128::from_be_bytes(digest);
        let mut text = String::with_capacity(count);
        for _ in 0..count {
            let at = usize::try_from(number % READABLE.len() as u128).unwrap_or(0);
            text.push(char::from(READABLE[at]));
            number /= READABLE.len() as u128;
        }
        text
    }

    /// What a reply has in it that acknowledges this alert.
    pub(super) fn alert_code(&self, id: MessageId) -> String {
        self.alert_characters(b"alert code", id, CODE).to_ascii_uppercase()
    }

    pub(super) fn alert_token(&self, id: MessageId) -> String {
        format!("{id}{}", self.alert_characters(b"alert link", id, SECRET))
    }

    /// The link of an alert; `None` without a public address.
    pub(super) fn alert_link(&self, id: MessageId) -> Option<String> {
        let base = self.environment.public_url.as_deref()?;
        Some(format!("{base}/console/alert/{}", self.alert_token(id)))
    }

    async fn alert_of_link(&self, token: &str) -> Result<AlertRecord, DirectoryError> {
        let unknown = || DirectoryError::NotFound("this alert".into());
        let id = token.get(..13).and_then(MessageId::parse).ok_or_else(unknown)?;
        if !bool::from(self.alert_token(id).as_bytes().ct_eq(token.as_bytes())) {
            return Err(unknown());
        }
        self.store.alert(id).await?.ok_or_else(unknown)
    }
}

impl Dispatch {
    /// The alert that a link is about. Changes nothing.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn alert_by_link(&self, token: &str) -> Result<AlertView, DirectoryError> {
        Ok(self.engine.shown(&self.engine.alert_of_link(token).await?))
    }

    /// Acknowledges the alert that a link is about. The alert afterwards.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::StoreUnavailable`].
    pub async fn acknowledge_by_link(&self, token: &str) -> Result<AlertView, DirectoryError> {
        let alert = self.engine.alert_of_link(token).await?;
        let alert = self.engine.acknowledge(alert, "link").await?;
        Ok(self.engine.shown(&alert))
    }

    /// Acknowledges the alerts whose code stands in a message that a phone sent, and of which that phone was told. Answers how many
    /// alerts the message is an answer to; with 0 it is about something else.
    ///
    /// # Errors
    /// [`DirectoryError::StoreUnavailable`].
    pub async fn acknowledge_by_reply(
        &self,
        number: PhoneNumber,
        text: &str,
    ) -> Result<usize, DirectoryError> {
        self.engine.acknowledge_by_reply(number, text).await
    }
}

impl Engine {
    /// See [`Dispatch::acknowledge_by_reply`].
    pub(crate) async fn acknowledge_by_reply(
        self: &Arc<Self>,
        number: PhoneNumber,
        text: &str,
    ) -> Result<usize, DirectoryError> {
        let mut answered = 0;
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).take(WORDS_MOST);
        let is_code = |word: &&str| {
            word.len() == CODE && word.bytes().all(|b| READABLE.contains(&b.to_ascii_lowercase()))
        };
        for word in words.filter(is_code) {
            for alert in self.store.alerts_by_code(word.to_ascii_uppercase()).await? {
                if let Some(contact) = self.told_at(&alert, number).await? {
                    let by =
                        if contact.is_empty() { "reply".to_owned() } else { format!("reply of {contact}") };
                    self.acknowledge(alert, &by).await?;
                    answered += 1;
                }
            }
        }
        Ok(answered)
    }

    /// The contact who was told of an alert at this number, if anybody was.
    async fn told_at(
        &self,
        alert: &AlertRecord,
        number: PhoneNumber,
    ) -> Result<Option<String>, DirectoryError> {
        for notice in &alert.notices {
            let Some(id) = notice.message.map(MessageId::from_u64) else { continue };
            let message = self.store.message(alert.vs, id).await?;
            if message.is_some_and(|message| message.to == number) {
                return Ok(Some(notice.contact.clone()));
            }
        }
        Ok(None)
    }
}

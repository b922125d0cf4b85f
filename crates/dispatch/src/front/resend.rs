//! Sending a message again on somebody's request: a new message that says which one it repeats.

use crate::dispatch::Dispatch;
use crate::words::{DirectoryError, Refusal, Request, Taken};
use textgate_sms::{Kind, MessageId, MessageState, VsId};

/// Why a message was not sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResendRefusal {
    /// There is no such message, or not for this caller.
    #[error("this message does not exist")]
    NotFound,
    /// It is not finished: it may still be sent.
    #[error("this message is {0}, and on its way: cancel it first, or wait for its end")]
    Unfinished(MessageState),
    /// It is a passcode: its text was erased when its way ended, and a code is not to be used twice.
    #[error(
        "this is a one-time passcode: its text was erased when it was sent, so it cannot be sent again; send a new code"
    )]
    Passcode,
    /// Its text is not kept any more.
    #[error("the text of this message has been erased, so it cannot be sent again; send a new message")]
    Erased,
    /// It could not be accepted anew.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be read.
    #[error("the store is not available: {0}")]
    StoreUnavailable(String),
}

impl Dispatch {
    /// Accepts a new message with the number, text, kind, sender, flash, overwrite and reference of an old one, and with a
    /// validity of its own. Only for messages that are finished and whose text is kept.
    ///
    /// # Errors
    /// [`ResendRefusal`].
    pub async fn resend(
        &self,
        vs: VsId,
        id: MessageId,
        idempotency_key: Option<String>,
    ) -> Result<Taken, ResendRefusal> {
        let stored = self.engine.store.message(vs, id).await;
        let stored = stored.map_err(|error| ResendRefusal::StoreUnavailable(error.to_string()))?;
        let mut stored = stored.ok_or(ResendRefusal::NotFound)?;
        if stored.state.is_unfinished() {
            return Err(ResendRefusal::Unfinished(stored.state));
        }
        if stored.kind == Kind::Otp {
            return Err(ResendRefusal::Passcode);
        }
        let text = stored.sealed_text.take().and_then(|sealed| self.unseal_text(id, &sealed));
        let request = Request {
            to: stored.to.to_string(),
            text: text.ok_or(ResendRefusal::Erased)?,
            kind: Some(stored.kind),
            sender: stored.sender.map(Into::into),
            flash: stored.flash,
            overwrite: stored.overwrite,
            validity_s: None,
            send_at_ms: None,
            reference: stored.reference.map(Into::into),
            idempotency_key,
            resend_of: Some(id),
            is_test: false,
            ..Request::default()
        };
        let mut answers = self.accept(vs, vec![request]).await;
        Ok(answers.pop().unwrap_or(Err(Refusal::StoreUnavailable))?)
    }
}

impl From<ResendRefusal> for DirectoryError {
    fn from(refusal: ResendRefusal) -> Self {
        match refusal {
            ResendRefusal::NotFound => Self::NotFound("this message".into()),
            ResendRefusal::StoreUnavailable(why) => Self::StoreUnavailable(why),
            other => Self::Conflict(other.to_string()),
        }
    }
}

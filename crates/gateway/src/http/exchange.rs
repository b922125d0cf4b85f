//! What differs from provider to provider: the request of a submission, and the meaning of the answer.

use crate::{Balance, Callback, CallbackError, Outcome, Plan, PlanError, Received, Submission};
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use std::borrow::Cow;
use std::time::Duration;
use textgate_sms::MessageId;

/// A provider's HTTP interface: pure, and free of I/O.
pub(crate) trait Exchange: Send + Sync + 'static {
    /// How the provider will send this text.
    fn plan(&self, text: &str) -> Result<Plan, PlanError>;

    /// The request that submits a message, with this token where the provider [wants one](Self::wants_token). An error is an
    /// outcome of its own: the settings make no request of this message.
    fn call(&self, submission: &Submission, token: Option<&str>) -> Result<Call, Outcome>;

    /// What the answer to this message means. `segments`: how many it has.
    fn outcome(&self, answer: &Answer, id: MessageId, segments: u8) -> Outcome;

    /// How many messages one request takes at most; 1 where each has a request of its own.
    fn most_at_once(&self) -> usize {
        1
    }

    /// Whether this message can leave in the request of those.
    fn goes_with(&self, batch: &[Box<Submission>], one: &Submission) -> bool {
        let _ = (batch, one);
        false
    }

    /// The request that submits several messages.
    fn batch_call(&self, batch: &[Box<Submission>], token: Option<&str>) -> Result<Call, Outcome> {
        let _ = (batch, token);
        Err(Outcome::failed(textgate_sms::OutcomeClass::Refused, "this provider takes one message at once"))
    }

    /// What the answer to several messages means for each of them, in their order. `None`: nothing of it was taken, because of
    /// one of them or of all; each is worth a request of its own.
    fn batch_outcomes(&self, answer: &Answer, batch: &[Box<Submission>]) -> Option<Vec<Outcome>> {
        let _ = (answer, batch);
        None
    }

    /// Whether the provider wants a token with each request.
    fn wants_token(&self) -> bool {
        false
    }

    /// The request for a token.
    fn token_call(&self) -> Result<Call, Outcome> {
        Err(Outcome::failed(textgate_sms::OutcomeClass::Refused, "this provider has no tokens"))
    }

    /// The token in the answer.
    fn token(&self, answer: &Answer) -> Result<Token, Outcome> {
        Err(super::status::outcome(answer.status, &answer.headers))
    }

    /// The request for the certificate that this call is signed with, where it has to be fetched before the call can be read.
    fn certificate_call(&self, callback: &Callback<'_>) -> Result<Option<Call>, CallbackError> {
        let _ = callback;
        Ok(None)
    }

    /// The certificate (DER) in the answer, or why there is none.
    fn certificate(&self, callback: &Callback<'_>, answer: &Answer) -> Result<Vec<u8>, String> {
        let _ = callback;
        Err(super::status::outcome(answer.status, &answer.headers).detail.into_owned())
    }

    /// Reads a call of the provider, with the [certificate](Self::certificate_call) where it needs one.
    fn receive(
        &self,
        callback: &Callback<'_>,
        certificate: Option<&[u8]>,
    ) -> Result<Received, CallbackError> {
        let _ = (callback, certificate);
        Err(CallbackError::NotTaken)
    }

    /// The request that a call, which was [taken](Self::receive), wants to be made before it is answered.
    fn confirmation_call(&self, callback: &Callback<'_>) -> Option<Call> {
        let _ = callback;
        None
    }

    /// Whether the balance can be asked for.
    fn has_balance(&self) -> bool {
        false
    }

    /// The request that asks for the balance.
    fn balance_call(&self, token: Option<&str>) -> Result<Call, Outcome> {
        let _ = token;
        Err(Outcome::failed(textgate_sms::OutcomeClass::Refused, "this provider cannot be asked"))
    }

    /// The balance in the answer, or why there is none.
    fn balance(&self, answer: &Answer) -> Result<Balance, String> {
        Err(super::status::outcome(answer.status, &answer.headers).detail.into_owned())
    }
}

/// A token that authorizes requests for a while. Has no `Debug`.
pub(crate) struct Token {
    /// The token.
    pub text: String,
    /// How long it lasts.
    pub lasts: Duration,
}

/// One HTTP request. Holds the message's text and the account's secrets, so it has no `Debug`.
pub(crate) struct Call {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to, with the query.
    pub url: Url,
    /// Headers of its own.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// The signature in it that was computed from a secret, where the provider wants one.
    pub signature: Option<String>,
}

impl Call {
    /// What in it proves who asks, besides the secrets themselves: made from them, or lent.
    pub fn credentials(&self, token: Option<&str>) -> Vec<String> {
        let authorization = self.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let credentials = authorization.and_then(|value| value.split_once(' ')).map(|(_, rest)| rest);
        let all = [credentials, self.signature.as_deref(), token].into_iter().flatten();
        all.map(str::to_owned).collect()
    }
}

impl Answer {
    /// Its status, as the detail of an outcome that needs no reason.
    pub fn told(&self) -> Cow<'static, str> {
        match self.status.as_u16() {
            200 => Cow::Borrowed("HTTP 200"),
            code => Cow::Owned(format!("HTTP {code}")),
        }
    }
}

/// One HTTP answer, or as much of it as came.
pub(crate) struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's beginning, at most [`MOST_BODY`] octets, or [`MOST_BATCH_BODY`].
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// All of it is there.
    Whole,
    /// It is longer than what is read of it.
    CutOff,
    /// The connection broke, or time ran out.
    Broken,
}

/// How much of an answer's body is read. Providers answer a submission in a few hundred octets; the bound is for
/// those that answer with a web page, and for hostile ones.
pub(crate) const MOST_BODY: usize = 64 * 1024;

/// The same for the answer to several messages, which may repeat them.
pub(crate) const MOST_BATCH_BODY: usize = 256 * 1024;

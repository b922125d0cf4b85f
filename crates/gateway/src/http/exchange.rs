//! What differs from provider to provider: the request of a submission, and the meaning of the answer.

use crate::{Balance, Callback, CallbackError, Outcome, Plan, PlanError, Received, Submission};
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};
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

    /// Reads a call of the provider.
    fn receive(&self, callback: &Callback<'_>) -> Result<Received, CallbackError> {
        let _ = callback;
        Err(CallbackError::NotTaken)
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

/// One HTTP answer, or as much of it as came.
pub(crate) struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's beginning, at most [`MOST_BODY`] octets.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// All of it is there.
    Whole,
    /// It is longer than [`MOST_BODY`]; the rest was not read.
    CutOff,
    /// The connection broke, or time ran out.
    Broken,
}

/// How much of an answer's body is read. Providers answer a submission in a few hundred octets; the bound is for
/// those that answer with a web page, and for hostile ones.
pub(crate) const MOST_BODY: usize = 64 * 1024;

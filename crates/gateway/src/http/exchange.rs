//! What differs from provider to provider: the request of a submission, and the meaning of the answer.

use crate::{Outcome, Plan, PlanError, Submission};
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

/// A provider's HTTP interface: pure, and free of I/O.
pub(crate) trait Exchange: Send + Sync + 'static {
    /// How the provider will send this text.
    fn plan(&self, text: &str) -> Result<Plan, PlanError>;

    /// The request that submits a message.
    fn call(&self, submission: &Submission) -> Call;

    /// What the answer means. `segments`: how many the message has.
    fn outcome(&self, answer: &Answer, segments: u8) -> Outcome;
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

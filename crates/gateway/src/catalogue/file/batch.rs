//! Several messages in one request, as its file writes it.

use super::Request;
use crate::catalogue::extract::Places;
use serde::Deserialize;
use toml::Spanned;

/// How several messages share one request: that of [`send`](super::ProviderFile::send), with an entry for each in one of its lists.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchRule {
    /// Most messages in one request.
    pub most: usize,
    /// The request of several messages, where it is another one than that of [`send`](super::ProviderFile::send).
    #[serde(default)]
    pub request: Option<Request>,
    /// Where their answers are, where that is another place than [`answer.each`](super::Answer::each).
    #[serde(default)]
    pub each: Option<Spanned<String>>,
    /// Where the list is in the request's JSON. All that differs from message to message is in it.
    pub list: Spanned<String>,
    /// Where an entry of [`answer.each`](super::Answer::each) has the message's number. A request then has one message for each number.
    #[serde(default)]
    pub to: Option<Places>,
    /// Where it has the message's `{id}`. Without one of both, the entries come in the messages' order.
    #[serde(default)]
    pub id: Option<Places>,
}

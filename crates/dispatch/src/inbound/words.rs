//! The words for what phones send: what the API, the console and the command line say and hear of it.

use serde::{Deserialize, Serialize};
use textgate_sms::{MessageId, VsId};

/// A message that a phone sent. Has no `Debug`: it is somebody's text.
#[derive(Clone, PartialEq, Eq)]
pub struct InboundView {
    /// Its id.
    pub id: MessageId,
    /// The phone, as the provider gave it; empty where the message is damaged.
    pub from: String,
    /// The number or short code it was sent to.
    pub to: String,
    /// The text, with `[…]` where parts are missing; `None` where it is damaged.
    pub text: Option<String>,
    /// The gateway's name; its number where it was removed meanwhile.
    pub gateway: String,
    /// When it came; of several parts, the last (Unix time, ms).
    pub at_ms: i64,
    /// In how many parts it came, or should have.
    pub parts: u8,
    /// How many of them never came.
    pub missing: u8,
}

/// A page of messages that phones sent.
#[derive(Clone)]
pub struct InboundPage {
    /// The newest first.
    pub messages: Vec<InboundView>,
    /// Pass it for the next page; `None` at the end.
    pub next: Option<MessageId>,
}

/// Says whose a message is that a phone sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundRule {
    /// Sent to this number or short code; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// With this first word, in any case; any where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword: Option<String>,
    /// Whose it is then.
    pub virtual_server: VsId,
}

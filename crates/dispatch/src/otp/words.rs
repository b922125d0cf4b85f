//! What callers of the passcode service hand in and get back.

use super::code::CodeAlphabet;
use super::settings::OtpSettings;
use crate::words::{DirectoryError, Refusal};
use std::net::IpAddr;
use textgate_gateway::Problem;
use textgate_sms::{MessageId, PasscodeState};

/// A passcode that somebody wants sent.
#[derive(Clone, Default)]
pub struct PasscodeRequest {
    /// The number as given: only digits, beginning with a country code.
    pub to: String,
    /// What it is for, in the caller's words; `verification` where left out.
    pub purpose: Option<String>,
    /// The purpose whose templates are used, where it is another.
    pub template: Option<String>,
    /// The reader's language.
    pub locale: Option<String>,
    /// How long the code is; as set where left out.
    pub length: Option<u32>,
    /// What it is made of; as set where left out.
    pub alphabet: Option<CodeAlphabet>,
    /// How long it is valid (s); as set where left out.
    pub ttl_s: Option<u32>,
    /// An Android app that may read it: a name in the settings, or a hash.
    pub app: Option<String>,
    /// The domain whose pages may read it.
    pub domain: Option<String>,
    /// The address of whoever asked the caller for it.
    pub ip: Option<IpAddr>,
    /// The caller's protection against sending twice.
    pub idempotency_key: Option<String>,
}

/// A passcode as its owner sees it: never with its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasscodeView {
    /// Its id.
    pub id: MessageId,
    /// Where it stands.
    pub status: PasscodeState,
    /// Whose phone it proves.
    pub to: String,
    /// What it is for.
    pub purpose: String,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
    /// When its time ends or ended (Unix time, ms).
    pub expires_ms: i64,
    /// When its status last changed (Unix time, ms).
    pub changed_ms: i64,
    /// How many codes may still be tried.
    pub attempts_left: u8,
    /// How often it was sent again on request.
    pub resends: u8,
    /// From when on it may be sent again (Unix time, ms); `None`: not any more.
    pub resend_after_ms: Option<i64>,
    /// The messages that carried its code, the first first.
    pub messages: Vec<MessageId>,
}

/// A passcode that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasscodeSent {
    /// How it stands.
    pub passcode: PasscodeView,
    /// The same request was accepted before under its idempotency key.
    pub is_duplicate: bool,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckView {
    /// Where the passcode stands now: `approved` only for the one check that was right.
    pub status: PasscodeState,
    /// How many codes may still be tried.
    pub attempts_left: u8,
}

/// A page of passcodes.
#[derive(Debug, Clone)]
pub struct PasscodesPage {
    /// The newest first.
    pub passcodes: Vec<PasscodeView>,
    /// Pass it as the cursor for the next page; `None` at the end.
    pub next: Option<MessageId>,
}

/// Why something about a passcode was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasscodeRefusal {
    /// There is no such passcode, or not for this caller.
    #[error("this passcode does not exist")]
    NotFound,
    /// It is final.
    #[error("this passcode is {0}: make a new one")]
    NotPending(PasscodeState),
    /// It was sent a moment ago.
    #[error("this passcode was sent a moment ago: try again in {retry_after_s} s")]
    TooSoon {
        /// When to come again (s).
        retry_after_s: u64,
    },
    /// It was sent as often as the settings allow.
    #[error(
        "this passcode was sent as often as the passcode settings allow: make a new one when it has expired"
    )]
    NoMoreResends,
    /// Its last message is not sent yet.
    #[error("its last message still waits for a gateway, and leaves as soon as one takes it")]
    OnItsWay,
    /// A message could not be accepted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store cannot be read or written.
    #[error("the store is not available: {0}")]
    StoreUnavailable(String),
}

impl PasscodeRefusal {
    /// One wrong field.
    pub(super) fn invalid(problem: Problem) -> Self {
        Self::Refused(Refusal::Invalid(vec![problem]))
    }
}

impl From<textgate_store::StoreError> for PasscodeRefusal {
    fn from(error: textgate_store::StoreError) -> Self {
        Self::StoreUnavailable(error.to_string())
    }
}

impl From<PasscodeRefusal> for DirectoryError {
    fn from(refusal: PasscodeRefusal) -> Self {
        match refusal {
            PasscodeRefusal::NotFound => Self::NotFound("this passcode".into()),
            PasscodeRefusal::StoreUnavailable(why) => Self::StoreUnavailable(why),
            PasscodeRefusal::Refused(Refusal::Invalid(problems)) => Self::Invalid(problems),
            other => Self::Conflict(other.to_string()),
        }
    }
}

/// The passcode service's settings of one virtual server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpSettingsView {
    /// The settings.
    pub settings: OtpSettings,
    /// Whether they were ever put; the defaults otherwise.
    pub is_own: bool,
}

/// A template as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateView {
    /// For which purpose.
    pub purpose: String,
    /// In which language.
    pub locale: String,
    /// The text, with its variables.
    pub text: String,
    /// What it comes out as.
    pub preview: TextPreview,
}

/// A text that is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedView {
    /// In which language.
    pub locale: &'static str,
    /// The text, with its variables.
    pub text: &'static str,
}

/// What a template's text would be, with a made-up code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPreview {
    /// The text.
    pub text: String,
    /// The language it came out in.
    pub locale: String,
    /// SMS that it takes by the first gateway: what it costs in SMS credits.
    pub segments: u8,
    /// Its encoding there.
    pub encoding: String,
}

/// What a preview is of.
#[derive(Debug, Clone, Default)]
pub struct PreviewRequest {
    /// A template that is not saved; that of purpose and locale where left out.
    pub text: Option<String>,
    /// For which purpose.
    pub purpose: Option<String>,
    /// In which language.
    pub locale: Option<String>,
    /// For which app.
    pub app: Option<String>,
    /// For which domain.
    pub domain: Option<String>,
}

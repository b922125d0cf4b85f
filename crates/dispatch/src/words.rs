//! What callers hand in and get back: plain types that serialise to the API's JSON.

use crate::guard::GuardRules;
use crate::otp::OtpSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Instant;
use textgate_gateway::{LineStatus, Problem};
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass, ReceiptState, VsId};
use textgate_store::{Credits, Role, UserRole};

/// A message that somebody wants sent.
#[derive(Clone, Default)]
pub struct Request {
    /// The number as given: only digits, beginning with a country code.
    pub to: String,
    /// The text.
    pub text: String,
    /// What it is for; `None` is `text`.
    pub kind: Option<Kind>,
    /// Another sender than the gateway's own.
    pub sender: Option<String>,
    /// Flash; `None`: as set.
    pub flash: Option<bool>,
    /// Overwrite: `None`: as set, 0 is off, 1 to 7 the type.
    pub overwrite: Option<u8>,
    /// How long it is worth sending (s); `None`: 300 for `otp`, 86,400 for `alert`, 172,800 for `text`.
    pub validity_s: Option<u32>,
    /// When to send it (Unix time, ms); `None`: at once.
    pub send_at_ms: Option<i64>,
    /// The caller's own name for it.
    pub reference: Option<String>,
    /// The caller's protection against sending twice.
    pub idempotency_key: Option<String>,
    /// Somebody watches it: each attempt tells what the provider answered.
    pub is_test: bool,
    /// The message that this one repeats on somebody's request; see [`Dispatch::resend`](crate::Dispatch::resend).
    pub resend_of: Option<MessageId>,
    /// What a passcode is for, in the caller's words; the fraud guard may count by it.
    pub purpose: Option<String>,
    /// The address that a passcode was asked for from, as the caller says; the fraud guard may count by it.
    pub ip: Option<IpAddr>,
    /// The fraud guard was asked before.
    pub was_judged: bool,
}

/// A message that was accepted: it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: MessageId,
    /// Where it stands: `accepted` or `scheduled`; for a repeated request, where it stands by now.
    pub state: MessageState,
    /// Its segments.
    pub segments: u8,
    /// Its encoding.
    pub encoding: String,
    /// The same request was accepted before under its idempotency key.
    pub is_duplicate: bool,
}

/// Why a message was not accepted. Nothing was kept and nothing charged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is wrong; each problem names its field.
    #[error("the message cannot be sent as it is")]
    Invalid(Vec<Problem>),
    /// Mode Default, and the service provider has not allocated enough SMS credits.
    #[error(
        "not enough SMS credits: this message needs {needed} and {remaining} remain; ask your service provider to allocate more, or select Custom in the SMS settings"
    )]
    NoCredits {
        /// Segments of this message.
        needed: u8,
        /// Credits left.
        remaining: u64,
    },
    /// No gateway is set for this virtual server, nor above it.
    #[error(
        "no SMS gateway is configured: select Custom in the SMS settings and add a gateway, or ask your service provider for SMS credits"
    )]
    NotConfigured,
    /// The Idempotency-Key belongs to a different request.
    #[error("this Idempotency-Key was used for a different request; use a new key for a new message")]
    IdempotencyConflict,
    /// The passcode that it carries may not be sent again by now.
    #[error("the passcode may not be sent again by now; look at how it stands")]
    NotAgain,
    /// The fraud guard: passcodes are not sent to this number. Why is for the operator to see, not for who tries.
    #[error("passcodes are not sent to this number")]
    NumberRefused,
    /// The fraud guard: too many passcodes were asked for.
    #[error("too many passcodes were asked for; try again later")]
    TooManyPasscodes {
        /// When to ask again (s).
        retry_after_s: u32,
    },
    /// Too much is waiting already.
    #[error("too many messages are waiting; try again in a moment")]
    Busy,
    /// The store cannot write.
    #[error("the message could not be stored; try again in a moment")]
    StoreUnavailable,
    /// The program is stopping.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
}

/// A message as its owner sees it.
#[derive(Clone, Serialize)]
pub struct MessageView {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub status: MessageState,
    /// Where it goes.
    pub to: String,
    /// What it is for.
    pub kind: Kind,
    /// The text; `None` once erased, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The sender asked for.
    pub sender: Option<String>,
    /// The caller's own name for it.
    pub reference: Option<String>,
    /// Segments.
    pub segments: u8,
    /// Encoding.
    pub encoding: String,
    /// When it was accepted (Unix time, ms).
    pub accepted_ms: i64,
    /// When it is or was due.
    pub send_at_ms: Option<i64>,
    /// When its validity ends.
    pub expires_ms: i64,
    /// When its status last changed.
    pub changed_ms: i64,
    /// The id of the message that it repeats on somebody's request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_of: Option<String>,
    /// Each change, oldest first.
    pub history: Vec<StateView>,
    /// Each attempt, oldest first.
    pub attempts: Vec<AttemptView>,
    /// Each receipt, oldest first.
    pub receipts: Vec<ReceiptView>,
}

/// A change of state.
#[derive(Debug, Clone, Serialize)]
pub struct StateView {
    /// To what.
    pub status: MessageState,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Why.
    pub reason: String,
}

/// One attempt.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptView {
    /// The gateway's name; its number where it has been removed since.
    pub gateway: String,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// How long it took (ms).
    pub took_ms: u32,
    /// What it came to.
    pub outcome: OutcomeClass,
    /// Why.
    pub detail: String,
    /// The provider's ids.
    pub provider_ids: Vec<String>,
}

/// One receipt.
#[derive(Debug, Clone, Serialize)]
pub struct ReceiptView {
    /// The gateway's name.
    pub gateway: String,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// Which segment, from 1.
    pub segment: u8,
    /// What it says.
    pub status: ReceiptState,
    /// The provider's error code.
    pub error: Option<String>,
}

/// A page of messages.
#[derive(Clone, Serialize)]
pub struct MessagePage {
    /// The newest first, without texts.
    pub messages: Vec<MessageView>,
    /// Pass it as the cursor for the next page; `None` at the end. A page may end before it is full, or hold nothing, where much
    /// was looked at and little of it fits.
    pub next: Option<String>,
}

/// Mode of the SMS settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Through the service provider's gateway, paid with SMS credits.
    #[default]
    Default,
    /// Through own gateways.
    Custom,
}

/// What to do when a gateway took a message and did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUncertain {
    /// Send it by the next gateway: it may arrive twice.
    #[default]
    Failover,
    /// Count it as sent: it may not arrive.
    Sent,
}

/// Which of several gateways goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayOrder {
    /// The first that takes messages, in the order that is set.
    #[default]
    Fixed,
    /// The one that does best for the number's country, by codes entered and receipts.
    Adaptive,
}

/// SMS settings as they come in. In gateway settings, a secret that is blank or left out keeps its value; `null` clears it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsInput {
    /// Default or Custom.
    pub mode: Mode,
    /// SMS Mobile Number: where Test sends to.
    #[serde(default)]
    pub test_number: Option<String>,
    /// How long a gateway may be silent before the next one is tried (ms, 100 to 600,000); 3,000 where left out.
    #[serde(default)]
    pub failover_after_ms: Option<u32>,
    /// What happens to a message without an answer.
    #[serde(default)]
    pub on_uncertain: OnUncertain,
    /// Which gateway goes first.
    #[serde(default)]
    pub gateway_order: GatewayOrder,
    /// Primary, failover, and so on (at most 8).
    #[serde(default, alias = "gateway")]
    pub gateways: Vec<GatewayInput>,
}

/// One gateway as it comes in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayInput {
    /// Its name, unique within the virtual server; `primary`, `failover`, `failover-2` where left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Its plugin's name.
    pub plugin: String,
    /// Its settings, by the plugin's field names.
    #[serde(default)]
    pub settings: Value,
}

/// A gateway that is not saved, and the message whose way through it is to be seen.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewInput {
    /// The gateway. Secrets that are left blank are those of the saved gateway of its name.
    pub gateway: GatewayInput,
    /// Where the message would go: the SMS Mobile Number, or else a made-up number, where left out.
    #[serde(default)]
    pub number: Option<String>,
    /// Its text: that of a test message where left out.
    #[serde(default)]
    pub text: Option<String>,
}

/// SMS settings as they are shown: never with a secret.
#[derive(Debug, Clone, Serialize)]
pub struct SettingsView {
    /// Default or Custom.
    pub mode: Mode,
    /// SMS Mobile Number.
    pub test_number: Option<String>,
    /// How long a gateway may be silent (ms).
    pub failover_after_ms: u32,
    /// What happens to a message without an answer.
    pub on_uncertain: OnUncertain,
    /// Which gateway goes first.
    pub gateway_order: GatewayOrder,
    /// Primary first.
    pub gateways: Vec<GatewayView>,
    /// Why mode Default cannot be used now, where it cannot.
    pub default_unavailable: Option<String>,
    /// SMS credits, remaining and all.
    pub credits: CreditsView,
}

/// One gateway as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct GatewayView {
    /// Its number.
    pub id: GatewayId,
    /// Its name.
    pub name: String,
    /// Its plugin's name.
    pub plugin: String,
    /// Its settings; secrets are `""`.
    pub settings: Value,
    /// Which secrets have a value: `password`, `parameters[token]`.
    pub secrets_set: Vec<String>,
    /// Where its provider can report, if it does so over HTTP; without a public address, only the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt_url: Option<String>,
    /// How it is now.
    pub status: GatewayStatus,
}

/// How a gateway is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct GatewayStatus {
    /// `connecting`, `up` or `down`.
    pub health: &'static str,
    /// Why it is down.
    pub reason: Option<String>,
    /// The breaker: `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// Messages waiting: otp, alert, text.
    pub waiting: [u64; 3],
    /// Messages taken and not finished.
    pub in_flight: u64,
    /// Room for unfinished messages.
    pub window: u32,
    /// Its lines, such as modems; none where it has connections instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineStatus>,
}

/// SMS credits as they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CreditsView {
    /// Given by the parent, in all.
    pub allocated: u64,
    /// Spent.
    pub used: u64,
    /// Left.
    pub remaining: u64,
}

impl From<Credits> for CreditsView {
    fn from(credits: Credits) -> Self {
        Self { allocated: credits.allocated, used: credits.used, remaining: credits.remaining() }
    }
}

/// A virtual server as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct VirtualServerView {
    /// Its number.
    pub id: VsId,
    /// Names from the root down, with `/` between; `/` for the root.
    pub path: String,
    /// Its own name.
    pub name: String,
    /// Its parent's number.
    pub parent: Option<VsId>,
    /// Its mode.
    pub mode: Mode,
    /// Its SMS credits.
    pub credits: CreditsView,
}

/// A virtual server's place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its number.
    pub id: VsId,
    /// Its own name; empty for the root.
    pub name: String,
    /// Names from the root down, with `/` between; `/` for the root.
    pub path: String,
    /// How many levels below the top that was asked for.
    pub depth: usize,
}

/// An API key as it is shown: never with its secret.
#[derive(Debug, Clone, Serialize)]
pub struct ApiKeyView {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Requests a second, where limited.
    pub rate: Option<u32>,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// A webhook endpoint to be made.
#[derive(Clone)]
pub struct WebhookInput {
    /// Where it is.
    pub url: String,
    /// What it is told of, by the events' types.
    pub events: Vec<String>,
    /// Whether it is told texts: what alerts say.
    pub texts: bool,
    /// Whether events are delivered.
    pub is_on: bool,
}

/// What to change of a webhook endpoint; `None` stays.
#[derive(Clone, Default)]
pub struct WebhookChange {
    /// Where it is.
    pub url: Option<String>,
    /// What it is told of.
    pub events: Option<Vec<String>>,
    /// Whether it is told texts: what alerts say.
    pub texts: Option<bool>,
    /// Whether events are delivered.
    pub is_on: Option<bool>,
}

/// A webhook endpoint as it is shown: never with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookView {
    /// Its number.
    pub id: u32,
    /// Where it is. Its path may be a secret.
    pub url: String,
    /// The host in it, for who may not see all of it.
    pub host: String,
    /// What it is told of.
    pub events: Vec<&'static str>,
    /// Whether it is told texts: what alerts say.
    pub texts: bool,
    /// `on`, `off`, `failing` (an event was given up) or `gone` (it answered 410).
    pub status: &'static str,
    /// Until when the secret before signs as well (Unix time, ms).
    pub former_until_ms: Option<i64>,
    /// When it was made (Unix time, ms).
    pub created_ms: i64,
}

/// One event in an endpoint's delivery log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEventView {
    /// Its id, as in the header `webhook-id`.
    pub id: String,
    /// Its type.
    pub event: &'static str,
    /// The message it happened to, if it was one.
    pub message: Option<String>,
    /// The alert it happened to, if it was one.
    pub alert: Option<String>,
    /// When it happened (Unix time, ms).
    pub at_ms: i64,
    /// `owed`, `delivered` or `given_up`.
    pub state: &'static str,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried (Unix time, ms).
    pub tried_ms: Option<i64>,
    /// What was answered then.
    pub answer: Option<String>,
}

/// A page of an endpoint's delivery log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookLog {
    /// The newest first.
    pub events: Vec<WebhookEventView>,
    /// Pass it as the cursor for the next page; `None` at the end.
    pub next: Option<String>,
}

/// Who calls, from an API key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The virtual server its key belongs to.
    pub vs: VsId,
    /// The key's number.
    pub key: u32,
    /// For the audit log: `key acme/app`, `control` for the control socket.
    pub actor: String,
    /// What it may do.
    pub role: Role,
    /// Requests a second, where limited.
    pub rate: Option<u32>,
}

/// Why a change or question was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Something in it is wrong; each problem names its field.
    #[error("the settings have problems")]
    Invalid(Vec<Problem>),
    /// There is no such thing, or not for this caller.
    #[error("{0} does not exist")]
    NotFound(String),
    /// It does not fit what is there.
    #[error("{0}")]
    Conflict(String),
    /// The store cannot be reached or written.
    #[error("the store is not available: {0}")]
    StoreUnavailable(String),
}

/// Something that happened to a message, told as it happens.
#[derive(Debug, Clone)]
pub struct Happening {
    /// To which message.
    pub id: MessageId,
    /// Whose.
    pub vs: VsId,
    /// When (Unix time, ms).
    pub at_ms: i64,
    /// When, by the steady clock.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// It was accepted or scheduled, and is on disk.
    Accepted,
    /// A gateway answered, or did not.
    Attempt {
        /// The gateway's name.
        gateway: String,
        /// What it came to.
        class: OutcomeClass,
        /// Why.
        detail: String,
    },
    /// A receipt came.
    Receipt {
        /// The gateway's name.
        gateway: String,
        /// What it says of one segment.
        state: ReceiptState,
    },
    /// Its state changed.
    State(MessageState),
}

/// The file of `textgate apply`, with its secrets resolved.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Virtual servers; parents before children or after, as you like.
    #[serde(default)]
    pub virtual_server: Vec<ManifestServer>,
}

/// One virtual server of a [`Manifest`]. What is left out stays as it is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestServer {
    /// `acme/sales`; `/` is the root.
    pub path: String,
    /// The allocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<u64>,
    /// The SMS settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_settings: Option<SettingsInput>,
    /// The fraud guard's rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardRules>,
    /// API keys.
    #[serde(default)]
    pub api_key: Vec<ManifestKey>,
    /// Users.
    #[serde(default)]
    pub user: Vec<ManifestUser>,
    /// The passcode service's settings, as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otp_settings: Option<OtpSettings>,
    /// Templates of passcodes' texts.
    #[serde(default)]
    pub otp_template: Vec<ManifestTemplate>,
}

/// One template of a [`Manifest`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestTemplate {
    /// For which purpose.
    pub purpose: String,
    /// In which language.
    pub locale: String,
    /// The text, with its variables.
    pub text: String,
}

/// One user of a [`Manifest`]: without a password, which it sets by a link.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestUser {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: UserRole,
}

/// One API key of a [`Manifest`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestKey {
    /// Its name.
    pub name: String,
    /// At least 24 characters; left out: generated for a new key, and told once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What it may do; `full` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Requests a second; unlimited where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

/// What an apply would do, or did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Applied {
    /// One sentence for each change; empty when everything is as the file says.
    pub changes: Vec<String>,
    /// Secrets made for new keys: `(path, key name, secret)`. Told once.
    pub generated: Vec<(String, String, String)>,
    /// Links for new users to set a password: `(path, user name, link)`. Told once.
    #[serde(default)]
    pub invitations: Vec<(String, String, String)>,
}

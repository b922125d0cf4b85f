//! A provider's file as it is written. `catalogue/README.md` explains each key; what cannot be said by types is checked in
//! [`check`](super::check).

use super::digest::{Algorithm, Encoding};
use super::extract::{Check, Pattern, Place, Places};
use super::node::{Entries, Node};
use super::template::Template;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;
use textgate_sms::OutcomeClass;
use toml::Spanned;

/// All of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    /// The plugin's name; the file's, too.
    pub name: Spanned<String>,
    /// The name for people.
    pub label: String,
    /// The provider's site.
    pub site: Spanned<String>,
    /// Where its API is documented.
    pub documentation: Spanned<String>,
    /// `["worldwide"]`, or ISO 3166 codes of the countries it is for.
    pub countries: Vec<String>,
    /// What it can do.
    pub features: Spanned<Vec<Feature>>,
    /// Why it is experimental, where it is.
    #[serde(default)]
    pub experimental: Option<String>,
    /// A remark for its page.
    #[serde(default)]
    pub note: Option<String>,
    /// Where its facts are from.
    pub source: Vec<Spanned<Source>>,
    /// How it wants phone numbers.
    #[serde(default)]
    pub number: NumberFormat,
    /// Whom messages come from.
    #[serde(default)]
    pub sender: Option<SenderRule>,
    /// Bounds of the validity it is told.
    #[serde(default)]
    pub validity: ValidityRule,
    /// The value of `{host}`.
    #[serde(default)]
    pub host: Option<Node>,
    /// Settings.
    #[serde(default)]
    pub field: Vec<Spanned<FieldFile>>,
    /// How requests are authorized.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// The request that submits a message.
    pub send: Spanned<Request>,
    /// What its answer means.
    #[serde(default)]
    pub answer: Answer,
    /// What its errors mean; the first that fits counts.
    #[serde(default)]
    pub error: Vec<Spanned<ErrorRow>>,
    /// What its receipts mean.
    #[serde(default)]
    pub receipt: Option<Spanned<ReceiptRule>>,
    /// How the account's balance is asked for.
    #[serde(default)]
    pub balance: Option<Spanned<Balance>>,
}

/// What a provider can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Feature {
    /// Messages that are shown at once and not stored.
    Flash,
    /// Messages that replace earlier ones.
    Overwrite,
    /// Reports of delivery.
    Receipts,
    /// A balance that can be asked for.
    Balance,
    /// Characters beyond GSM 03.38.
    Unicode,
    /// A validity that it is told.
    Validity,
    /// Senders of one's own.
    Sender,
}

/// Where facts are from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its address, or repository and path.
    pub at: String,
    /// When it was read, `2026-11-24`.
    pub read: String,
    /// What it is, where the address does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a provider wants phone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NumberFormat {
    /// `15550100199`
    #[default]
    Digits,
    /// `+15550100199`
    Plus,
    /// `0015550100199`
    Zeros,
}

/// Whom messages come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SenderRule {
    /// The setting with the sender of messages that ask for none.
    pub setting: Spanned<String>,
    /// How a sender that is a phone number is written; as it was entered where left out. Short codes stay as they are.
    #[serde(default)]
    pub number: Option<NumberFormat>,
}

/// Bounds of the validity a provider is told.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidityRule {
    /// The least (seconds).
    #[serde(default = "one")]
    pub min_s: u64,
    /// The most (seconds).
    #[serde(default = "week")]
    pub max_s: u64,
}

fn one() -> u64 {
    1
}

fn week() -> u64 {
    7 * 86_400
}

impl Default for ValidityRule {
    fn default() -> Self {
        Self { min_s: one(), max_s: week() }
    }
}

/// One setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldFile {
    /// Its name in settings files and the API.
    pub name: String,
    /// Its label in the console, the provider's own word.
    pub label: String,
    /// What values it takes.
    #[serde(default)]
    pub kind: FieldKindFile,
    /// Most characters; of a number the most it may be.
    #[serde(default)]
    pub max: Option<i64>,
    /// The least a number may be.
    #[serde(default)]
    pub min: Option<i64>,
    /// Its value where none is given.
    #[serde(default)]
    pub default: Option<Node>,
    /// Whether it must have a value.
    #[serde(default)]
    pub required: bool,
    /// What to enter, in a sentence.
    pub help: String,
    /// A message shown beside it.
    #[serde(default)]
    pub message: Option<String>,
    /// Of a choice.
    #[serde(default)]
    pub choices: Vec<ChoiceFile>,
    /// What it has to look like, with what to say where it does not.
    #[serde(default)]
    pub pattern: Option<PatternFile>,
    /// It only applies while another has one of these values.
    #[serde(default)]
    pub shown_when: Option<ConditionFile>,
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FieldKindFile {
    /// A line of text.
    #[default]
    Text,
    /// Text of several lines.
    LongText,
    /// Written and never read back.
    Secret,
    /// A whole number.
    Number,
    /// Yes or no.
    Flag,
    /// One of a list.
    Choice,
    /// A whole URL such as `https://abc.api.example.com`; may stand at the beginning of a request's URL.
    Url,
    /// A host name; may stand as the host of a request's URL.
    Host,
}

/// One entry of a choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChoiceFile {
    /// Its value in settings.
    pub value: String,
    /// Its label in the console.
    pub label: String,
}

/// What a setting has to look like.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternFile {
    /// The pattern, which finds something in it.
    pub regex: Pattern,
    /// What to do where it does not.
    pub hint: String,
}

/// When a setting applies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionFile {
    /// The other setting.
    pub field: String,
    /// Its values; `true` or `false` as they stand for a flag.
    pub is: Vec<Node>,
}

/// One request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// `GET`, `POST` or `PUT`.
    pub method: Method,
    /// Where to. Values in it are percent-encoded, but for `{host}` and settings of kind `url` or `host` in front.
    pub url: Template,
    /// The URL's query.
    #[serde(default)]
    pub query: Entries,
    /// Headers.
    #[serde(default)]
    pub headers: Entries,
    /// A body of application/x-www-form-urlencoded.
    #[serde(default)]
    pub form: Option<Entries>,
    /// A body of application/json.
    #[serde(default)]
    pub json: Option<Node>,
    /// A body of application/xml, of one element.
    #[serde(default)]
    pub xml: Option<Node>,
}

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
}

/// How requests are authorized. An API key in a header or the query is just a header or a query parameter of the request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Auth {
    /// User name and password (RFC 7617).
    Basic {
        /// The user name.
        username: Node,
        /// The password.
        password: Node,
    },
    /// A token (RFC 6750).
    Bearer {
        /// The token.
        token: Node,
    },
    /// A token that is asked for with an id and a secret (RFC 6749 §4.4), kept until it ends, and sent as a bearer token.
    Oauth2(Box<Oauth2>),
    /// A signature over parts of the request.
    Signature(Box<SignatureRule>),
    /// AWS Signature Version 4.
    Sigv4(Box<Sigv4>),
}

/// OAuth 2 client credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oauth2 {
    /// The token endpoint.
    pub url: Template,
    /// The id.
    pub client_id: Node,
    /// The secret.
    pub client_secret: Node,
    /// The scope, where one is wanted.
    #[serde(default)]
    pub scope: Option<Node>,
    /// Whether id and secret go in the form instead of as user name and password.
    #[serde(default)]
    pub in_form: bool,
    /// Where the answer has the token.
    #[serde(default = "access_token")]
    pub token: Places,
    /// Where it has how long the token lasts (seconds).
    #[serde(default = "expires_in")]
    pub expires_in: Places,
}

fn access_token() -> Places {
    Place::Pointer("/access_token".into()).into()
}

fn expires_in() -> Places {
    Place::Pointer("/expires_in".into()).into()
}

/// A signature over parts of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureRule {
    /// How it is made.
    pub algorithm: Algorithm,
    /// The key; a digest has none.
    #[serde(default)]
    pub key: Option<Node>,
    /// How the key is written.
    #[serde(default)]
    pub key_encoding: Encoding,
    /// What is signed.
    pub sign: Template,
    /// How the signature is written.
    pub encoding: Encoding,
    /// Headers that carry it.
    #[serde(default)]
    pub headers: Entries,
    /// Query parameters that carry it.
    #[serde(default)]
    pub query: Entries,
}

/// AWS Signature Version 4.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sigv4 {
    /// The service's signing name: `sns`.
    pub service: String,
    /// The region.
    pub region: Node,
    /// The access key's id.
    pub access_key_id: Node,
    /// The access key's secret.
    pub secret_access_key: Node,
    /// The session token of temporary credentials.
    #[serde(default)]
    pub session_token: Option<Node>,
}

/// What an answer means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Answer {
    /// The statuses of a success; 200 to 299 where left out.
    pub status: Vec<StatusRange>,
    /// A list with one entry per segment or number: everything below is looked for in each of its entries, and all have to
    /// be successes.
    pub each: Option<Spanned<String>>,
    /// What holds where the message was taken. Without a condition, that there is an id.
    pub success: Vec<Check>,
    /// The message's id.
    pub id: Option<Places>,
    /// The error's code.
    pub code: Option<Places>,
    /// After how many seconds to come again.
    pub retry_after_s: Option<Places>,
}

/// What an error means. The conditions that are there all have to hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorRow {
    /// HTTP statuses.
    #[serde(default)]
    pub status: Vec<StatusRange>,
    /// The provider's codes.
    #[serde(default)]
    pub code: Vec<String>,
    /// A pattern that finds something in the body.
    #[serde(default)]
    pub matches: Option<Pattern>,
    /// The outcome.
    pub class: OutcomeClass,
    /// Why, for people, and what to do.
    pub detail: String,
}

/// A status, or a class of them: `404`, `"5xx"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatusRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// What receipts mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptRule {
    /// How the address is made known to the provider, where it does not come with each message.
    #[serde(default)]
    pub setup: Option<String>,
    /// A list of receipts in the JSON; everything below is looked for in each of its entries.
    #[serde(default)]
    pub each: Option<Spanned<String>>,
    /// What holds where it is a receipt. All else is answered and dropped.
    #[serde(default)]
    pub when: Vec<Check>,
    /// The message's id.
    pub id: Places,
    /// The phone.
    #[serde(default)]
    pub to: Option<Places>,
    /// The status.
    pub status: Places,
    /// The error's code.
    #[serde(default)]
    pub code: Option<Places>,
    /// What the statuses mean.
    pub states: Spanned<States>,
    /// How a call proves that it is the provider's, besides knowing the address.
    #[serde(default)]
    pub signature: Option<ReceiptSignature>,
    /// What the provider wants to hear.
    #[serde(default)]
    pub answer: Reply,
    /// Calls that only test the address.
    #[serde(default)]
    pub handshake: Vec<Handshake>,
}

/// Which statuses mean what, in any case. What is in no list is nothing final.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct States {
    /// On the phone.
    pub delivered: Vec<String>,
    /// Not on the phone, and never will be.
    pub undelivered: Vec<String>,
    /// Its validity ended.
    pub expired: Vec<String>,
    /// The network or the provider refused it.
    pub rejected: Vec<String>,
    /// On its way.
    pub pending: Vec<String>,
}

/// How a call proves that it is the provider's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptSignature {
    /// How.
    pub scheme: Scheme,
    /// The key. Where it has no value, nothing is checked but the address.
    pub key: Node,
    /// How the key is written.
    #[serde(default)]
    pub key_encoding: Encoding,
    /// What is signed.
    #[serde(default)]
    pub sign: Option<Template>,
    /// Where the signature is.
    pub at: Places,
    /// What stands in front of it.
    #[serde(default)]
    pub prefix: String,
    /// How it is written.
    #[serde(default)]
    pub encoding: Encoding,
}

/// A scheme of signing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519 (RFC 8032); the key is the provider's public one.
    Ed25519,
    /// A JSON Web Token with HS256 (RFC 7519), whose `payload_hash`, where it has one, is the SHA-256 of the body.
    JwtHs256,
    /// The key itself.
    Secret,
}

/// What the provider wants to hear.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The media type.
    #[serde(default = "plain")]
    pub media_type: String,
    /// The body.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}

fn plain() -> String {
    "text/plain; charset=utf-8".into()
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: ok(), media_type: plain(), body: String::new() }
    }
}

/// A call that tests the address, and the JSON that answers it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handshake {
    /// What holds where it is one.
    pub when: Vec<Check>,
    /// The answer.
    pub json: Node,
}

/// How the balance is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Balance {
    /// The request.
    pub request: Request,
    /// Where the answer has the amount.
    pub amount: Places,
    /// Where it has the unit.
    #[serde(default)]
    pub unit_at: Option<Places>,
    /// The unit, where the answer does not say: `EUR`, `credits`.
    #[serde(default)]
    pub unit: Option<String>,
}

impl StatusRange {
    /// Whether the status is in it.
    pub fn has(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl<'de> Deserialize<'de> for StatusRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Range;

        impl Visitor<'_> for Range {
            type Value = StatusRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an HTTP status such as 404, or a class such as \"5xx\"")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<StatusRange, E> {
                let status = u16::try_from(value).ok().filter(|status| (100..=999).contains(status));
                let status = status.ok_or_else(|| E::custom("a status has three digits"))?;
                Ok(StatusRange { from: status, to: status })
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<StatusRange, E> {
                match value.as_bytes() {
                    [digit @ b'1'..=b'9', b'x', b'x'] => {
                        let from = u16::from(digit - b'0') * 100;
                        Ok(StatusRange { from, to: from + 99 })
                    }
                    _ => Err(E::custom("a class of statuses is written as \"5xx\"")),
                }
            }
        }
        deserializer.deserialize_any(Range)
    }
}

//! A provider's file as it is written. `catalogue/README.md` explains each key; what cannot be said by types is checked in
//! [`check`](super::check).

mod answer;
mod batch;
mod fields;
mod inbound;
mod receipt;
mod request;

pub(crate) use answer::{Answer, ErrorRow, StatusRange};
pub(crate) use batch::BatchRule;
pub(crate) use fields::{ChoiceFile, FieldFile, FieldKindFile};
pub(crate) use inbound::{InboundRule, PartRule};
pub(crate) use receipt::{
    EnvelopeRule, EnvelopeScheme, ReceiptRule, ReceiptSignature, Reply, Scheme, States,
};
pub(crate) use request::{Auth, Balance, Method, Oauth2, Request, SignatureRule};

use super::node::Node;
use serde::{Deserialize, Serialize};
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
    #[serde(default)]
    pub source: Vec<Spanned<Source>>,
    /// Most characters that it takes as one text.
    #[serde(default)]
    pub max_characters: Option<usize>,
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
    /// How several messages share one request, where the provider takes them.
    #[serde(default)]
    pub batch: Option<Spanned<BatchRule>>,
    /// What its answer means.
    #[serde(default)]
    pub answer: Answer,
    /// What its errors mean; the first that fits counts.
    #[serde(default)]
    pub error: Vec<Spanned<ErrorRow>>,
    /// What its receipts mean.
    #[serde(default)]
    pub receipt: Option<Spanned<ReceiptRule>>,
    /// What messages of phones look like.
    #[serde(default)]
    pub inbound: Option<Spanned<InboundRule>>,
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
    /// Messages of phones.
    Inbound,
    /// A balance that can be asked for.
    Balance,
    /// Characters beyond GSM 03.38.
    Unicode,
    /// A validity that it is told.
    Validity,
    /// Senders of one's own.
    Sender,
}

impl Feature {
    /// All of them, in the order of the list.
    pub const ALL: [Self; 8] = [
        Self::Flash,
        Self::Overwrite,
        Self::Receipts,
        Self::Inbound,
        Self::Balance,
        Self::Unicode,
        Self::Validity,
        Self::Sender,
    ];

    /// Its name in files and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Overwrite => "overwrite",
            Self::Receipts => "receipts",
            Self::Inbound => "inbound",
            Self::Balance => "balance",
            Self::Unicode => "unicode",
            Self::Validity => "validity",
            Self::Sender => "sender",
        }
    }
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

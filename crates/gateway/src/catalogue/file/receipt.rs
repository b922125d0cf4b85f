//! What a provider's calls mean, as its file writes it.

use crate::catalogue::digest::Encoding;
use crate::catalogue::extract::{Check, Places};
use crate::catalogue::node::Node;
use crate::catalogue::template::Template;
use serde::Deserialize;
use toml::Spanned;

/// What receipts mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiptRule {
    /// How the address is made known to the provider, where it does not come with each message.
    #[serde(default)]
    pub setup: Option<String>,
    /// What the provider's own words come in, where somebody else carries them: all else is then read in what is inside.
    #[serde(default)]
    pub envelope: Option<EnvelopeRule>,
    /// A list of receipts in the JSON; everything below is looked for in each of its entries.
    #[serde(default)]
    pub each: Option<Spanned<String>>,
    /// What stands between several ids, and as many statuses and so on, in one value: `,`.
    #[serde(default)]
    pub split: Option<char>,
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
    /// A JSON Web Token with HS256 (RFC 7519), whose `payload_hash`, where it has one, is the SHA-256 of the body, and which is of use now (`exp`, `nbf`).
    JwtHs256,
    /// The key itself.
    Secret,
}

/// What a provider's words come in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvelopeRule {
    /// Whose it is.
    pub scheme: EnvelopeScheme,
    /// The topic that calls have to come from. Where it has no value, any topic of somebody who knows the address.
    #[serde(default)]
    pub topic: Option<Node>,
}

/// Whose envelope it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EnvelopeScheme {
    /// Amazon SNS: signed with a certificate that is fetched from it, and confirmed before anything else comes.
    Sns,
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

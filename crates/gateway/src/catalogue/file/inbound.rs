//! What a provider's calls with messages of phones mean, as its file writes it.

use super::receipt::Reply;
use crate::catalogue::extract::{Check, Places};
use serde::Deserialize;
use toml::Spanned;

/// What messages of phones look like. Whether a call is the provider's is checked as for receipts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboundRule {
    /// How the address is made known to the provider.
    pub setup: String,
    /// A list of messages in the JSON; everything below is looked for in each of its entries.
    #[serde(default)]
    pub each: Option<Spanned<String>>,
    /// What holds where it is one.
    pub when: Vec<Check>,
    /// What the provider calls it: the same again is the same message.
    #[serde(default)]
    pub id: Option<Places>,
    /// The phone.
    pub from: Places,
    /// The number it was sent to.
    #[serde(default)]
    pub to: Option<Places>,
    /// The text.
    pub text: Places,
    /// Which part of a longer text it is, where the provider does not put them together.
    #[serde(default)]
    pub part: Option<PartRule>,
    /// What the provider wants to hear; as for receipts where it is left out.
    #[serde(default)]
    pub answer: Option<Reply>,
}

/// Where it stands which part it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartRule {
    /// What all parts of one text share.
    pub reference: Places,
    /// How many there are.
    pub total: Places,
    /// Which one it is, from 1.
    pub number: Places,
}

impl InboundRule {
    /// Every place that is read of a message.
    pub fn places(&self) -> impl Iterator<Item = &Places> {
        let part = self.part.iter().flat_map(|part| [&part.reference, &part.total, &part.number]);
        [Some(&self.from), Some(&self.text), self.id.as_ref(), self.to.as_ref()]
            .into_iter()
            .flatten()
            .chain(part)
    }
}

//! What a change of keys needs of a store: everything that is sealed, step by step, and putting it back under another key.

use crate::Purpose;
use textgate_sms::{GatewayId, MessageId};

/// Where something sealed is. Ordered as it is gone through: what belongs to the directory first, texts last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealedPlace {
    /// A gateway's settings.
    Settings(GatewayId),
    /// The secret of a user's second factor.
    Totp(u32),
    /// The secret of a webhook endpoint.
    Webhook(u32),
    /// The secret that it had before.
    FormerWebhook(u32),
    /// A message that a phone sent, by the store's own number for it.
    Inbound(u64),
    /// What an alert says.
    Alert(MessageId),
    /// A message's text.
    Text(MessageId),
}

/// Something sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Where.
    pub place: SealedPlace,
    /// What it is bound to.
    pub owner: u64,
    /// It.
    pub octets: Vec<u8>,
}

/// What is sealed, from one place on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPage {
    /// What was looked for.
    pub found: Vec<Sealed>,
    /// How many entries were looked at, with and without something sealed.
    pub looked_at: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<SealedPlace>,
}

/// Something that was sealed anew.
#[derive(Clone)]
pub struct Resealed {
    /// Where.
    pub place: SealedPlace,
    /// As it was found.
    pub before: Vec<u8>,
    /// As it is to be.
    pub after: Vec<u8>,
}

impl SealedPlace {
    /// Before everything.
    pub const START: Self = Self::Settings(GatewayId(0));

    /// What is sealed there.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Settings(_) => Purpose::Settings,
            Self::Totp(_) => Purpose::Totp,
            Self::Webhook(_) | Self::FormerWebhook(_) => Purpose::Webhook,
            Self::Inbound(_) => Purpose::Inbound,
            Self::Alert(_) => Purpose::Alert,
            Self::Text(_) => Purpose::Text,
        }
    }

    /// Where to go on behind all of its kind.
    pub(crate) fn next_kind(self) -> Option<Self> {
        Some(match self {
            Self::Settings(_) => Self::Totp(0),
            Self::Totp(_) => Self::Webhook(0),
            Self::Webhook(_) => Self::FormerWebhook(0),
            Self::FormerWebhook(_) => Self::Inbound(0),
            Self::Inbound(_) => Self::Alert(MessageId::from_u64(0)),
            Self::Alert(_) => Self::Text(MessageId::from_u64(0)),
            Self::Text(_) => return None,
        })
    }

    /// Whether it belongs to the directory.
    pub fn is_in_directory(self) -> bool {
        matches!(self, Self::Settings(_) | Self::Totp(_) | Self::Webhook(_) | Self::FormerWebhook(_))
    }
}

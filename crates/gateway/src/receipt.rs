//! What comes back from a provider: receipts, and messages that phones sent.

use smallvec::SmallVec;
use textgate_sms::{Encoding, PhoneNumber, ReceiptState};

/// A provider's report on one segment it took.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The [canonical](canonical_id) ids it may mean, the likeliest first: as it stands, then read in another base.
    pub candidates: SmallVec<[Box<str>; 2]>,
    /// The phone it names, where it names one: it decides between two candidates.
    pub number: Option<PhoneNumber>,
    /// What it says.
    pub state: ReceiptState,
    /// The provider's or network's error code, bounded.
    pub error: Option<Box<str>>,
}

/// A message that a phone sent, or one part of it.
#[derive(Clone)]
pub struct Inbound {
    /// The phone's address as the provider gives it.
    pub from: String,
    /// The address it was sent to.
    pub to: String,
    /// The text, or what could be decoded of it; of a part what it says by itself.
    pub text: String,
    /// Which part of which text it is, where it is one of several.
    pub part: Option<InboundPart>,
    /// What the provider calls it, where it calls it anything: the same again is the same message.
    pub id: Option<Box<str>>,
}

/// One part of a text that a phone sent in several.
#[derive(Clone)]
pub struct InboundPart {
    /// The same in all parts of one text.
    pub reference: u16,
    /// How many parts there are.
    pub total: u8,
    /// Which one this is, from 1.
    pub number: u8,
    /// The units of its text, and how to read them, where they are known: joined before they are read, a character that was cut in
    /// two is whole again.
    pub units: Option<(Encoding, Vec<u8>)>,
}

/// One form of a provider's message id for matching: without leading zeros and in lower case, because a provider
/// may write the same id as `0A1F` in its answer and as `a1f` in its receipt.
pub fn canonical_id(id: &str) -> Box<str> {
    let id = id.trim();
    let stripped = id.trim_start_matches('0');
    let kept = if stripped.is_empty() && !id.is_empty() { "0" } else { stripped };
    kept.to_ascii_lowercase().into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_match_in_spite_of_zeros_and_case() {
        assert_eq!(canonical_id("000A1F"), canonical_id("a1f"));
        assert_eq!(&*canonical_id("0000"), "0");
        assert_eq!(&*canonical_id(""), "");
        assert_ne!(canonical_id("10"), canonical_id("1"));
    }
}

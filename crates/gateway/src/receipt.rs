//! What comes back from a provider: receipts, and messages that phones sent.

use smallvec::SmallVec;
use textgate_sms::{PhoneNumber, ReceiptState};

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

/// A message that a phone sent.
#[derive(Clone)]
pub struct Inbound {
    /// The phone's address as the provider gives it.
    pub from: String,
    /// The address it was sent to.
    pub to: String,
    /// The text, or what could be decoded of it.
    pub text: String,
    /// Concatenation: reference, total, and this part's number from 1.
    pub part: Option<(u16, u8, u8)>,
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

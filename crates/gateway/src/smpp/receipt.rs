//! From a deliver_sm to a receipt: whose it is, under each id that it may mean, and what it says.

use super::pdu::decode::Deliver;
use super::pdu::{esm_class, tag};
use super::receipt_text::{self, state_of_number, state_of_word};
use super::settings::ReceiptIdBase;
use crate::{Receipt, canonical_id};
use smallvec::SmallVec;
use std::borrow::Cow;
use textgate_sms::{Encoding, PhoneNumber, ReceiptState, decode, encoding_of_data_coding};

/// Longer ids are nobody's: the standard has 64 characters (SMPP 3.4 §5.2.23).
const MOST_ID: usize = 255;
/// Longest error code that is kept.
const MOST_ERROR: usize = 32;

/// Whether a deliver_sm is a receipt: by its esm_class (§5.2.12), or because it names a message (§5.3.2.12). A text
/// that merely looks like one is not: a phone could write it.
pub(super) fn is_receipt(deliver: &Deliver<'_>) -> bool {
    matches!(deliver.esm_class & esm_class::TYPE, esm_class::RECEIPT | esm_class::INTERMEDIATE)
        || deliver.tlvs.get(tag::RECEIPTED_MESSAGE_ID).is_some()
}

/// The receipt in a deliver_sm; `None` where it names no message.
pub(super) fn read(deliver: &Deliver<'_>, base: ReceiptIdBase) -> Option<Receipt> {
    let text = match encoding_of_data_coding(deliver.data_coding) {
        Some(Encoding::Ucs2) => Cow::Owned(decode(deliver.message, Encoding::Ucs2)),
        // Receipts are ASCII, whatever data_coding says.
        _ => String::from_utf8_lossy(deliver.message),
    };
    let said = receipt_text::read(&text);
    let named = deliver.tlvs.text(tag::RECEIPTED_MESSAGE_ID).map(String::from_utf8_lossy).unwrap_or_default();
    let mut candidates = SmallVec::new();
    for id in [named.trim(), said.id].into_iter().filter(|id| !id.is_empty() && id.len() <= MOST_ID) {
        add_candidates(&mut candidates, id, base);
    }
    if candidates.is_empty() {
        return None;
    }
    let told = deliver.tlvs.number(tag::MESSAGE_STATE).map(state_of_number);
    let state = match deliver.esm_class & esm_class::TYPE {
        // An attempt failed and another follows; nothing final, whatever the state reads.
        esm_class::INTERMEDIATE => ReceiptState::Pending,
        _ => told.filter(|state| *state != ReceiptState::Pending).unwrap_or_else(|| state_of_word(said.stat)),
    };
    Some(Receipt { candidates, number: number(deliver.source), state, error: error(said.err, deliver) })
}

/// The ids that this one may mean, the likeliest first.
fn add_candidates(candidates: &mut SmallVec<[Box<str>; 2]>, id: &str, base: ReceiptIdBase) {
    let as_is = canonical_id(id);
    let in_hexadecimal = || id.parse::<u128>().ok().map(|number| format!("{number:x}").into_boxed_str());
    let in_decimal = || {
        let digits = id.strip_prefix("0x").or_else(|| id.strip_prefix("0X")).unwrap_or(id);
        u128::from_str_radix(digits, 16).ok().map(|number| number.to_string().into_boxed_str())
    };
    let found = match base {
        ReceiptIdBase::AsIs => [Some(as_is), None, None],
        ReceiptIdBase::Decimal => [in_hexadecimal().or(Some(as_is)), None, None],
        ReceiptIdBase::Hexadecimal => [in_decimal().or(Some(as_is)), None, None],
        ReceiptIdBase::Auto => [Some(as_is), in_hexadecimal(), in_decimal()],
    };
    for candidate in found.into_iter().flatten() {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
}

/// The phone that a receipt comes from, in the forms that SMSCs write it.
fn number(source: &[u8]) -> Option<PhoneNumber> {
    let text = std::str::from_utf8(source).ok()?.trim();
    let digits = text.strip_prefix('+').or_else(|| text.strip_prefix("00")).unwrap_or(text);
    PhoneNumber::parse(digits).ok()
}

/// The error code, from the text or the TLV; none where it is zero.
fn error(err: &str, deliver: &Deliver<'_>) -> Option<Box<str>> {
    let text = match (err, deliver.tlvs.get(tag::NETWORK_ERROR_CODE)) {
        // network type and code (§5.3.2.31).
        ("", Some([_network, high, low])) => u16::from_be_bytes([*high, *low]).to_string(),
        (err, _) => err.chars().filter(|c| c.is_ascii_graphic()).take(MOST_ERROR).collect(),
    };
    (!text.trim_matches('0').is_empty()).then(|| text.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smpp::pdu::tlv::Tlvs;

    fn deliver<'a>(message: &'a str, tlvs: &'a [u8]) -> Deliver<'a> {
        Deliver {
            source: b"15550100199",
            destination: b"Acme",
            esm_class: esm_class::RECEIPT,
            data_coding: 0,
            message: message.as_bytes(),
            tlvs: Tlvs(tlvs),
        }
    }

    fn candidates(id: &str, base: ReceiptIdBase) -> Vec<String> {
        let text = format!("id:{id} stat:DELIVRD");
        read(&deliver(&text, &[]), base).unwrap().candidates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_id_is_tried_as_it_is_and_in_the_other_base() {
        assert_eq!(candidates("255", ReceiptIdBase::Auto), ["255", "ff", "597"]);
        assert_eq!(candidates("00FF", ReceiptIdBase::Auto), ["ff", "255"]);
        assert_eq!(candidates("7", ReceiptIdBase::Auto), ["7"]);
        assert_eq!(candidates("a-b", ReceiptIdBase::Auto), ["a-b"]);
        let long = "9".repeat(60);
        assert_eq!(candidates(&long, ReceiptIdBase::Auto), [&*long]);
    }

    #[test]
    fn a_base_that_is_set_leaves_one_candidate() {
        assert_eq!(candidates("0255", ReceiptIdBase::AsIs), ["255"]);
        assert_eq!(candidates("255", ReceiptIdBase::Decimal), ["ff"]);
        assert_eq!(candidates("0xFF", ReceiptIdBase::Hexadecimal), ["255"]);
        assert_eq!(candidates("x-1", ReceiptIdBase::Decimal), ["x-1"]);
    }

    #[test]
    fn tlvs_say_it_without_a_text_and_before_a_text() {
        let tlvs = b"\x00\x1e\x00\x04A1F\x00\x04\x27\x00\x01\x05\x04\x23\x00\x03\x03\x00\x21";
        let receipt = read(&deliver("", tlvs), ReceiptIdBase::AsIs).unwrap();
        assert_eq!((receipt.state, receipt.error.as_deref()), (ReceiptState::Undelivered, Some("33")));
        assert_eq!(&*receipt.candidates[0], "a1f");
        assert_eq!(receipt.number, PhoneNumber::parse("15550100199").ok());
        let receipt = read(&deliver("id:77 stat:DELIVRD err:000", tlvs), ReceiptIdBase::AsIs).unwrap();
        assert_eq!((receipt.candidates.len(), receipt.state), (2, ReceiptState::Undelivered));
        assert_eq!(receipt.error, None);
    }

    #[test]
    fn only_what_the_smsc_marks_is_a_receipt() {
        let text = "id:1 stat:DELIVRD";
        let with_class = |class| is_receipt(&Deliver { esm_class: class, ..deliver(text, &[]) });
        assert!(with_class(0x04) && with_class(0x20) && with_class(0x44));
        assert!(!with_class(0x00) && !with_class(0x40) && !with_class(0x08) && !with_class(0x10));
        let named = Deliver { esm_class: 0, ..deliver("", b"\0\x1e\0\x02a\0") };
        assert!(is_receipt(&named));
    }

    #[test]
    fn an_intermediate_notification_is_never_final_and_a_receipt_of_nothing_is_none() {
        let intermediate = Deliver { esm_class: 0x20, ..deliver("id:1 stat:UNDELIV", &[]) };
        assert_eq!(read(&intermediate, ReceiptIdBase::Auto).unwrap().state, ReceiptState::Pending);
        assert!(read(&deliver("stat:DELIVRD", &[]), ReceiptIdBase::Auto).is_none());
        assert!(read(&deliver("id: stat:DELIVRD", &[]), ReceiptIdBase::Auto).is_none());
    }

    #[test]
    fn a_receipt_in_ucs_2_is_read_too() {
        let octets: Vec<u8> = "id:9 stat:DELIVRD".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let deliver = Deliver { data_coding: 8, message: &octets, ..deliver("", &[]) };
        let receipt = read(&deliver, ReceiptIdBase::AsIs).unwrap();
        assert_eq!((&*receipt.candidates[0], receipt.state), ("9", ReceiptState::Delivered));
    }
}

//! What an SMSC may send, through every reader in one go: for the fuzzer, and for the property tests.

use super::pdu::command;
use super::pdu::decode::{Deliver, Frame, Header, SubmitResp, frame};
use super::settings::ReceiptIdBase;
use super::{inbound, receipt, receipt_text};
use textgate_sms::ReceiptState;

/// Reads octets as a session reads its socket: PDU by PDU, and each as what it says it is.
///
/// # Panics
/// Where a reader takes more than there is, or keeps more than its bound: what is being looked for.
pub fn smpp_octets(mut octets: &[u8]) {
    loop {
        match frame(octets) {
            Frame::Nonsense => return,
            Frame::Incomplete { length } => {
                assert!(length > octets.len(), "a whole PDU is there, and not seen");
                return;
            }
            Frame::Whole { header, body, length } => {
                assert_eq!(body.len() + 16, length);
                pdu(header, body);
                octets = &octets[length..];
            }
        }
    }
}

fn pdu(header: Header, body: &[u8]) {
    let read = match header.command {
        command::DATA_SM => Deliver::read_data_sm(body),
        command::DELIVER_SM => Deliver::read_deliver_sm(body),
        _ => {
            let answer = SubmitResp::read(body);
            assert!(answer.message_id.len() <= body.len());
            return;
        }
    };
    let Ok(deliver) = read else { return };
    if !receipt::is_receipt(&deliver) {
        let inbound = inbound::inbound(&deliver);
        assert!(inbound.text.chars().count() <= deliver.message.len().max(1) * 8 / 7 + 1);
        assert!(inbound.from.chars().count() <= 64 && inbound.to.chars().count() <= 64);
        assert!(inbound.part.is_none_or(|part| (1..=part.total).contains(&part.number)));
        return;
    }
    let bases =
        [ReceiptIdBase::Auto, ReceiptIdBase::AsIs, ReceiptIdBase::Decimal, ReceiptIdBase::Hexadecimal];
    for base in bases {
        let Some(read) = receipt::read(&deliver, base) else { continue };
        assert!((1..=6).contains(&read.candidates.len()));
        assert!(read.candidates.iter().all(|id| id.len() <= 310), "an id beyond its bound");
        assert!(read.error.is_none_or(|error| error.len() <= 32 && error.is_ascii()));
    }
}

/// Reads a receipt's text.
///
/// # Panics
/// Where a value is not in the text, or a word's state depends on its case.
pub fn receipt_text(text: &str) {
    let read = receipt_text::read(text);
    for value in [read.id, read.stat, read.err] {
        assert!(text.contains(value) && !value.contains([',', ';', ' ', '\n']));
    }
    let state = receipt_text::state_of_word(read.stat);
    assert_eq!(receipt_text::state_of_word(&read.stat.to_ascii_lowercase()), state);
    assert!(!read.stat.is_empty() || state == ReceiptState::Pending);
    let id = crate::canonical_id(read.id);
    assert_eq!(crate::canonical_id(&id), id, "once is enough");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(command: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let words = [length, command, 0, 1].map(u32::to_be_bytes);
        [words.as_flattened(), body].concat()
    }

    /// A deliver_sm whose fields are there, whatever is in them.
    fn deliver(esm_class: u8, data_coding: u8, message: &[u8], tlvs: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = b"\0\x01\x0115550100199\0\x01\x01Acme\0".to_vec();
        body.extend([esm_class, 0, 0, 0, 0, 1, 0, data_coding, 0, u8::try_from(message.len()).unwrap()]);
        body.extend(message);
        for (tag, value) in tlvs {
            body.extend(tag.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(value);
        }
        whole(command::DELIVER_SM, &body)
    }

    proptest! {
        #[test]
        fn any_pdus_one_after_the_other_are_read(
            pdus in prop::collection::vec(
                (prop::sample::select(vec![5u32, 0x103, 0x8000_0004, 0x8000_0000, 0x15]), any::<Vec<u8>>()), 0..5),
            rest: Vec<u8>,
        ) {
            let mut octets: Vec<u8> = pdus.iter().flat_map(|(command, body)| whole(*command, body)).collect();
            octets.extend(rest);
            smpp_octets(&octets);
        }

        #[test]
        fn any_message_and_any_tlvs_are_read(
            esm_class in prop::sample::select(vec![0u8, 4, 0x20, 0x40, 0x44, 0xFF]),
            data_coding: u8,
            message in prop::collection::vec(any::<u8>(), 0..255),
            tlvs in prop::collection::vec(
                (prop::sample::select(vec![0x1Eu16, 0x427, 0x423, 0x424, 0x20C, 0x20E, 0x20F, 5]),
                 prop::collection::vec(any::<u8>(), 0..40)), 0..5),
        ) {
            smpp_octets(&deliver(esm_class, data_coding, &message, &tlvs));
        }

        #[test]
        fn any_receipt_that_looks_like_one_is_read(
            text in "((id|stat|err|text|submit date|message_id|state)? ?:? ?[\"']?[0-9A-Fa-fx]{0,40}(DELIVRD|expired|5)?[ ,;|]?){0,8}",
            ucs2: bool,
        ) {
            receipt_text(&text);
            let octets: Vec<u8> = match ucs2 {
                true => text.encode_utf16().flat_map(u16::to_be_bytes).take(254).collect(),
                false => text.bytes().take(254).collect(),
            };
            smpp_octets(&deliver(4, if ucs2 { 8 } else { 0 }, &octets, &[]));
        }
    }
}

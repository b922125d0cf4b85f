//! Reads PDUs in place. Total: every sequence of octets is a PDU, the beginning of one, or nonsense.

use super::tlv::Tlvs;
use super::{HEADER, MOST_PDU, tag};

/// A PDU's header (SMPP 3.4 §3.2), without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Header {
    pub command: u32,
    pub status: u32,
    pub sequence: u32,
}

/// What stands at the beginning of the octets received so far.
pub(in super::super) enum Frame<'a> {
    /// Not a whole PDU yet; it has this many octets, as far as that is known.
    Incomplete { length: usize },
    /// A PDU.
    Whole { header: Header, body: &'a [u8], length: usize },
    /// A length that no PDU has (§5.1.1): what follows cannot be found any more.
    Nonsense,
}

/// A body that does not hold what its PDU has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Malformed;

/// submit_sm_resp (§4.4.2).
pub(in super::super) struct SubmitResp<'a> {
    /// The SMSC's id of the message; empty where there is none.
    pub message_id: &'a [u8],
    /// additional_status_info_text, if any.
    pub status_text: Option<&'a [u8]>,
}

/// What deliver_sm (§4.6.1) and data_sm (§4.7.1) say, as far as anybody here wants to know.
pub(in super::super) struct Deliver<'a> {
    pub source: &'a [u8],
    pub destination: &'a [u8],
    pub esm_class: u8,
    pub data_coding: u8,
    /// short_message, or message_payload where that is empty (§5.2.21).
    pub message: &'a [u8],
    pub tlvs: Tlvs<'a>,
}

/// The first PDU of the octets.
pub(in super::super) fn frame(octets: &[u8]) -> Frame<'_> {
    let word = |at: usize| {
        let octets = octets.get(at..at + 4)?;
        Some(u32::from_be_bytes(octets.try_into().ok()?))
    };
    let Some(length) = word(0) else { return Frame::Incomplete { length: HEADER } };
    let Some(length) = usize::try_from(length).ok().filter(|length| (HEADER..=MOST_PDU).contains(length))
    else {
        return Frame::Nonsense;
    };
    match (octets.get(HEADER..length), word(4), word(8), word(12)) {
        (Some(body), Some(command), Some(status), Some(sequence)) => {
            Frame::Whole { header: Header { command, status, sequence }, body, length }
        }
        _ => Frame::Incomplete { length },
    }
}

impl<'a> SubmitResp<'a> {
    /// Reads what is there: a failed submit_sm's response may have no body at all (§4.4.2).
    pub fn read(body: &'a [u8]) -> Self {
        match body.iter().position(|octet| *octet == 0) {
            Some(end) => {
                let (message_id, rest) = body.split_at_checked(end).unwrap_or((body, &[]));
                let tlvs = Tlvs(rest.get(1..).unwrap_or_default());
                Self { message_id, status_text: tlvs.text(tag::ADDITIONAL_STATUS_INFO_TEXT) }
            }
            None => Self { message_id: body, status_text: None },
        }
    }
}

impl<'a> Deliver<'a> {
    /// Reads a deliver_sm's body (§4.6.1).
    pub fn read_deliver_sm(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(body);
        reader.text()?; // service_type
        let (source, destination) = (reader.address()?, reader.address()?);
        let [esm_class, _protocol_id, _priority_flag] = reader.octets()?;
        reader.text()?; // schedule_delivery_time
        reader.text()?; // validity_period
        let [_registered_delivery, _replace, data_coding, _default_msg_id, sm_length] = reader.octets()?;
        let short_message = reader.take(usize::from(sm_length))?;
        let tlvs = Tlvs(reader.0);
        let message = match (short_message, tlvs.get(tag::MESSAGE_PAYLOAD)) {
            ([], Some(payload)) => payload,
            (short_message, _) => short_message,
        };
        Ok(Self { source, destination, esm_class, data_coding, message, tlvs })
    }

    /// Reads a data_sm's body (§4.7.1).
    pub fn read_data_sm(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(body);
        reader.text()?; // service_type
        let (source, destination) = (reader.address()?, reader.address()?);
        let [esm_class, _registered_delivery, data_coding] = reader.octets()?;
        let tlvs = Tlvs(reader.0);
        let message = tlvs.get(tag::MESSAGE_PAYLOAD).unwrap_or_default();
        Ok(Self { source, destination, esm_class, data_coding, message, tlvs })
    }
}

/// Reads from the front; what is missing is an error, never a panic.
pub(in super::super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// So many octets.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// As many octets as are asked for.
    pub fn octets<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    /// A C-octet string (§3.1), without its NUL. Longer than the standard allows is fine: it is bounded by the PDU.
    pub fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|octet| *octet == 0).ok_or(Malformed)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// TON, NPI and the address they are of.
    fn address(&mut self) -> Result<&'a [u8], Malformed> {
        self.octets::<2>()?;
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_length_that_no_pdu_has_is_nonsense() {
        for length in [0u32, 15, MOST_PDU as u32 + 1, u32::MAX] {
            assert!(matches!(frame(&length.to_be_bytes()), Frame::Nonsense), "{length}");
        }
        for length in [16u32, MOST_PDU as u32] {
            assert!(!matches!(frame(&length.to_be_bytes()), Frame::Nonsense), "{length}");
        }
    }

    #[test]
    fn a_response_without_a_body_has_no_message_id() {
        assert_eq!(SubmitResp::read(b"").message_id, b"");
        assert_eq!(SubmitResp::read(b"abc").message_id, b"abc");
        let response = SubmitResp::read(b"7f\0\x00\x1d\x00\x03ok\0");
        assert_eq!((response.message_id, response.status_text), (&b"7f"[..], Some(&b"ok"[..])));
    }

    #[test]
    fn a_text_that_is_in_message_payload_is_found() {
        let body = b"\0\x01\x01123\0\x01\x01456\0\x04\0\0\0\0\0\0\0\0\0\x04\x24\0\x02hi";
        let deliver = Deliver::read_deliver_sm(body).unwrap();
        assert_eq!((deliver.source, deliver.destination), (&b"123"[..], &b"456"[..]));
        assert_eq!((deliver.esm_class, deliver.message), (4, &b"hi"[..]));
    }

    proptest! {
        #[test]
        fn no_octets_are_a_panic(octets in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Frame::Whole { body, length, .. } = frame(&octets) {
                prop_assert!(length <= octets.len() && body.len() + HEADER == length);
            }
            let _ = SubmitResp::read(&octets);
            let _ = Deliver::read_deliver_sm(&octets);
            let _ = Deliver::read_data_sm(&octets);
            for wanted in [tag::MESSAGE_PAYLOAD, 0] {
                let _ = Tlvs(&octets).get(wanted);
                let _ = Tlvs(&octets).number(wanted);
            }
        }

        #[test]
        fn a_frame_is_incomplete_until_its_last_octet(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let length = HEADER + body.len();
            let mut octets = u32::try_from(length).unwrap().to_be_bytes().to_vec();
            octets.extend_from_slice(&[0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 9]);
            octets.extend_from_slice(&body);
            for end in 0..length {
                let is_incomplete = matches!(frame(&octets[..end]), Frame::Incomplete { .. });
                prop_assert!(is_incomplete);
            }
            octets.push(0xFF); // the next one's first octet
            let Frame::Whole { header, body: found, length: used } = frame(&octets) else { panic!() };
            prop_assert_eq!((header.command, header.status, header.sequence), (5, 1, 9));
            prop_assert_eq!((found, used), (&body[..], length));
        }
    }
}

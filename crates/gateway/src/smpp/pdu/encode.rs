//! Writes PDUs at the end of a buffer, without an allocation for each.

use super::{HEADER, INTERFACE_VERSION, command, esm_class, tag};
use bytes::{BufMut as _, BytesMut};

/// A type of number and a numbering plan (SMPP 3.4 §5.2.5, §5.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Plan {
    pub ton: u8,
    pub npi: u8,
}

/// How a bind introduces itself (§4.1). Has no `Debug`, because of the password.
pub(in super::super) struct Bind<'a> {
    pub command: u32,
    pub system_id: &'a str,
    pub password: &'a str,
    pub system_type: &'a str,
}

/// What is the same in every submit_sm (§4.4.1) of one message.
pub(in super::super) struct Submit<'a> {
    pub service_type: &'a str,
    pub source_plan: Plan,
    pub source: &'a str,
    pub destination_plan: Plan,
    /// Written as decimal digits.
    pub destination: u64,
    pub protocol_id: u8,
    /// Seconds of relative validity; `None`: the SMSC's default.
    pub validity_s: Option<u32>,
    pub wants_receipt: bool,
    pub replaces: bool,
    pub data_coding: u8,
    /// Says by TLV that the message is for the phone's display (§5.3.2.1).
    pub is_for_display: bool,
}

/// What one submit_sm carries of its message.
#[derive(Clone, Copy)]
pub(in super::super) enum Body<'a> {
    /// A short_message of at most 254 octets (§5.2.22), behind its user data header if there is one.
    Short { header: &'a [u8], units: &'a [u8] },
    /// A short_message, and the sar TLVs that say which part it is (§5.3.2.22 to §5.3.2.24).
    Sar { units: &'a [u8], reference: u16, total: u8, number: u8 },
    /// A message_payload (§5.3.2.32).
    Payload { units: &'a [u8] },
}

/// Writes a PDU whose body `body` appends.
pub(in super::super) fn pdu(
    out: &mut BytesMut,
    command: u32,
    status: u32,
    sequence: u32,
    body: impl FnOnce(&mut BytesMut),
) {
    let start = out.len();
    out.reserve(HEADER);
    out.put_u32(0);
    out.put_u32(command);
    out.put_u32(status);
    out.put_u32(sequence);
    body(out);
    // Everything written here is far below 4 GiB.
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..start + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes a PDU without a body: enquire_link, unbind and their responses, generic_nack.
pub(in super::super) fn empty(out: &mut BytesMut, command: u32, status: u32, sequence: u32) {
    pdu(out, command, status, sequence, |_| ());
}

/// Writes the response to a deliver_sm or data_sm: its message_id is unused and empty (§4.6.2).
pub(in super::super) fn delivered(out: &mut BytesMut, request: u32, status: u32, sequence: u32) {
    pdu(out, request | command::RESPONSE, status, sequence, |out| out.put_u8(0));
}

/// Writes a bind request (§4.1.1, §4.1.3, §4.1.5).
pub(in super::super) fn bind(out: &mut BytesMut, bind: &Bind<'_>, sequence: u32) {
    pdu(out, bind.command, 0, sequence, |out| {
        text(out, bind.system_id);
        text(out, bind.password);
        text(out, bind.system_type);
        // addr_ton, addr_npi and address_range stay blank: the SMSC knows which addresses an account serves.
        out.put_slice(&[INTERFACE_VERSION, 0, 0, 0]);
    });
}

/// Writes one submit_sm (§4.4.1).
pub(in super::super) fn submit(out: &mut BytesMut, submit: &Submit<'_>, body: Body<'_>, sequence: u32) {
    pdu(out, command::SUBMIT_SM, 0, sequence, |out| {
        text(out, submit.service_type);
        out.put_slice(&[submit.source_plan.ton, submit.source_plan.npi]);
        text(out, submit.source);
        out.put_slice(&[submit.destination_plan.ton, submit.destination_plan.npi]);
        decimal(out, submit.destination);
        let class = match body {
            Body::Short { header, .. } if !header.is_empty() => esm_class::UDHI,
            _ => 0,
        };
        // priority_flag 0: the standard's "normal" (§5.2.14). schedule_delivery_time blank: at once (§5.2.15).
        out.put_slice(&[class, submit.protocol_id, 0, 0]);
        match submit.validity_s {
            Some(seconds) => relative_time(out, seconds),
            None => out.put_u8(0),
        }
        // registered_delivery bits 1 and 0: a receipt whatever comes of the message (§5.2.17).
        let registered_delivery = u8::from(submit.wants_receipt);
        out.put_slice(&[registered_delivery, u8::from(submit.replaces), submit.data_coding, 0]);
        match body {
            Body::Short { header, units } => short_message(out, header, units),
            Body::Sar { units, .. } => short_message(out, &[], units),
            Body::Payload { .. } => out.put_u8(0),
        }
        if submit.is_for_display {
            tlv(out, tag::DEST_ADDR_SUBUNIT, &[1]);
        }
        match body {
            Body::Short { .. } => {}
            Body::Sar { reference, total, number, .. } => {
                tlv(out, tag::SAR_MSG_REF_NUM, &reference.to_be_bytes());
                tlv(out, tag::SAR_TOTAL_SEGMENTS, &[total]);
                tlv(out, tag::SAR_SEGMENT_SEQNUM, &[number]);
            }
            Body::Payload { units } => tlv(out, tag::MESSAGE_PAYLOAD, units),
        }
    });
}

fn short_message(out: &mut BytesMut, header: &[u8], units: &[u8]) {
    // Segments have at most 160 units, so this holds for all of them; longer texts go as message_payload.
    let length = u8::try_from(header.len() + units.len()).unwrap_or(u8::MAX);
    out.put_u8(length);
    out.put_slice(header);
    out.put_slice(units.get(..usize::from(length).saturating_sub(header.len())).unwrap_or(units));
}

fn tlv(out: &mut BytesMut, tag: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.put_u16(tag);
    out.put_u16(length);
    out.put_slice(value.get(..usize::from(length)).unwrap_or(value));
}

/// A C-octet string (§3.1). A NUL inside would end it early, so it is left out; settings have none.
fn text(out: &mut BytesMut, text: &str) {
    if text.bytes().all(|octet| octet != 0) {
        out.put_slice(text.as_bytes());
    }
    out.put_u8(0);
}

fn decimal(out: &mut BytesMut, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut start = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = at;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(digits.get(start..).unwrap_or_default());
    out.put_u8(0);
}

/// A relative time, `YYMMDDhhmmss000R` (§7.1.1.2). Months and years have no fixed length, so only days are used, and
/// of them the 31 that the field's standard range has.
fn relative_time(out: &mut BytesMut, seconds: u32) {
    const DAY: u32 = 86_400;
    let seconds = seconds.clamp(1, 31 * DAY);
    out.put_slice(b"0000");
    for part in [seconds / DAY, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60] {
        let part = (part % 100) as u8;
        out.put_slice(&[b'0' + part / 10, b'0' + part % 10]);
    }
    out.put_slice(b"000R\0");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_submit() -> Submit<'static> {
        Submit {
            service_type: "CMT",
            source_plan: Plan { ton: 5, npi: 0 },
            source: "Acme",
            destination_plan: Plan { ton: 1, npi: 1 },
            destination: 15550100199,
            protocol_id: 0x41,
            validity_s: Some(300),
            wants_receipt: true,
            replaces: true,
            data_coding: 8,
            is_for_display: false,
        }
    }

    #[test]
    fn a_submit_sm_has_the_standards_fields_in_the_standards_order() {
        let mut out = BytesMut::new();
        submit(&mut out, &a_submit(), Body::Short { header: &[], units: b"hi" }, 7);
        let body =
            b"CMT\0\x05\x00Acme\0\x01\x0115550100199\0\x00\x41\x00\x00000000000500000R\x00\x01\x01\x08\x00\x02hi";
        let mut expected = u32::try_from(16 + body.len()).unwrap().to_be_bytes().to_vec();
        expected.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 7]);
        expected.extend_from_slice(body);
        assert_eq!(&out[..], &expected[..]);
    }

    #[test]
    fn a_part_says_which_it_is_by_header_or_tlv_and_a_payload_leaves_the_short_message_empty() {
        let ends = |body, end: &[u8]| {
            let mut out = BytesMut::new();
            submit(&mut out, &a_submit(), body, 1);
            assert!(out.ends_with(end), "{out:?}");
            out[HEADER + 25]
        };
        let header = [5, 0, 3, 9, 2, 1];
        let class =
            ends(Body::Short { header: &header, units: b"x" }, b"\x08\x00\x07\x05\x00\x03\x09\x02\x01x");
        assert_eq!(class, esm_class::UDHI);
        let sar = Body::Sar { units: b"x", reference: 0x1234, total: 2, number: 1 };
        let class =
            ends(sar, b"\x08\x00\x01x\x02\x0c\x00\x02\x12\x34\x02\x0e\x00\x01\x02\x02\x0f\x00\x01\x01");
        assert_eq!(class, 0);
        assert_eq!(ends(Body::Payload { units: b"xy" }, b"\x08\x00\x00\x04\x24\x00\x02xy"), 0);
    }

    #[test]
    fn validity_is_at_least_a_second_and_at_most_what_the_field_holds() {
        let written = |seconds| {
            let mut out = BytesMut::new();
            relative_time(&mut out, seconds);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(written(0), "000000000001000R\0");
        assert_eq!(written(86_400 + 2 * 3600 + 3 * 60 + 4), "000001020304000R\0");
        assert_eq!(written(u32::MAX), "000031000000000R\0");
    }

    #[test]
    fn a_number_is_written_in_digits() {
        for number in [0, 7, 15550100199, u64::MAX] {
            let mut out = BytesMut::new();
            decimal(&mut out, number);
            assert_eq!(&out[..], format!("{number}\0").as_bytes());
        }
    }
}

//! The submit_sm of a message as people may see them: written by the code that sends, and read field by field.

use super::gateway::Smpp;
use super::pdu::decode::Reader;
use super::pdu::tlv::Tlvs;
use super::pdu::{HEADER, command, esm_class, tag};
use super::settings::{Choices, NPIS, SERVICE_TYPES, TONS};
use super::text::{self, Part};
use crate::{Pdu, PduField, Preview, PreviewError, Submission};
use bytes::BytesMut;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use textgate_sms::{Encoding, decode, encoding_of_data_coding, parse_header};

/// Every submit_sm of a message, in order.
pub(super) fn preview(smpp: &Smpp, submission: &Submission) -> Result<Preview, PreviewError> {
    let format = &smpp.account.format;
    let mut preview = Preview::new(text::plan(format, &submission.text)?);
    text::check_sender(submission)?;
    let prepared = text::prepare(format, &submission.text)?;
    // The next one that would be taken; a look takes none.
    let reference = smpp.shared.reference.load(Ordering::Relaxed);
    for number in 0..prepared.pdus() {
        let mut octets = BytesMut::new();
        // The first request of a session is its bind.
        let part = Part { number, reference, sequence: u32::from(number) + 2 };
        prepared.write(&mut octets, format, submission, part, submission.routing.accepted_at);
        preview.pdus.push(read(&octets, prepared.encoding()));
    }
    Ok(preview)
}

/// A written submit_sm (SMPP 3.4 §4.4.1), field by field.
fn read(octets: &[u8], encoding: Encoding) -> Pdu {
    let mut fields = Vec::with_capacity(32);
    let (head, body) = octets.split_at_checked(HEADER).unwrap_or((octets, &[]));
    for (name, octets) in
        ["command_length", "command_id", "command_status", "sequence_number"].into_iter().zip(head.chunks(4))
    {
        let number = u32::from_be_bytes(octets.try_into().unwrap_or_default());
        fields.push(match name {
            "command_id" if number == command::SUBMIT_SM => {
                PduField::new(name, format!("0x{number:08X}"), "submit_sm")
            }
            "sequence_number" => {
                PduField::new(name, number.to_string(), "as it would be in a session that has just begun")
            }
            _ => PduField::new(name, number.to_string(), ""),
        });
    }
    // What this program wrote is whole; were it not, the fields would end where it does.
    let _ = read_body(body, encoding, &mut fields);
    Pdu { name: "submit_sm", fields, octets: hex(octets) }
}

fn read_body(body: &[u8], encoding: Encoding, fields: &mut Vec<PduField>) -> Option<()> {
    let mut reader = Reader(body);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut add =
        |name: &str, value: String, meaning: String| fields.push(PduField::new(name, value, meaning));

    let service_type = text(reader.text().ok()?);
    let meaning = SERVICE_TYPES.iter().find(|(_, _, value)| *value == service_type);
    add("service_type", service_type, meaning.map_or("", |(_, label, _)| label).to_owned());
    for of in ["source", "dest"] {
        let [ton, npi] = reader.octets().ok()?;
        add(&format!("{of}_addr_ton"), ton.to_string(), label(TONS, ton));
        add(&format!("{of}_addr_npi"), npi.to_string(), label(NPIS, npi));
        let name = if of == "source" { "source_addr" } else { "destination_addr" };
        let address = text(reader.text().ok()?);
        let meaning = if address.is_empty() { "the SMSC's own" } else { "" };
        add(name, address, meaning.to_owned());
    }
    let [class, protocol_id, priority] = reader.octets().ok()?;
    let has_header = class & esm_class::UDHI != 0;
    let meaning = if has_header { "the short message begins with a user data header" } else { "" };
    add("esm_class", octet(class), meaning.to_owned());
    let meaning = match protocol_id {
        0x41..=0x47 => format!("replaces an earlier message of type {}", protocol_id - 0x40),
        _ => String::new(),
    };
    add("protocol_id", octet(protocol_id), meaning);
    add("priority_flag", priority.to_string(), String::new());
    let scheduled = text(reader.text().ok()?);
    add("schedule_delivery_time", scheduled, "at once".to_owned());
    let validity = text(reader.text().ok()?);
    let meaning =
        if validity.is_empty() { "the SMSC's default" } else { "from then on: YYMMDDhhmmss, relative" };
    add("validity_period", validity, meaning.to_owned());
    let [registered_delivery, replaces, data_coding, default_message, length] = reader.octets().ok()?;
    let meaning = if registered_delivery & 1 == 1 { "a receipt is asked for" } else { "no receipt" };
    add("registered_delivery", octet(registered_delivery), meaning.to_owned());
    add("replace_if_present_flag", replaces.to_string(), String::new());
    add("data_coding", octet(data_coding), meaning_of(data_coding, encoding));
    add("sm_default_msg_id", default_message.to_string(), String::new());
    add("sm_length", length.to_string(), "octets".to_owned());
    let message = reader.take(usize::from(length)).ok()?;
    let header = if has_header { parse_header(message).map_or(0, |header| header.octets) } else { 0 };
    let (header, units) = message.split_at_checked(header)?;
    if !header.is_empty() {
        add("UDH", hex(header), meaning_of_header(header));
    }
    add("short_message", hex(units), shown(units, encoding));
    read_tlvs(reader.0, encoding, &mut add);
    Some(())
}

/// The optional parameters (SMPP 3.4 §5.3.2).
fn read_tlvs(octets: &[u8], encoding: Encoding, add: &mut impl FnMut(&str, String, String)) {
    for (tag, value) in Tlvs(octets).iter() {
        let number = || value.iter().fold(0u32, |n, octet| n << 8 | u32::from(*octet)).to_string();
        match tag {
            tag::DEST_ADDR_SUBUNIT => add("dest_addr_subunit", octet(1), "the phone's display".to_owned()),
            tag::SAR_MSG_REF_NUM => add("sar_msg_ref_num", number(), String::new()),
            tag::SAR_TOTAL_SEGMENTS => add("sar_total_segments", number(), String::new()),
            tag::SAR_SEGMENT_SEQNUM => add("sar_segment_seqnum", number(), String::new()),
            tag::MESSAGE_PAYLOAD => add("message_payload", hex(value), shown(value, encoding)),
            other => add(&format!("0x{other:04X}"), hex(value), String::new()),
        }
    }
}

fn label(choices: Choices<u8>, value: u8) -> String {
    choices.iter().find(|(_, _, number)| *number == value).map_or("", |(_, label, _)| label).to_owned()
}

fn meaning_of(data_coding: u8, encoding: Encoding) -> String {
    // Bit 4 and the group 1111 say that a class is there (TS 23.038 §4); this program writes class 0 only.
    let is_flash = data_coding & 0xF0 == 0xF0 || data_coding & 0xF0 == 0x10;
    let known = encoding_of_data_coding(data_coding).unwrap_or(encoding);
    let name = if known == Encoding::GSM7 { "SMSC default alphabet" } else { encoding.name() };
    if is_flash { format!("{name}, class 0 (flash)") } else { name.to_owned() }
}

fn meaning_of_header(octets: &[u8]) -> String {
    let Some(header) = parse_header(octets) else { return String::new() };
    let part = header
        .part
        .map(|part| format!("part {} of {}, reference {}", part.number, part.total, part.reference));
    part.unwrap_or_default()
}

/// The text of some units.
fn shown(units: &[u8], encoding: Encoding) -> String {
    decode(units, encoding)
}

fn octet(octet: u8) -> String {
    format!("0x{octet:02X}")
}

fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _ = write!(text, "{octet:02X}");
    }
    text
}

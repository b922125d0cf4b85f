//! Previews of submit_sm: what an SMSC gets, field by field.

use super::kit::*;
use crate::{Environment, Plugins, Preview, PreviewError, SmppPlugin, Submission, preview};
use serde_json::{Value, json};
use std::sync::Arc;

fn previewed(more: Value, submission: &Submission) -> Result<Preview, PreviewError> {
    let mut settings = json!({"system_id": "acme", "host": "smsc.example.com", "password": "hunter22"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let valid = Plugins::new(vec![Arc::new(SmppPlugin::new())]).check("smpp", &settings).unwrap();
    preview(&SmppPlugin::new(), &valid, &Environment::default(), submission)
}

fn field(preview: &Preview, pdu: usize, name: &str) -> (String, String) {
    let found = preview.pdus[pdu].fields.iter().find(|field| field.name == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {:?}", preview.pdus[pdu]));
    (found.value.clone(), found.meaning.clone())
}

fn pair(value: &str, meaning: &str) -> (String, String) {
    (value.to_owned(), meaning.to_owned())
}

#[test]
fn a_submit_sm_has_every_field_by_its_standard_name_in_order() {
    let preview =
        previewed(json!({"sender": "Acme", "flash": true, "overwrite": true}), &message("Hi @ you")).unwrap();
    assert_eq!((preview.segments, preview.encoding, preview.pdus.len()), (1, "gsm7", 1));
    let names: Vec<&str> = preview.pdus[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "command_length",
            "command_id",
            "command_status",
            "sequence_number",
            "service_type",
            "source_addr_ton",
            "source_addr_npi",
            "source_addr",
            "dest_addr_ton",
            "dest_addr_npi",
            "destination_addr",
            "esm_class",
            "protocol_id",
            "priority_flag",
            "schedule_delivery_time",
            "validity_period",
            "registered_delivery",
            "replace_if_present_flag",
            "data_coding",
            "sm_default_msg_id",
            "sm_length",
            "short_message",
        ]
    );
    for (name, value, meaning) in [
        ("service_type", "", "Default"),
        ("source_addr_ton", "5", "Alphanumeric"),
        ("source_addr", "Acme", ""),
        ("dest_addr_ton", "1", "International"),
        ("dest_addr_npi", "1", "ISDN"),
        ("destination_addr", "15550100199", ""),
        ("protocol_id", "0x41", "replaces an earlier message of type 1"),
        ("data_coding", "0xF0", "SMSC default alphabet, class 0 (flash)"),
        ("short_message", "4869200020796F75", "Hi @ you"),
    ] {
        assert_eq!(field(&preview, 0, name), pair(value, meaning), "{name}");
    }
    assert!(!serde_json::to_string(&preview).unwrap().contains("hunter22"));
}

#[test]
fn long_texts_show_their_parts_by_header_by_tlv_and_as_payload() {
    let text = "€uro ".repeat(60);
    let preview = previewed(json!({}), &message(&text)).unwrap();
    assert_eq!((preview.segments, preview.pdus.len()), (3, 3));
    let (header, meaning) = field(&preview, 1, "UDH");
    assert!(header.starts_with("050003") && header.ends_with("0302"), "{header}");
    assert!(meaning.starts_with("part 2 of 3, reference "), "{meaning}");
    let shown: String = (0..3).map(|pdu| field(&preview, pdu, "short_message").1).collect();
    assert_eq!(shown, text);

    let preview = previewed(json!({"long_messages": "sar"}), &message(&text)).unwrap();
    assert_eq!(field(&preview, 2, "sar_total_segments").0, "3");
    assert_eq!(field(&preview, 2, "sar_segment_seqnum").0, "3");

    let preview =
        previewed(json!({"long_messages": "payload", "encoding": "ucs2"}), &message(&text)).unwrap();
    assert_eq!((preview.segments, preview.pdus.len()), (5, 1));
    assert_eq!(field(&preview, 0, "message_payload").1, text);
    assert_eq!(field(&preview, 0, "data_coding"), pair("0x08", "ucs2"));
}

#[test]
fn what_cannot_be_sent_is_said() {
    let refuse = json!({"unencodable": "refuse"});
    assert!(matches!(previewed(refuse, &message("日本")), Err(PreviewError::Text(_))));
    let submission = Submission { sender: Some("x".repeat(21).into()), ..message("x") };
    assert!(matches!(previewed(json!({}), &submission), Err(PreviewError::Settings(_))));
}

#[tokio::test]
async fn a_preview_is_the_pdu_that_the_smsc_gets() {
    let smsc = Smsc::start().await;
    let more = json!({"sender": "15550100100", "validity_period": false});
    let bench = Bench::start(&smsc, more.clone());
    let mut peer = smsc.bound().await;
    bench.submit(message("Your code is 314159"));
    let submit = peer.submit().await;
    let preview = previewed(more, &message("Your code is 314159")).unwrap();
    let body: String = submit.body.iter().map(|octet| format!("{octet:02X}")).collect();
    assert_eq!(preview.pdus[0].octets[32..], body);
}

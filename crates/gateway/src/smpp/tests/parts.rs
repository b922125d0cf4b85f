//! What a message looks like on the wire: encodings, senders, flash, overwrite, and long messages.

use super::kit::{Bench, Smsc, Submit, message};
use crate::{Overwrite, Submission};
use serde_json::{Value, json};
use textgate_sms::OutcomeClass::{Refused, Rejected, Sent, Throttled, Unavailable, Uncertain};
use textgate_sms::ReplaceType;

/// The submit_sm of one message under these settings, all answered.
async fn sent(settings: Value, submission: Submission) -> Vec<Submit> {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, settings);
    let mut peer = smsc.bound().await;
    let planned = bench.gateway.plan(&submission.text).unwrap();
    bench.submit(submission);
    let mut submits = Vec::new();
    let outcome = loop {
        tokio::select! {
            outcome = bench.outcome() => break outcome,
            submit = peer.submit() => {
                peer.take(&submit, &format!("id{}", submits.len())).await;
                submits.push(submit.submit());
            }
        }
    };
    assert_eq!((outcome.class, outcome.segments_sent), (Sent, planned.segments));
    assert_eq!(outcome.provider_ids.len(), submits.len());
    submits
}

async fn one(settings: Value, submission: Submission) -> Submit {
    let mut submits = sent(settings, submission).await;
    assert_eq!(submits.len(), 1);
    submits.remove(0)
}

#[tokio::test]
async fn a_plain_message_has_the_settings_in_its_fields() {
    let submit =
        one(json!({"sender": "Acme", "service_type": "Cellular Messaging"}), message("hi @ €")).await;
    assert_eq!(submit.service_type, "CMT");
    assert_eq!(submit.source, (5, 0, "Acme".into()));
    assert_eq!(submit.destination, (1, 1, "15550100199".into()));
    assert_eq!((submit.esm_class, submit.protocol_id, submit.replace_if_present), (0, 0, 0));
    assert_eq!((submit.data_coding, submit.registered_delivery), (0, 1));
    // GSM 03.38, one septet in each octet: @ is 0x00, the euro sign ESC 0x65.
    assert_eq!(submit.short_message, b"hi \x00 \x1b\x65");
    let remaining = &submit.validity_period;
    assert!(remaining == "000000000500000R" || remaining.starts_with("00000000045"), "{remaining}");
    assert!(submit.tlvs.is_empty());
}

#[tokio::test]
async fn what_is_switched_off_is_not_there_and_explicit_numbers_stand() {
    let settings = json!({
        "receipts": false, "validity_period": false, "service_type": "XYZ", "ton": "National", "npi": "Private",
        "sender": "12345", "sender_ton": "abbreviated", "sender_npi": "ISDN",
    });
    let submit = one(settings, message("hi")).await;
    assert_eq!((submit.registered_delivery, &*submit.validity_period, &*submit.service_type), (0, "", "XYZ"));
    assert_eq!((submit.source, submit.destination), ((6, 1, "12345".into()), (2, 9, "15550100199".into())));
}

#[tokio::test]
async fn a_sender_is_known_by_its_looks() {
    let table = [
        ("", (0, 0, "")),
        ("Acme 24", (5, 0, "Acme 24")),
        ("12345", (3, 0, "12345")),
        ("15550100100", (1, 1, "15550100100")),
        ("+15550100100", (1, 1, "15550100100")),
    ];
    for (sender, (ton, npi, address)) in table {
        let expected = (ton, npi, address.to_owned());
        assert_eq!(one(json!({"sender": sender}), message("x")).await.source, expected);
        let asked = Submission { sender: Some(sender.into()), ..message("x") };
        assert_eq!(one(json!({"sender": "Other"}), asked).await.source, expected);
    }
}

#[tokio::test]
async fn each_encoding_has_its_data_coding_and_flash_its_class() {
    let table: [(&str, &str, u8, u8, &[u8]); 6] = [
        ("smcdefault", "é", 0x00, 0xF0, b"\x05"),
        ("ascii", "a", 0x01, 0x01, b"a"),
        ("latin1", "é", 0x03, 0x03, b"\xe9"),
        ("ucs2", "é", 0x08, 0x18, b"\x00\xe9"),
        ("utf16be", "😀", 0x08, 0x18, b"\xd8\x3d\xde\x00"),
        ("auto", "ж", 0x08, 0x18, b"\x04\x36"),
    ];
    for (encoding, text, plain, flash, octets) in table {
        let submit = one(json!({"encoding": encoding}), message(text)).await;
        assert_eq!((submit.data_coding, &*submit.short_message), (plain, octets), "{encoding}");
        for (setting, asked) in [(true, None), (false, Some(true))] {
            let submission = Submission { flash: asked, ..message(text) };
            let submit = one(json!({"encoding": encoding, "flash": setting}), submission).await;
            assert_eq!(submit.data_coding, flash, "{encoding}");
            // Where data_coding has no class, dest_addr_subunit says it.
            let subunit = submit.tlv(0x0005);
            assert_eq!(subunit, (plain == flash).then_some(&[1][..]), "{encoding}");
        }
        let off = Submission { flash: Some(false), ..message(text) };
        assert_eq!(one(json!({"encoding": encoding, "flash": true}), off).await.data_coding, plain);
    }
}

#[tokio::test]
async fn overwriting_replaces_on_the_phone_and_at_the_smsc_and_a_type_only_its_own() {
    let fields = |submit: Submit| (submit.protocol_id, submit.replace_if_present);
    let with = |overwrite| Submission { overwrite, ..message("x") };
    let typed = Overwrite::Type(ReplaceType::new(3).unwrap());
    assert_eq!(fields(one(json!({"overwrite": true}), message("x")).await), (0x41, 1));
    assert_eq!(fields(one(json!({"overwrite": true}), with(Overwrite::Off)).await), (0, 0));
    assert_eq!(fields(one(json!({}), with(typed)).await), (0x43, 0));
    let long = Submission { overwrite: typed, ..message(&"x".repeat(161)) };
    for submit in sent(json!({"overwrite": true}), long).await {
        assert_eq!(fields(submit), (0, 0), "segments must not replace each other");
    }
}

#[tokio::test]
async fn a_text_that_does_not_fit_goes_as_ucs_2_or_transliterated_or_not() {
    let submit = one(json!({}), message("ж")).await;
    assert_eq!((submit.data_coding, &*submit.short_message), (8, &b"\x04\x36"[..]));
    let submit = one(json!({"encoding": "ascii", "unencodable": "transliterate"}), message("aж")).await;
    assert_eq!((submit.data_coding, submit.short_message[0]), (1, b'a'));
    assert!(submit.short_message.is_ascii());

    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"encoding": "ascii", "unencodable": "refuse"}));
    let mut peer = smsc.bound().await;
    assert!(bench.gateway.plan("aж").unwrap_err().to_string().contains("U+0436"));
    bench.submit(message("aж"));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, &*outcome.detail), (Refused, "the encoding lacks a character of the text"));
    assert!(peer.is_silent().await);
}

#[tokio::test]
async fn the_plan_says_what_will_be_sent() {
    let smsc = Smsc::start().await;
    let plan = |settings: Value, text: &str| {
        let bench = Bench::start(&smsc, settings);
        let plan = bench.gateway.plan(text).unwrap();
        (plan.encoding, plan.segments)
    };
    assert_eq!(plan(json!({}), &"x".repeat(160)), ("gsm7", 1));
    assert_eq!(plan(json!({}), &"x".repeat(306)), ("gsm7", 2));
    assert_eq!(plan(json!({"long_messages": "udh16"}), &"x".repeat(306)), ("gsm7", 3));
    assert_eq!(plan(json!({"encoding": "auto"}), "ж"), ("ucs2", 1));
    assert_eq!(plan(json!({"encoding": "latin1"}), "é"), ("latin1", 1));
}

fn long_text() -> String {
    (0..200).map(|n| format!("{n} ")).collect()
}

#[tokio::test]
async fn a_long_message_arrives_whole_in_each_way() {
    let text = long_text();
    for (way, header) in [("udh", &[5, 0, 3][..]), ("udh16", &[6, 8, 4][..])] {
        let submits = sent(json!({"long_messages": way}), message(&text)).await;
        assert!(submits.len() > 2);
        let mut whole = Vec::new();
        let reference = |submit: &Submit| submit.short_message[3..=header.len()].to_vec();
        for (n, submit) in submits.iter().enumerate() {
            assert_eq!((submit.esm_class, &submit.short_message[..3]), (0x40, header), "{way}");
            let length = usize::from(submit.short_message[0]) + 1;
            assert_eq!(usize::from(submit.short_message[length - 2]), submits.len());
            assert_eq!(usize::from(submit.short_message[length - 1]), n + 1);
            assert_eq!(reference(submit), reference(&submits[0]));
            assert!(submit.short_message.len() <= 160);
            whole.extend_from_slice(&submit.short_message[length..]);
        }
        assert_eq!(String::from_utf8(whole).unwrap(), text);
    }

    let submits = sent(json!({"long_messages": "sar"}), message(&text)).await;
    let mut whole = String::new();
    for (n, submit) in submits.iter().enumerate() {
        assert_eq!(submit.esm_class, 0);
        assert_eq!(submit.tlv(0x020C), submits[0].tlv(0x020C));
        assert_eq!(submit.tlv(0x020C).unwrap().len(), 2);
        assert_eq!(submit.tlv(0x020E).unwrap(), [u8::try_from(submits.len()).unwrap()]);
        assert_eq!(submit.tlv(0x020F).unwrap(), [u8::try_from(n + 1).unwrap()]);
        whole += &submit.text();
    }
    assert_eq!(whole, text);

    let submit = one(json!({"long_messages": "payload"}), message(&text)).await;
    assert!(submit.short_message.is_empty());
    assert_eq!(submit.tlv(0x0424).unwrap(), text.as_bytes());
    let short = one(json!({"long_messages": "payload"}), message("short")).await;
    assert_eq!((short.text(), short.tlvs.len()), ("short".into(), 0));
}

#[tokio::test]
async fn two_long_messages_have_two_references() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let mut references = Vec::new();
    for _ in 0..2 {
        bench.submit(message(&"x".repeat(161)));
        for _ in 0..2 {
            references.push(peer.submit().await.submit().short_message[3]);
        }
    }
    assert_eq!(references[0], references[1]);
    assert_eq!(references[2], references[3]);
    assert_ne!(references[0], references[2]);
}

#[tokio::test]
async fn a_message_is_sent_only_when_all_its_segments_are() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message(&"x".repeat(400)));
    let submits = [peer.submit().await, peer.submit().await, peer.submit().await];
    peer.take(&submits[2], "c").await;
    peer.take(&submits[0], "a").await;
    assert!(peer.is_silent().await && !bench.has_outcome());
    peer.take(&submits[1], "b").await;
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent, outcome.provider_ids.len()), (Sent, 3, 3));
}

#[tokio::test]
async fn a_segment_that_fails_stops_those_behind_it_and_the_worst_counts() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 2}));
    let mut peer = smsc.bound().await;
    bench.submit(message(&"x".repeat(700))); // five segments
    let (first, second) = (peer.submit().await, peer.submit().await);
    peer.take(&first, "a").await;
    let third = peer.submit().await;
    peer.answer(&second, 0x58, b"").await;
    peer.answer(&third, 0x0B, b"").await;
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, &*outcome.detail), (Rejected, "ESME_RINVDSTADR"));
    assert_eq!((outcome.segments_sent, outcome.provider_ids.len()), (1, 1));
    assert!(peer.is_silent().await, "the rest is of no use");
}

#[tokio::test]
async fn a_segment_that_was_throttled_is_sent_again_and_those_that_were_taken_are_not() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message(&"x".repeat(400)));
    let submits = [peer.submit().await, peer.submit().await, peer.submit().await];
    peer.answer(&submits[1], 0x58, b"").await;
    peer.take(&submits[0], "a").await;
    peer.take(&submits[2], "c").await;
    let since = std::time::Instant::now();
    let again = peer.submit().await;
    assert!(since.elapsed() > std::time::Duration::from_millis(100), "not before it is slower");
    assert_ne!(again.sequence, submits[1].sequence);
    assert_eq!(again.submit().short_message, submits[1].submit().short_message);
    peer.take(&again, "b").await;
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent, outcome.provider_ids.len()), (Sent, 3, 3));

    // Where none was taken, the message goes back whole.
    bench.submit(message(&"x".repeat(300)));
    let outcome = loop {
        tokio::select! {
            outcome = bench.outcome() => break outcome,
            submit = peer.submit() => peer.answer(&submit, 0x58, b"").await,
        }
    };
    assert_eq!((outcome.class, outcome.segments_sent), (Throttled, 0));
}

#[tokio::test]
async fn a_message_lost_in_the_middle_is_known_to_be_incomplete() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 2}));
    let mut peer = smsc.bound().await;
    bench.submit(message(&"x".repeat(700)));
    let first = peer.submit().await;
    peer.submit().await;
    peer.take(&first, "a").await;
    peer.submit().await;
    drop(peer);
    // One was taken, two perhaps, two surely not: it cannot be a double.
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 3));

    let mut peer = smsc.bound().await;
    bench.submit(message(&"x".repeat(200)));
    let first = peer.submit().await;
    peer.submit().await;
    peer.take(&first, "a").await;
    while bench.has_outcome() {}
    drop(peer);
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 2));
}

#[tokio::test]
async fn a_sender_that_cannot_be_written_is_refused() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    for sender in ["Größe", "123456789012345678901"] {
        bench.submit(Submission { sender: Some(sender.into()), ..message("x") });
        assert_eq!(bench.outcome().await.class, Refused);
    }
    assert!(peer.is_silent().await);
}

//! What the foreign SMSC reads out of our submit_sm: alphabets, long messages, flash, overwrite, addresses, validity.

use super::peer::Smsc;
use super::{PHONE, server};
use crate::kit::{Server, manifest, smpp};
use serde_json::{Value, json};

/// More than two segments of GSM 03.38 with escape pairs everywhere, one of them where a segment ends.
fn long_gsm() -> String {
    (0..60).map(|n| format!("{n:02} €[é]")).collect()
}

/// More than two segments of UCS-2 with surrogate pairs and clusters.
fn long_ucs2() -> String {
    (0..24).map(|n| format!("{n}: код 👍🏽 👩‍👩‍👧 ")).collect()
}

#[tokio::test]
async fn texts_arrive_in_every_encoding_as_they_were_written() {
    // Latin-1 and ASCII go by the package's own tables; its ASCII is GSM 03.38, so only what both have is sent there.
    let gsm = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¡Ñ¿ñüà\nÄÖ";
    let table: &[(&str, &[(&str, u8)])] = &[
        (
            "smcdefault",
            &[
                ("Your code is 493817", 0),
                (gsm, 0),
                ("Preis: 5 € [a|b] {x} ^~\\", 0),
                ("Код 493817 — привет", 8),
                ("👍 493817 👩‍👩‍👧", 8),
            ],
        ),
        ("auto", &[("plain {and} €", 0), ("日本語 😀", 8)]),
        ("ucs2", &[("plain €", 8), ("Ünïcödé 😀", 8)]),
        ("utf16be", &[("plain 😀", 8)]),
        ("latin1", &[("déjà vu ÿ þ", 3), ("Код", 8)]),
        ("ascii", &[("only ASCII, 493817!", 1), ("é", 8)]),
    ];
    let Some(smsc) = Smsc::start().await else { return };
    for (encoding, texts) in table {
        let server = server(&smsc, &format!("encoding = \"{encoding}\"")).await;
        for (text, data_coding) in *texts {
            let id = server.api().send(json!({ "to": PHONE, "text": text })).await;
            let submit = smsc.submitted().await;
            assert_eq!(
                (&submit["text"], &submit["data_coding"]),
                (&json!(text), &json!(data_coding)),
                "{encoding}"
            );
            assert_eq!((&submit["esm_class"], &submit["udh"]), (&json!(0), &json!([])), "{encoding}");
            let message = server.api().until(&id, "sent").await;
            assert_eq!(message["segments"], 1);
        }
    }
}

#[tokio::test]
async fn what_the_encoding_lacks_is_replaced_or_refused_as_set() {
    let Some(smsc) = Smsc::start().await else { return };
    let replacing = server(&smsc, "unencodable = \"transliterate\"").await;
    replacing.api().send(json!({ "to": PHONE, "text": "“Ça va” – 493817" })).await;
    let submit = smsc.submitted().await;
    assert_eq!((&submit["text"], &submit["data_coding"]), (&json!("\"Ça va\" - 493817"), &json!(0)));
    let gateways =
        [smpp("refusing", smsc.address(), "unencodable = \"refuse\""), smpp("spare", smsc.address(), "")];
    let body = json!({ "to": PHONE, "text": "Код 493817" });
    let alone = Server::start(&manifest(&gateways[..1])).await;
    let problem = alone.api().post_message(body.clone()).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["path"], "text", "{problem}");
    // Where another gateway can, it does.
    let both = Server::start(&manifest(&gateways)).await;
    let id = both.api().send(body).await;
    let message = both.api().until(&id, "sent").await;
    assert_eq!(
        (&message["attempts"][0]["outcome"], &message["attempts"][1]["gateway"]),
        (&json!("refused"), &json!("spare"))
    );
    let submit = smsc.submitted().await;
    assert_eq!((&submit["text"], &submit["data_coding"]), (&json!("Код 493817"), &json!(8)));
    assert_eq!(smsc.count("submit_sm"), 0);
}

/// The parts of one message, in the order in which they say they belong.
struct Parts {
    texts: Vec<String>,
    /// Their elements' beginning, the same in each: kind and reference, without total and number.
    reference: String,
}

/// Takes as many submit_sm as the first one says there are.
async fn parts(smsc: &Smsc, part_of: impl Fn(&Value) -> (String, usize, usize)) -> Parts {
    let first = smsc.submitted().await;
    let (reference, total, _) = part_of(&first);
    let mut submits = vec![first];
    while submits.len() < total {
        submits.push(smsc.submitted().await);
    }
    submits.sort_by_key(|submit| part_of(submit).2);
    for (submit, number) in submits.iter().zip(1..) {
        assert_eq!(part_of(submit), (reference.clone(), total, number), "{submit}");
    }
    let texts = submits.iter().map(|submit| submit["text"].as_str().unwrap().to_owned()).collect();
    Parts { texts, reference }
}

/// A user data header of one element, as the package took it apart: (kind and reference, total, number).
fn by_header(submit: &Value) -> (String, usize, usize) {
    assert_eq!(submit["esm_class"], 0x40, "{submit}");
    let elements = submit["udh"].as_array().unwrap();
    assert_eq!(elements.len(), 1, "{submit}");
    let element = elements[0].as_str().unwrap();
    let (reference, of) = element.split_at(element.len() - 4);
    let octet = |digits| usize::from_str_radix(digits, 16).unwrap();
    (reference.to_owned(), octet(&of[..2]), octet(&of[2..]))
}

/// The same by TLVs.
fn by_sar(submit: &Value) -> (String, usize, usize) {
    assert_eq!((&submit["esm_class"], &submit["udh"]), (&json!(0), &json!([])), "{submit}");
    let number = |name: &str| usize::try_from(submit[name].as_u64().unwrap()).unwrap();
    (format!("{}", number("sar_msg_ref_num")), number("sar_total_segments"), number("sar_segment_seqnum"))
}

#[tokio::test]
async fn long_messages_come_together_again_in_every_mode() {
    let Some(smsc) = Smsc::start().await else { return };
    for mode in ["udh", "udh16", "sar", "payload"] {
        let server = server(&smsc, &format!("long_messages = \"{mode}\"\nwindow = 50")).await;
        for text in [long_gsm(), long_ucs2()] {
            let id = server.api().send(json!({ "to": PHONE, "text": text })).await;
            let (arrived, submits) = match mode {
                "payload" => {
                    let submit = smsc.submitted().await;
                    assert_eq!((&submit["text"], &submit["udh"]), (&json!(""), &json!([])));
                    (submit["payload"].as_str().unwrap().to_owned(), 1)
                }
                "sar" => {
                    let parts = parts(&smsc, by_sar).await;
                    (parts.texts.concat(), parts.texts.len())
                }
                _ => {
                    let parts = parts(&smsc, by_header).await;
                    // TS 23.040 §9.2.3.24.1 and §9.2.3.24.8: the element, its length, and a reference of 8 or 16 bits.
                    let (kind, digits) = if mode == "udh" { ("0003", 6) } else { ("0804", 8) };
                    assert!(
                        parts.reference.starts_with(kind) && parts.reference.len() == digits,
                        "{}",
                        parts.reference
                    );
                    (parts.texts.concat(), parts.texts.len())
                }
            };
            assert_eq!(arrived, text, "{mode}");
            let message = server.api().until(&id, "sent").await;
            let segments = message["segments"].as_u64().unwrap();
            assert!(segments > 2);
            if mode != "payload" {
                assert_eq!(segments, submits as u64, "{mode}: what is counted is what was sent");
            }
            let ids = message["attempts"][0]["provider_ids"].as_array().unwrap().len();
            assert_eq!((ids, smsc.count("submit_sm")), (submits, 0), "{mode}");
        }
    }
}

#[tokio::test]
async fn flash_and_overwrite_are_said_in_the_standards_fields() {
    let Some(smsc) = Smsc::start().await else { return };
    let plain = server(&smsc, "").await;
    let fields = async |server: &Server, message: Value| {
        server.api().send(message).await;
        let submit = smsc.submitted().await;
        ["data_coding", "protocol_id", "replace_if_present_flag"].map(|name| submit[name].as_u64().unwrap())
    };
    assert_eq!(fields(&plain, json!({ "to": PHONE, "text": "kept" })).await, [0, 0, 0]);
    assert_eq!(fields(&plain, json!({ "to": PHONE, "text": "flash", "flash": true })).await, [0xF0, 0, 0]);
    assert_eq!(fields(&plain, json!({ "to": PHONE, "text": "вспышка", "flash": true })).await, [0x18, 0, 0]);
    assert_eq!(fields(&plain, json!({ "to": PHONE, "text": "third", "overwrite": 3 })).await, [0, 0x43, 0]);
    let set = server(&smsc, "flash = true\noverwrite = true").await;
    assert_eq!(fields(&set, json!({ "to": PHONE, "text": "as set" })).await, [0xF0, 0x41, 1]);
    assert_eq!(
        fields(&set, json!({ "to": PHONE, "text": "not", "flash": false, "overwrite": false })).await,
        [0, 0, 0]
    );
    let latin1 = server(&smsc, "flash = true\nencoding = \"latin1\"").await;
    latin1.api().send(json!({ "to": PHONE, "text": "by subunit" })).await;
    let submit = smsc.submitted().await;
    assert_eq!((&submit["data_coding"], &submit["dest_addr_subunit"]), (&json!(3), &json!(1)));
}

#[tokio::test]
async fn addresses_and_service_type_are_as_set() {
    let fields = |submit: &Value| {
        let text = |name: &str| submit[name].as_str().unwrap().to_owned();
        let number = |name: &str| submit[name].as_u64().unwrap();
        let source = (number("source_addr_ton"), number("source_addr_npi"), text("source_addr"));
        let destination = (number("dest_addr_ton"), number("dest_addr_npi"), text("destination_addr"));
        (text("service_type"), source, destination, number("registered_delivery"))
    };
    let expected = |service: &str, (ton, npi, sender): (u64, u64, &str), plan: (u64, u64), receipt| {
        (service.to_owned(), (ton, npi, sender.to_owned()), (plan.0, plan.1, PHONE.to_owned()), receipt)
    };
    let Some(smsc) = Smsc::start().await else { return };
    let usual = server(&smsc, "sender = \"Acme\"").await;
    for (sender, seen) in [
        (None, (5, 0, "Acme")),
        (Some("15550100100"), (1, 1, "15550100100")),
        (Some("+15550100100"), (1, 1, "15550100100")),
        (Some("12345"), (3, 0, "12345")),
    ] {
        usual.api().send(json!({ "to": PHONE, "text": "from", "sender": sender })).await;
        assert_eq!(fields(&smsc.submitted().await), expected("", seen, (1, 1), 1));
    }
    for (service_type, seen) in
        [("CMT", "CMT"), ("VMN", "VMN"), ("WAP", "WAP"), ("USSD", "USSD"), ("XYZ", "XYZ"), ("default", "")]
    {
        let more = format!(
            "service_type = \"{service_type}\"\nton = \"national\"\nnpi = \"private\"\nsender = \"777\"\n\
             sender_ton = \"abbreviated\"\nsender_npi = \"ermes\"\nreceipts = false"
        );
        let set = server(&smsc, &more).await;
        set.api().send(json!({ "to": PHONE, "text": "from" })).await;
        assert_eq!(fields(&smsc.submitted().await), expected(seen, (6, 10, "777"), (2, 9), 0));
    }
}

#[tokio::test]
async fn the_smsc_is_told_how_long_a_message_is_of_use() {
    let Some(smsc) = Smsc::start().await else { return };
    let telling = server(&smsc, "").await;
    for validity_s in [60, 3600, 3 * 86_400] {
        telling.api().send(json!({ "to": PHONE, "text": "in time", "validity_s": validity_s })).await;
        let left = smsc.submitted().await["validity_s"].as_i64().unwrap();
        assert!((validity_s - 20..=validity_s).contains(&left), "{left} of {validity_s}");
    }
    let silent = server(&smsc, "validity_period = false").await;
    silent.api().send(json!({ "to": PHONE, "text": "whenever", "validity_s": 60 })).await;
    assert_eq!(smsc.submitted().await["validity_s"], Value::Null);
}

//! Receipts as the foreign SMSC sends them, and its refusals.

use super::peer::Smsc;
use super::{PHONE, server};
use crate::kit::{Server, manifest, smpp};
use serde_json::{Value, json};

/// Appendix B's text (SMPP 3.4).
fn text_receipt(id: &Value, stat: &str) -> Value {
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let text = format!(
        "id:{id} sub:001 dlvrd:001 submit date:2611010000 done date:2611010001 stat:{stat} err:000 text:hi"
    );
    json!({ "source_addr": PHONE, "destination_addr": "Acme", "esm_class": 4, "short_message": text })
}

/// TLVs, and a text that says nothing.
fn tlv_receipt(id: &Value, message_state: u8) -> Value {
    json!({
        "source_addr": PHONE, "destination_addr": "Acme", "esm_class": 4, "short_message": "see the parameters",
        "receipted_message_id": id, "message_state": message_state,
    })
}

/// The same text with some fields otherwise.
fn with(mut pdu: Value, fields: Value) -> Value {
    pdu.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    pdu
}

/// The id as another SMSC would write it: in small letters, with zeros before it.
fn padded(id: &Value) -> Value {
    json!(format!("00{}", id.as_str().unwrap().to_lowercase()))
}

#[tokio::test]
async fn receipts_in_text_and_as_tlvs_change_the_state() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    type Made = fn(&Value) -> Value;
    let table: [(Made, &str); 9] = [
        (|submit| text_receipt(&submit["id"], "DELIVRD"), "delivered"),
        (|submit| text_receipt(&submit["id"], "UNDELIV"), "undelivered"),
        (|submit| text_receipt(&submit["id"], "EXPIRED"), "undelivered"),
        // In decimal, where the answer's was hexadecimal.
        (|submit| text_receipt(&submit["number"], "DELIVRD"), "delivered"),
        (|submit| text_receipt(&padded(&submit["id"]), "REJECTD"), "undelivered"),
        (|submit| tlv_receipt(&submit["id"], 2), "delivered"),
        (|submit| tlv_receipt(&submit["id"], 5), "undelivered"),
        // In a message_payload, and in UCS-2.
        (
            |submit| {
                let text = text_receipt(&submit["id"], "DELIVRD")["short_message"].clone();
                with(text_receipt(&json!(""), ""), json!({ "short_message": "", "message_payload": text }))
            },
            "delivered",
        ),
        (|submit| with(text_receipt(&submit["id"], "DELIVRD"), json!({ "data_coding": 8 })), "delivered"),
    ];
    for (receipt, state) in table {
        let id = server.api().send(json!({ "to": PHONE, "text": "hi" })).await;
        let receipt = receipt(&smsc.submitted().await);
        server.api().until(&id, "sent").await;
        assert_eq!(smsc.deliver(receipt.clone()).await, "ESME_ROK");
        let message = server.api().until(&id, state).await;
        assert_eq!(message["receipts"].as_array().unwrap().len(), 1, "{receipt}: {message:#}");
    }
}

#[tokio::test]
async fn a_receipt_that_is_not_final_leaves_the_message_sent() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    let id = server.api().send(json!({ "to": PHONE, "text": "hi" })).await;
    let submit = smsc.submitted().await;
    server.api().until(&id, "sent").await;
    assert_eq!(smsc.deliver(text_receipt(&submit["id"], "ENROUTE")).await, "ESME_ROK");
    assert_eq!(server.api().until(&id, "sent").await["receipts"].as_array().unwrap().len(), 1);
    assert_eq!(smsc.deliver(text_receipt(&submit["id"], "DELIVRD")).await, "ESME_ROK");
    server.api().until(&id, "delivered").await;
}

#[tokio::test]
async fn a_receipt_before_its_answer_counts_all_the_same() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    smsc.tell("hold");
    let id = server.api().send(json!({ "to": PHONE, "text": "overtaken" })).await;
    let submit = smsc.submitted().await;
    assert_eq!(smsc.deliver(text_receipt(&submit["id"], "DELIVRD")).await, "ESME_ROK");
    smsc.tell("release");
    server.api().until(&id, "delivered").await;
}

#[tokio::test]
async fn a_long_message_is_delivered_when_its_last_segment_is() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    let id = server.api().send(json!({ "to": PHONE, "text": "0123456789".repeat(40) })).await;
    let mut submits = vec![smsc.submitted().await, smsc.submitted().await, smsc.submitted().await];
    server.api().until(&id, "sent").await;
    let last = submits.remove(1);
    for submit in submits {
        assert_eq!(smsc.deliver(tlv_receipt(&submit["id"], 2)).await, "ESME_ROK");
    }
    assert_eq!(server.api().until(&id, "sent").await["receipts"].as_array().unwrap().len(), 2);
    assert_eq!(smsc.deliver(text_receipt(&last["id"], "DELIVRD")).await, "ESME_ROK");
    server.api().until(&id, "delivered").await;
}

#[tokio::test]
async fn a_phones_own_message_and_an_unknown_receipt_are_answered() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    smsc.next("bind").await;
    for text in ["STOP", "Привет 👍"] {
        let pdu = json!({ "source_addr": PHONE, "destination_addr": "12345", "short_message": text });
        assert_eq!(smsc.deliver(pdu).await, "ESME_ROK");
    }
    assert_eq!(smsc.deliver(text_receipt(&json!("never-seen"), "DELIVRD")).await, "ESME_ROK");
    let metrics = server.metrics().await;
    assert!(metrics.contains("textgate_inbound_messages_total 2"), "{metrics}");
    assert!(metrics.contains("textgate_receipts_unmatched_total 1"), "{metrics}");
}

#[tokio::test]
async fn a_throttled_message_is_sent_a_little_later() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    smsc.answer(&["ESME_RTHROTTLED", "ESME_RMSGQFUL"]);
    let id = server.api().send(json!({ "to": PHONE, "text": "patience" })).await;
    let message = server.api().until(&id, "sent").await;
    let outcomes: Vec<_> =
        message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].clone()).collect();
    assert_eq!(outcomes, ["throttled", "throttled", "sent"]);
}

#[tokio::test]
async fn of_a_long_message_only_the_throttled_segment_is_sent_again() {
    let Some(mut smsc) = Smsc::start().await else { return };
    let server = server(&smsc, "").await;
    smsc.answer(&["ESME_ROK", "ESME_RTHROTTLED"]);
    let id = server.api().send(json!({ "to": PHONE, "text": "0123456789".repeat(40) })).await;
    let mut taken = Vec::new();
    for _ in 0..4 {
        let submit = smsc.submitted().await;
        if submit["status"] == "ESME_ROK" {
            let header = submit["udh"][0].as_str().unwrap();
            taken.push(header[header.len() - 4..].to_owned());
        }
    }
    server.api().until(&id, "sent").await;
    taken.sort();
    assert_eq!((taken, smsc.count("submit_sm")), (["0301", "0302", "0303"].map(str::to_owned).to_vec(), 0));
}

#[tokio::test]
async fn a_refusal_leads_where_its_status_says() {
    let Some(mut main) = Smsc::start().await else { return };
    let Some(spare) = Smsc::start().await else { return };
    let gateways = [smpp("main", main.address(), ""), smpp("spare", spare.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    for (status, outcome, state) in [
        ("ESME_RSYSERR", "unavailable", "sent"),
        ("ESME_RINVEXPIRY", "refused", "sent"),
        ("ESME_RINVDSTADR", "rejected", "failed"),
        // Last, as it keeps messages away from the gateway for a while.
        ("ESME_RINVPASWD", "account", "sent"),
    ] {
        main.answer(&[status]);
        let id = server.api().send(json!({ "to": PHONE, "text": status })).await;
        assert_eq!(main.submitted().await["text"], *status);
        let message = server.api().until(&id, state).await;
        let attempts = message["attempts"].as_array().unwrap();
        assert_eq!((&attempts[0]["gateway"], &attempts[0]["outcome"]), (&json!("main"), &json!(outcome)));
        assert!(attempts[0]["detail"].as_str().unwrap().contains(status), "{message:#}");
        let is_failed_over = state == "sent";
        assert_eq!(attempts.len(), 1 + usize::from(is_failed_over), "{message:#}");
        if is_failed_over {
            assert_eq!(spare.submitted().await["text"], *status);
            assert_eq!((&attempts[1]["gateway"], &attempts[1]["outcome"]), (&json!("spare"), &json!("sent")));
        }
    }
}

#[tokio::test]
async fn the_success_string_is_looked_for_in_the_rendered_answer() {
    let Some(smsc) = Smsc::start_with(json!({ "info": "queued for delivery" })).await else { return };
    let satisfied = server(&smsc, "success_contains = \"additional_status_info_text=queued\"").await;
    let id = satisfied.api().send(json!({ "to": PHONE, "text": "one" })).await;
    satisfied.api().until(&id, "sent").await;
    let wanting = server(&smsc, "success_contains = \"delivered at once\"").await;
    let id = wanting.api().send(json!({ "to": PHONE, "text": "two" })).await;
    let message = wanting.api().until(&id, "failed").await;
    assert_eq!(message["attempts"][0]["outcome"], "refused");
}

//! More than anybody asked for: receipts of unknown messages, and answers in any order.

use super::raw::pdu;
use crate::kit::{PHONE, Server, eventually, manifest, metric, smpp, smsc, smsc_that};
use crate::run::is_long;
use serde_json::json;
use std::time::Duration;
use textgate_simulator::{AnswerOrder, Behaviour, Command, Receipts};

/// deliver_sm with a receipt for a message that nobody sent (SMPP 3.4 §4.6.1, appendix B).
pub fn receipt(number: u32) -> Vec<u8> {
    let text = format!("id:unknown-{number} sub:001 dlvrd:001 stat:DELIVRD err:000 text:");
    let mut body = b"\0\x01\x0115550100100\0\x05\x00Acme\0\x04\0\0\0\0\0\0\0\0".to_vec();
    body.push(text.len() as u8);
    body.extend_from_slice(text.as_bytes());
    pdu(0x05, 0, number + 1, &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_receipts_for_unknown_messages_is_answered_and_fills_no_memory() {
    let count: u32 = if is_long() { 300_000 } else { 12_000 };
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_LOG_LEVEL", "info");
    server.serve_by(command).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    api.send_until(json!({"to": PHONE, "text": "first", "kind": "otp"}), "delivered").await;
    let before = server.resident();
    let mut most = before;
    let mut codes = 0;
    for begin in (0..count).step_by(500) {
        let octets: Vec<u8> = (begin..(begin + 500).min(count)).flat_map(receipt).collect();
        eventually("the SMSC sends more", async || {
            (smsc.command(&Command::Send(octets.clone())) > 0).then_some(())
        })
        .await;
        if begin % 4_000 == 0 {
            // Meanwhile codes leave and are reported.
            api.send_until(json!({"to": PHONE, "text": "meanwhile", "kind": "otp"}), "delivered").await;
            codes += 1;
            most = most.max(server.resident());
        }
    }
    // Each is answered, so that the SMSC can forget it.
    eventually("all are answered", async || {
        // The SMSC does not know of these deliveries: it counts the answers as PDUs only.
        (smsc.counters().pdus >= u64::from(count)).then_some(())
    })
    .await;
    most = most.max(server.resident());
    eprintln!(
        "{count} receipts for unknown messages, {codes} codes meanwhile: {} MiB before, {} MiB at most",
        before >> 20,
        most >> 20
    );
    assert!(most < before + (48 << 20), "{} MiB, {} MiB before", most >> 20, before >> 20);
    eventually("each was looked up and kept for a while", async || {
        let unmatched = metric(&server.metrics().await, "textgate_receipts_unmatched_total", &[]);
        (unmatched >= f64::from(count)).then_some(())
    })
    .await;
    assert!(server.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_receipts_in_any_order_and_twice_find_their_message() {
    let order = AnswerOrder::Reversed { hold: 20, at_most: Duration::from_millis(200) };
    let receipts = Receipts { duplicates: 1, before_answer: true, ..Receipts::default() };
    let smsc = smsc_that(Behaviour { order, receipts, ..Behaviour::default() }).await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let messages: Vec<_> =
        (0..60).map(|n| json!({"to": format!("155501{n:05}"), "text": format!("m{n}")})).collect();
    let results = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    for result in results["results"].as_array().unwrap() {
        let message = api.until(result["message"]["id"].as_str().unwrap(), "delivered").await;
        assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "{message:#}");
    }
    assert_eq!(smsc.counters().submits, 60);
}

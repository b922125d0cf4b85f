//! What the network brings: receipts that find their messages, and messages of phones, neither lost.

use super::kit::{Bench, PATIENCE, bench, desk, desk_with, eventually, message, to, up};
use crate::canonical_id;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use textgate_simulator::{Memory, ModemBehaviour, ModemOptions, Reports};
use textgate_sms::OutcomeClass::Sent;
use textgate_sms::ReceiptState;

/// Sends texts to so many phones; answers each one's ids in their canonical form.
async fn send(bench: &mut Bench, phones: u64, text: &str) -> Vec<Vec<Box<str>>> {
    for n in 0..phones {
        bench.submit(to(15550100100 + n, text));
    }
    let mut ids = Vec::new();
    for _ in 0..phones {
        let outcome = bench.outcome().await;
        assert_eq!(outcome.class, Sent, "{}", outcome.detail);
        ids.push(outcome.provider_ids.iter().map(|id| canonical_id(id)).collect());
    }
    ids
}

#[tokio::test]
async fn each_segments_receipt_names_it_and_says_what_became_of_it() {
    for interrupts in [false, true] {
        let desk = desk(ModemBehaviour { interrupts, ..ModemBehaviour::default() }).await;
        let mut bench = up(&desk, json!({})).await;
        let mut ids: Vec<Box<str>> =
            send(&mut bench, 10, &"two segments ".repeat(20)).await.into_iter().flatten().collect();
        assert_eq!(ids.len(), 20);
        while !ids.is_empty() {
            for receipt in bench.receipts().await {
                assert_eq!(receipt.state, ReceiptState::Delivered);
                let place = ids
                    .iter()
                    .position(|id| receipt.candidates.contains(id))
                    .expect("a receipt of a segment");
                ids.remove(place);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_does_not_arrive_is_told_with_its_status() {
    let reports = Reports { status: 0x46, ..Reports::default() };
    let desk = desk(ModemBehaviour { reports, ..ModemBehaviour::default() }).await;
    let mut bench = up(&desk, json!({})).await;
    let ids = send(&mut bench, 1, "x").await;
    let receipt = bench.receipts().await.remove(0);
    assert_eq!((receipt.state, receipt.error.as_deref()), (ReceiptState::Expired, Some("0x46")));
    assert!(receipt.candidates.contains(&ids[0][0]));
}

#[tokio::test]
async fn after_256_messages_a_receipt_names_the_newer_one() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    let first = send(&mut bench, 1, "first").await;
    bench.receipts().await;
    for _ in 0..255 {
        bench.submit(to(15550100199, "between"));
        bench.outcome().await;
        bench.receipts().await;
    }
    let last = send(&mut bench, 1, "last").await;
    let receipt = bench.receipts().await.remove(0);
    let [first, last] = [&first[0][0], &last[0][0]];
    let reference = |id: &str| id.split('-').nth(2).map(str::to_owned);
    assert_eq!(reference(first), reference(last), "the reference has come round");
    assert!(receipt.candidates.contains(last));
}

#[tokio::test]
async fn receipts_of_before_a_start_still_find_their_messages() {
    let reports = Reports { delay: Duration::from_millis(300), ..Reports::default() };
    let desk = desk(ModemBehaviour { reports, ..ModemBehaviour::default() }).await;
    let mut before = up(&desk, json!({})).await;
    let ids = send(&mut before, 3, "x").await;
    before.stop.cancel();
    before.ended().await;
    let mut after = up(&desk, json!({})).await;
    for _ in 0..3 {
        let receipt = after.receipts().await.remove(0);
        assert!(
            ids.iter().any(|ids| receipt.candidates.contains(&ids[0])),
            "{:?} {ids:?}",
            receipt.candidates
        );
    }
}

#[tokio::test]
async fn messages_of_phones_are_kept_and_then_deleted_from_the_sim() {
    for interrupts in [false, true] {
        let desk = desk(ModemBehaviour { interrupts, ..ModemBehaviour::default() }).await;
        // One that came before the gateway was there.
        desk.modem.receive("+15550100123", "before");
        let mut bench = up(&desk, json!({})).await;
        assert_eq!(bench.inbound().await.text, "before");
        for text in ["STOP", "wörk [€]", "жук 😀"] {
            desk.modem.receive("+15550100123", text);
            let inbound = bench.inbound().await;
            assert_eq!((inbound.text.as_str(), inbound.from.as_str()), (text, "+15550100123"));
            assert_eq!((inbound.to.as_str(), inbound.part.is_none()), ("+15550100900", true));
        }
        desk.modem.receive("Acme", &"a long one ".repeat(30));
        let mut parts = [bench.inbound().await, bench.inbound().await, bench.inbound().await];
        parts.sort_by_key(|inbound| inbound.part.as_ref().map(|part| part.number));
        assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), "a long one ".repeat(30));
        assert!(parts.iter().all(|part| part.from == "Acme" && part.part.as_ref().unwrap().total == 3));
        eventually("an empty SIM", || desk.modem.stored(Memory::Sm).is_empty()).await;
    }
}

#[tokio::test]
async fn what_is_not_kept_stays_in_the_sim_and_is_tried_again() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    bench.work.keeps.store(false, Ordering::SeqCst);
    desk.modem.receive("+15550100123", "keep me");
    assert_eq!(bench.inbound().await.text, "keep me");
    assert_eq!(bench.inbound().await.text, "keep me", "tried again");
    assert_eq!(desk.modem.stored(Memory::Sm).len(), 1);
    bench.work.keeps.store(true, Ordering::SeqCst);
    eventually("an empty SIM", || desk.modem.stored(Memory::Sm).is_empty()).await;
}

#[tokio::test]
async fn nothing_is_deleted_before_it_is_kept() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    // The store takes its time.
    let permits = bench.work.keeping.available_permits();
    bench.work.keeping.forget_permits(permits);
    desk.modem.receive("+15550100123", "slowly");
    assert_eq!(bench.inbound().await.text, "slowly");
    assert!(!desk.modem.lines().iter().any(|line| line.starts_with("AT+CMGD")));
    assert_eq!(desk.modem.stored(Memory::Sm).len(), 1);
    bench.work.keeping.add_permits(1000);
    eventually("an empty SIM", || desk.modem.stored(Memory::Sm).is_empty()).await;
}

#[tokio::test]
async fn a_full_sim_is_emptied_and_what_waited_in_the_network_comes() {
    let desk = desk_with(ModemOptions::default()).await;
    for n in 0..30 {
        desk.modem.receive("+15550100123", &format!("text {n}"));
    }
    let mut bench = bench(&desk, json!({}));
    let mut texts = Vec::new();
    for _ in 0..30 {
        texts.push(bench.inbound().await.text);
    }
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 30);
    desk.modem
        .wait_until(PATIENCE, |modem| modem.waiting() == 0 && modem.stored(Memory::Sm).is_empty())
        .await
        .unwrap();
}

#[tokio::test]
async fn messages_are_sent_while_others_come() {
    let desk = desk(ModemBehaviour { interrupts: true, ..ModemBehaviour::default() }).await;
    let mut bench = up(&desk, json!({})).await;
    for n in 0..50 {
        bench.submit(message(&format!("out {n}")));
        desk.modem.receive("+15550100123", &format!("in {n}"));
    }
    for _ in 0..50 {
        let outcome = bench.outcome().await;
        assert_eq!(outcome.class, Sent, "{}", outcome.detail);
        bench.inbound().await;
    }
    let mut receipts = 0;
    while receipts < 50 {
        receipts += bench.receipts().await.len();
    }
    assert_eq!(desk.modem.messages().len(), 50);
}

//! What the SMSC sends by itself: receipts and inbound messages.

use super::kit::{Bench, DELIVER_SM, RESP, Smsc, deliver, message, pdu};
use serde_json::json;
use std::sync::atomic::Ordering;
use textgate_sms::OutcomeClass::Sent;
use textgate_sms::ReceiptState;

const RECEIPT: u8 = 0x04;

fn receipt(sequence: u32, id: &str) -> super::kit::Pdu {
    let text = format!(
        "id:{id} sub:001 dlvrd:001 submit date:2401011200 done date:2401011201 stat:DELIVRD err:000 text:x"
    );
    pdu(DELIVER_SM, 0, sequence, &deliver(RECEIPT, 0, text.as_bytes(), b""))
}

#[tokio::test]
async fn a_receipt_is_answered_after_it_was_kept() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.work.keeping.forget_permits(usize::MAX);
    peer.send(&receipt(7, "00A1F")).await;
    let receipts = bench.receipts().await;
    assert_eq!(receipts[0].candidates.iter().map(|id| &**id).collect::<Vec<_>>(), ["a1f", "2591"]);
    assert_eq!((receipts[0].state, receipts[0].number), (ReceiptState::Delivered, Some(message("").to)));
    assert!(peer.is_silent().await, "not kept yet");
    bench.work.keeping.add_permits(1);
    let answer = peer.read().await;
    assert_eq!((answer.command, answer.status, answer.sequence), (DELIVER_SM | RESP, 0, 7));
    assert_eq!(answer.body, [0], "an empty message_id");
}

#[tokio::test]
async fn what_was_not_kept_is_answered_so_that_the_smsc_sends_it_again() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.work.keeps.store(false, Ordering::SeqCst);
    peer.send(&receipt(1, "5")).await;
    peer.send(&pdu(DELIVER_SM, 0, 2, &deliver(0, 0, b"hello", b""))).await;
    for _ in 0..2 {
        assert_eq!(peer.read().await.status, 0x64, "ESME_RX_T_APPN");
    }
}

#[tokio::test]
async fn receipts_that_come_together_are_kept_together_and_each_is_answered() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let many: Vec<u8> = (1..=100).flat_map(|n| receipt(n, &n.to_string()).octets()).collect();
    peer.raw(&many).await;
    let mut answered: Vec<u32> = Vec::new();
    for _ in 0..100 {
        answered.push(peer.read().await.sequence);
    }
    answered.sort_unstable();
    assert_eq!(answered, (1..=100).collect::<Vec<_>>());
    let (mut count, mut calls) = (0, 0);
    while count < 100 {
        count += bench.receipts().await.len();
        calls += 1;
    }
    assert!(calls <= 10, "{calls}");
}

#[tokio::test]
async fn a_store_that_is_slow_does_not_hold_up_submissions() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.work.keeping.forget_permits(usize::MAX);
    for n in 1..=50 {
        peer.send(&receipt(n, &n.to_string())).await;
    }
    bench.receipts().await;
    for _ in 0..20 {
        bench.submit(message("x"));
        let submit = peer.submit().await;
        peer.take(&submit, "1").await;
        assert_eq!(bench.outcome().await.class, Sent);
    }
    bench.work.keeping.add_permits(1000);
    for _ in 0..50 {
        assert_eq!(peer.read().await.command, DELIVER_SM | RESP);
    }
}

#[tokio::test]
async fn an_outcome_is_told_before_the_receipt_that_came_in_the_same_read() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    // The receipt even stands before the answer.
    let mut octets = receipt(1, "77").octets();
    octets.extend(pdu(0x04 | RESP, 0, submit.sequence, b"77\0").octets());
    peer.raw(&octets).await;
    bench.receipts().await;
    assert_eq!(*bench.work.told.lock().unwrap(), ["done", "receipts"]);
    assert_eq!(&*bench.outcome().await.provider_ids[0], "77");
}

#[tokio::test]
async fn a_receipt_in_tlvs_alone_is_read_and_one_of_nothing_is_only_answered() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    peer.send(&pdu(DELIVER_SM, 0, 1, &deliver(RECEIPT, 0, b"", b""))).await;
    assert_eq!(peer.read().await.status, 0);
    let tlvs = b"\x00\x1e\x00\x03AB\0\x04\x27\x00\x01\x03";
    peer.send(&pdu(DELIVER_SM, 0, 2, &deliver(0, 0, b"", tlvs))).await;
    let receipts = bench.receipts().await;
    assert_eq!((&*receipts[0].candidates[0], receipts[0].state), ("ab", ReceiptState::Expired));
}

#[tokio::test]
async fn a_base_that_is_set_is_the_only_one_tried() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"receipt_id_base": "decimal"}));
    let mut peer = smsc.bound().await;
    peer.send(&receipt(1, "2591")).await;
    assert_eq!(bench.receipts().await[0].candidates.iter().map(|id| &**id).collect::<Vec<_>>(), ["a1f"]);
}

#[tokio::test]
async fn a_message_from_a_phone_is_kept_and_answered() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    type Row = (u8, u8, &'static [u8], &'static [u8], &'static str, Option<(u16, u8, u8)>);
    let table: [Row; 4] = [
        (0, 0, b"STOP \x00", b"", "STOP @", None),
        (0, 8, b"\x04\x36", b"", "ж", None),
        (0x40, 0, b"\x05\x00\x03\x07\x02\x01hi", b"", "hi", Some((7, 2, 1))),
        (
            0,
            3,
            b"\xe9",
            b"\x02\x0c\x00\x02\x01\x02\x02\x0e\x00\x01\x03\x02\x0f\x00\x01\x02",
            "é",
            Some((258, 3, 2)),
        ),
    ];
    for (n, (esm_class, data_coding, octets, tlvs, text, part)) in (1..).zip(table) {
        peer.send(&pdu(DELIVER_SM, 0, n, &deliver(esm_class, data_coding, octets, tlvs))).await;
        let inbound = bench.inbound().await;
        assert_eq!((&*inbound.from, &*inbound.to), ("15550100199", "Acme"));
        let numbers = inbound.part.map(|part| (part.reference, part.total, part.number));
        assert_eq!((&*inbound.text, numbers), (text, part));
        let answer = peer.read().await;
        assert_eq!((answer.command, answer.status, answer.sequence), (DELIVER_SM | RESP, 0, n));
    }
}

#[tokio::test]
async fn a_data_sm_is_kept_and_answered_like_a_deliver_sm() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let mut body = b"\0\x01\x0115550100199\0\x05\0Acme\0\x04\0\0\x04\x24\x00".to_vec();
    body.push(17);
    body.extend_from_slice(b"id:9 stat:DELIVRD");
    peer.send(&pdu(0x103, 0, 5, &body)).await;
    assert_eq!(&*bench.receipts().await[0].candidates[0], "9");
    let answer = peer.read().await;
    assert_eq!((answer.command, answer.sequence), (0x103 | RESP, 5));
}

#[tokio::test]
async fn a_flood_that_the_store_cannot_keep_stays_in_the_socket() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.work.keeping.forget_permits(usize::MAX);
    let flood: Vec<u8> = (1..=1000).flat_map(|n| receipt(n, &n.to_string()).octets()).collect();
    let mut written = 0;
    // Until it blocks: sockets hold some megabytes.
    while tokio::time::timeout(
        std::time::Duration::from_secs(1),
        tokio::io::AsyncWriteExt::write_all(&mut peer.stream, &flood),
    )
    .await
    .is_ok()
    {
        written += 1;
        assert!(written < 300, "it reads on and on");
    }
    let mut taken = 0;
    while let Ok(batch) =
        tokio::time::timeout(std::time::Duration::from_millis(100), async { bench.receipts().await.len() })
            .await
    {
        taken += batch;
    }
    assert!(taken <= 2000 + 400, "{taken} are in memory");
    bench.work.keeping.add_permits(1_000_000);
    assert_eq!(peer.read().await.command, DELIVER_SM | RESP, "and it goes on");
}

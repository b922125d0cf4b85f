//! A peer that sends what no SMSC sends.

use super::kit::{Bench, DELIVER_SM, RESP, Smsc, account, local, message, pdu, soon};
use crate::Health;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use std::time::Duration;
use textgate_sms::OutcomeClass::{Sent, Uncertain};
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn an_impossible_length_is_nacked_and_closes() {
    for length in [0u32, 15, 65_537, u32::MAX] {
        let smsc = Smsc::start().await;
        let mut bench = Bench::start(&smsc, json!({}));
        let mut peer = smsc.bound().await;
        bench.submit(message("x"));
        peer.submit().await;
        peer.raw(&length.to_be_bytes()).await;
        peer.raw(&[0; 12]).await;
        let nack = peer.read().await;
        assert_eq!((nack.command, nack.status), (RESP, 2), "generic_nack, ESME_RINVCMDLEN");
        peer.ended().await;
        assert_eq!(bench.outcome().await.class, Uncertain);
        smsc.bound().await;
    }
}

#[tokio::test]
async fn a_command_that_nobody_knows_is_nacked_and_a_response_is_not() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    peer.send(&pdu(0x8000_4242, 0, 1, b"")).await;
    peer.send(&pdu(0x0B, 0, 2, b"")).await; // outbind
    peer.send(&pdu(0x102, 0, 3, b"")).await; // alert_notification
    for command in [0x03, 0x04, 0x07, 0x08, 0x21, 0x4242] {
        peer.send(&pdu(command, 0, 9, b"whatever")).await;
        let nack = peer.read().await;
        assert_eq!((nack.command, nack.status, nack.sequence), (RESP, 3, 9), "{command:#x}");
    }
    bench.submit(message("x"));
    let submit = peer.submit().await;
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
}

#[tokio::test]
async fn a_deliver_sm_that_is_cut_short_is_answered_with_an_error() {
    let smsc = Smsc::start().await;
    let _bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let whole = super::kit::deliver(0, 0, b"hello", b"");
    for length in 0..whole.len() {
        peer.send(&pdu(DELIVER_SM, 0, 5, &whole[..length])).await;
        let answer = peer.read().await;
        assert_eq!((answer.command, answer.status), (DELIVER_SM | RESP, 2));
    }
}

#[tokio::test]
async fn octets_that_make_no_pdu_are_no_sign_of_life() {
    let smsc = Smsc::start().await;
    let mut account = account(smsc.port(), json!({}));
    account.enquire_link = Duration::from_millis(50);
    account.response_timeout = Duration::from_millis(700);
    let bench = Bench::of(account, local());
    let mut peer = smsc.bound().await;
    peer.raw(&[0, 0, 0xFF, 0]).await;
    // One octet and another.
    soon("end of it", async {
        while peer.stream.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    bench.work.until(|health| matches!(health, Health::Down { .. })).await;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_the_bind_or_speaks_something_else_is_down() {
    let smsc = Smsc::start().await;
    let mut account = account(smsc.port(), json!({}));
    account.response_timeout = Duration::from_secs(1);
    let bench = Bench::of(account, local());
    let _silent = smsc.accept().await;
    let reason = |wanted: &'static str| move |health: &Health| matches!(health, Health::Down { reason, .. } if reason.contains(wanted));
    bench.work.until(reason("did not answer the bind")).await;
    let mut other = smsc.accept().await;
    other.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    bench.work.until(reason("does not speak SMPP")).await;
    drop(smsc.accept().await);
    bench.work.until(reason("closed the connection before it bound")).await;
}

#[tokio::test]
async fn a_pdu_of_the_greatest_length_is_read() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let mut body = super::kit::deliver(0, 0, b"", b"");
    let room = 65_536 - 16 - body.len() - 4;
    body.extend_from_slice(&[0x04, 0x24]);
    body.extend_from_slice(&u16::try_from(room).unwrap().to_be_bytes());
    body.extend(std::iter::repeat_n(b'x', room));
    peer.send(&pdu(DELIVER_SM, 0, 1, &body)).await;
    assert_eq!(bench.inbound().await.text.len(), room);
    assert_eq!(peer.read().await.status, 0);
}

/// Random PDUs and random octets, before and after the bind: the gateway stays up or comes back, and sends.
#[test]
fn whatever_a_peer_sends_the_gateway_lives() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = prop::collection::vec(any::<u8>(), 0..80);
    let command = prop_oneof![
        Just(0x8000_0004u32),
        Just(0x8000_0000),
        Just(0x05),
        Just(0x103),
        Just(0x15),
        Just(0x8000_0015),
        any::<u32>(),
    ];
    let octets = prop_oneof![
        3 => (command, any::<u32>(), 0u32..8, body.clone())
            .prop_map(|(command, status, sequence, body)| pdu(command, status, sequence, &body).octets()),
        1 => body,
    ];
    let mut runner = TestRunner::new(Config {
        cases: 48,
        max_shrink_iters: 8,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&(any::<bool>(), prop::collection::vec(octets, 1..20)), |(binds, all)| {
            runtime.block_on(async {
                let smsc = Smsc::start().await;
                let mut bench = Bench::start(&smsc, json!({}));
                let mut peer = smsc.accept().await;
                if binds {
                    peer.bind().await;
                    bench.submit(message("x"));
                }
                for octets in all {
                    if peer.stream.write_all(&octets).await.is_err() {
                        break;
                    }
                }
                drop(peer);
                let mut peer = smsc.bound().await;
                bench.submit(message("y"));
                // The first one may have come through before or may come now; the second one does.
                loop {
                    tokio::select! {
                        submit = peer.submit() => peer.take(&submit, "1").await,
                        (submission, outcome) = bench.finished() => {
                            if &*submission.text == "y" {
                                assert_eq!(outcome.class, Sent);
                                break;
                            }
                        }
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

//! Time: nothing leaves too late, and everything is handed back in time.

use super::kit::{Bench, ENQUIRE_LINK, Smsc, account, in_ms, local, message, pdu, soon};
use serde_json::json;
use std::time::{Duration, Instant};
use textgate_sms::OutcomeClass::{Sent, Unavailable, Uncertain};
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn a_silent_smsc_is_uncertain_at_answer_by_and_its_place_stays_taken() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 1}));
    let mut peer = smsc.bound().await;
    let answer_by = in_ms(150);
    bench.submit(crate::Submission { answer_by, ..message("x") });
    let submit = peer.submit().await;
    let outcome = bench.outcome().await;
    assert!(Instant::now() >= answer_by);
    assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1));
    assert_eq!(&*outcome.detail, "sent, but no answer in time");
    bench.submit(message("y"));
    assert!(peer.is_silent().await, "the SMSC still has one unanswered");
    peer.take(&submit, "late").await;
    let submit = peer.submit().await;
    assert!(!bench.has_outcome(), "the late answer is nobody's");
    peer.take(&submit, "1").await;
    assert_eq!(&*bench.outcome().await.provider_ids[0], "1");
}

#[tokio::test]
async fn a_late_answer_is_not_taken_for_that_of_the_message_that_followed() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 2}));
    let mut peer = smsc.bound().await;
    bench.submit(crate::Submission { answer_by: in_ms(100), ..message("x") });
    let first = peer.submit().await;
    assert_eq!(bench.outcome().await.class, Uncertain);
    bench.submit(message("y"));
    let second = peer.submit().await;
    peer.take(&first, "late").await;
    peer.take(&second, "own").await;
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, &*outcome.provider_ids[0]), (Sent, "own"));
}

#[tokio::test]
async fn what_had_not_left_whole_when_the_connection_was_lost_is_unavailable() {
    let smsc = Smsc::start().await;
    let settings = json!({"window": 2000, "long_messages": "payload", "encoding": "latin1"});
    let mut bench = Bench::start(&smsc, settings);
    let peer = smsc.bound().await;
    let long = "x".repeat(30_000);
    for _ in 0..2000 {
        bench.submit(message(&long));
    }
    // Until the sockets are full and it takes no more.
    let mut waiting = bench.work.waiting();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = bench.work.waiting();
        if left == waiting && left < 2000 {
            break;
        }
        waiting = left;
    }
    assert!(waiting > 0);
    drop(peer);
    let mut classes = Vec::new();
    for _ in 0..2000 - waiting {
        classes.push(bench.outcome().await.class);
    }
    let count = |class| classes.iter().filter(|found| **found == class).count();
    // What waits to be written is bounded.
    assert!((1..=20).contains(&count(Unavailable)), "{}", count(Unavailable));
    assert_eq!(count(Uncertain) + count(Unavailable), classes.len());
}

#[tokio::test]
async fn an_answer_that_never_comes_frees_its_place_in_the_end() {
    let smsc = Smsc::start().await;
    let mut account = account(smsc.port(), json!({"window": 1}));
    account.response_timeout = Duration::from_millis(400);
    let mut bench = Bench::of(account, local());
    let mut peer = smsc.bound().await;
    for _ in 0..3 {
        bench.submit(message("x"));
        peer.submit().await;
        assert_eq!(bench.outcome().await.class, Uncertain);
    }
}

#[tokio::test]
async fn nothing_leaves_after_its_time() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let now = Instant::now();
    bench.submit(crate::Submission { valid_until: now, ..message("x") });
    bench.submit(crate::Submission { answer_by: now, ..message("x") });
    for _ in 0..2 {
        let outcome = bench.outcome().await;
        assert_eq!((outcome.class, &*outcome.detail), (Unavailable, "not sent: its time had run out"));
    }
    assert!(peer.is_silent().await);
}

#[tokio::test]
async fn what_a_peer_that_does_not_read_leaves_unwritten_is_unavailable_and_never_arrives() {
    let smsc = Smsc::start().await;
    let mut bench =
        Bench::start(&smsc, json!({"window": 2000, "long_messages": "payload", "encoding": "latin1"}));
    let mut peer = smsc.bound().await;
    // 2,000 of 30 KB: far more than the sockets hold.
    let long = "x".repeat(30_000);
    for _ in 0..2000 {
        bench.submit(crate::Submission { answer_by: in_ms(700), ..message(&long) });
    }
    let (mut uncertain, mut unavailable) = (0, 0);
    while unavailable == 0 || bench.has_outcome() {
        let outcome = bench.outcome().await;
        match outcome.class {
            Uncertain => uncertain += 1,
            Unavailable => {
                unavailable += 1;
                assert_eq!(outcome.segments_sent, 0);
            }
            class => panic!("{class}"),
        }
    }
    assert!(uncertain > 0);
    // What is read now is exactly what was reported as perhaps sent, then the session goes on.
    let (mut arrived, mut last) = (0, 0);
    let mut enquired = false;
    while arrived < uncertain {
        let submit = peer.submit().await;
        assert_eq!(submit.submit().tlv(0x0424).unwrap().len(), 30_000);
        assert!(submit.sequence > last);
        last = submit.sequence;
        arrived += 1;
        if !enquired {
            peer.send(&pdu(ENQUIRE_LINK, 0, 9, b"")).await;
            enquired = true;
        }
    }
    let after = peer.read().await;
    assert_ne!(after.command, 0x04, "nothing that was handed back as unavailable");
}

#[tokio::test]
async fn a_connection_that_is_lost_leaves_the_written_uncertain() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    for _ in 0..3 {
        bench.submit(message("x"));
        peer.submit().await;
    }
    // In the middle of an answer.
    peer.raw(&[0, 0, 0, 18, 0x80, 0, 0]).await;
    peer.stream.shutdown().await.unwrap();
    for _ in 0..3 {
        let outcome = bench.outcome().await;
        assert_eq!((outcome.class, outcome.segments_sent), (Uncertain, 1));
        assert_eq!(&*outcome.detail, "sent, but no answer: the SMSC closed the connection");
    }
    smsc.bound().await;
}

#[tokio::test]
async fn both_directions_go_on_while_the_peer_floods_and_does_not_read() {
    let smsc = Smsc::start().await;
    let mut account = account(smsc.port(), json!({}));
    account.response_timeout = Duration::from_secs(1);
    account.enquire_link = Duration::from_millis(300);
    let mut bench = Bench::of(account, local());
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    // Requests that want answers, without end, and nobody reads the answers.
    let flood: Vec<u8> = (0..1000).flat_map(|n| pdu(ENQUIRE_LINK, 0, n, b"").octets()).collect();
    soon("end of the flood", async { while peer.stream.write_all(&flood).await.is_ok() {} }).await;
    let outcome = bench.outcome().await;
    assert_eq!(outcome.class, Uncertain);
    drop((peer, submit));
    let mut peer = smsc.bound().await;
    bench.submit(message("y"));
    let submit = peer.submit().await;
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
}

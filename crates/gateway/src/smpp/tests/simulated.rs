//! Against the SMSC simulator, which shares no codec and no tables with the plugin.

use super::kit::{Bench, PATIENCE, in_ms, message};
use crate::{Submission, canonical_id};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use textgate_simulator::{
    AnswerOrder, Behaviour, Fault, FinalState, IdStyle, LastAnswer, ReceiptFormat, ReceiptWording, Receipts,
    Silence, Smsc, SmscOptions,
};
use textgate_sms::OutcomeClass::{Sent, Throttled, Unavailable, Uncertain};
use textgate_sms::ReceiptState;

async fn smsc(behaviour: Behaviour) -> Smsc {
    let options = SmscOptions {
        system_id: Some("esme".into()),
        password: Some("secret".into()),
        behaviour,
        ..SmscOptions::default()
    };
    Smsc::start(options).await.unwrap()
}

fn texts() -> Vec<String> {
    vec![
        "Your code is 123456".into(),
        "[brackets] {braces} ^ € ~ | \\ @£$¥èéùìòÇ".into(),
        "zażółć gęślą jaźń".into(),
        "код 123456 😀".into(),
        "a long one, ".repeat(40),
        "€".repeat(200),
        "длинное сообщение 😀 ".repeat(20),
        "e\u{301}👨‍👩‍👧".repeat(60),
    ]
}

#[tokio::test]
async fn every_text_arrives_as_it_was_in_every_encoding_and_every_way() {
    for encoding in ["smcdefault", "auto", "ucs2", "utf16be", "latin1", "ascii"] {
        for way in ["udh", "udh16", "sar", "payload"] {
            let smsc = smsc(Behaviour::default()).await;
            let mut bench = Bench::on(smsc.port(), json!({"encoding": encoding, "long_messages": way}));
            for text in texts() {
                let planned = bench.gateway.plan(&text).unwrap();
                bench.submit(message(&text));
                let arrived = smsc.next_message(PATIENCE).await.unwrap();
                assert_eq!(arrived.text, text, "{encoding}, {way}");
                let outcome = bench.outcome().await;
                assert_eq!((outcome.class, outcome.segments_sent), (Sent, planned.segments));
                if way != "payload" {
                    assert_eq!(arrived.segments.len(), usize::from(planned.segments), "{encoding}, {way}");
                }
                let ids: Vec<&str> = outcome.provider_ids.iter().map(|id| &**id).collect();
                assert_eq!(ids, arrived.message_ids);
            }
        }
    }
}

/// Sends some messages and gives each one's ids and the receipts back.
async fn receipts_under(
    receipts: Receipts,
    ids: IdStyle,
    settings: Value,
) -> (Vec<Box<str>>, Vec<crate::Receipt>) {
    let smsc = smsc(Behaviour { receipts, ids, ..Behaviour::default() }).await;
    let mut bench = Bench::on(smsc.port(), settings);
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bench.submit(message("x"));
    }
    while sent.len() < 5 {
        let outcome = bench.outcome().await;
        assert_eq!(outcome.class, Sent);
        sent.push(canonical_id(&outcome.provider_ids[0]));
    }
    while received.len() < 5 {
        received.extend(bench.receipts().await);
    }
    let answers = smsc.wait_for_delivery_answers(PATIENCE, |answers| answers.len() == 5).await.unwrap();
    assert!(answers.iter().all(|answer| answer.tries == 1));
    (sent, received)
}

#[tokio::test]
async fn receipts_find_their_messages_in_every_wording_format_and_base() {
    let wordings = [
        ReceiptWording::Standard,
        ReceiptWording::LowerCase,
        ReceiptWording::Reordered,
        ReceiptWording::Sparse,
        ReceiptWording::Seconds,
        ReceiptWording::Spaced,
    ];
    let formats = [ReceiptFormat::Text, ReceiptFormat::Tlvs, ReceiptFormat::Both];
    let bases = [
        (IdStyle::DECIMAL, None),
        (IdStyle::HEX, Some(IdStyle::DECIMAL)),
        (IdStyle::HEX_UPPER.padded(16), Some(IdStyle::DECIMAL.padded(20))),
        (IdStyle::DECIMAL, Some(IdStyle::HEX_UPPER)),
        (IdStyle::TEXT, None),
    ];
    for wording in wordings {
        for format in formats {
            for (answered, reported) in bases {
                let receipts = Receipts {
                    wording,
                    format,
                    ids: reported,
                    state: FinalState::Undeliverable,
                    ..Receipts::default()
                };
                let (sent, received) = receipts_under(receipts, answered, json!({})).await;
                for receipt in received {
                    let place = receipt.candidates.iter().find(|candidate| sent.contains(candidate));
                    assert!(
                        place.is_some(),
                        "{wording:?} {format:?} {answered:?} {reported:?} {receipt:?} {sent:?}"
                    );
                    assert_eq!(receipt.state, ReceiptState::Undelivered);
                    assert_eq!(receipt.number, Some(message("").to));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_receipt_that_comes_before_the_answer_is_kept() {
    let receipts = Receipts { before_answer: true, ..Receipts::default() };
    let (sent, received) = receipts_under(receipts, IdStyle::HEX, json!({})).await;
    assert!(received.iter().all(|receipt| sent.contains(&receipt.candidates[0])));
}

#[tokio::test]
async fn what_could_not_be_kept_is_delivered_again() {
    let receipts = Receipts::default();
    let smsc = smsc(Behaviour {
        receipts,
        redeliver_after: Some(Duration::from_millis(20)),
        ..Behaviour::default()
    })
    .await;
    let mut bench = Bench::on(smsc.port(), json!({}));
    bench.work.keeps.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.submit(message("x"));
    bench.receipts().await;
    bench.receipts().await;
    bench.work.keeps.store(true, std::sync::atomic::Ordering::SeqCst);
    let answers = smsc.wait_for_delivery_answers(PATIENCE, |answers| {
        answers.last().is_some_and(|answer| answer.status == textgate_simulator::Status::ROK)
    });
    assert!(answers.await.unwrap().len() >= 3);
}

#[tokio::test]
async fn ten_thousand_messages_answered_in_reverse_find_their_outcomes_and_no_window_is_passed() {
    let order = AnswerOrder::Reversed { hold: 40, at_most: Duration::from_millis(5) };
    let smsc = smsc(Behaviour { order, receipts: Receipts::never(), ..Behaviour::default() }).await;
    let mut bench = Bench::on(smsc.port(), json!({"window": 100, "binds": 2}));
    for n in 0..10_000 {
        bench.submit(message(&n.to_string()));
    }
    let mut ids = HashMap::new();
    for _ in 0..10_000 {
        let (submission, outcome) = bench.finished().await;
        assert_eq!(outcome.class, Sent);
        ids.insert(submission.text.clone(), outcome.provider_ids[0].clone());
    }
    let messages = smsc.messages();
    assert_eq!((messages.len(), ids.len()), (10_000, 10_000));
    for arrived in messages {
        assert_eq!(*ids[&*arrived.text], *arrived.message_ids[0]);
    }
    assert!(smsc.counters().max_in_flight <= 100);
    assert_eq!(smsc.counters().generic_nacks, 0);
}

#[tokio::test]
async fn an_smsc_that_throttles_gets_what_it_takes_and_little_more() {
    let behaviour =
        Behaviour { throttle_per_second: Some(100), receipts: Receipts::never(), ..Behaviour::default() };
    let smsc = smsc(behaviour).await;
    let mut bench = Bench::on(smsc.port(), json!({"window": 20}));
    for _ in 0..300 {
        bench.submit(message("x"));
    }
    let (mut sent, mut throttled) = (0, 0);
    while sent < 300 {
        let (submission, outcome) = bench.finished().await;
        match outcome.class {
            Sent => sent += 1,
            Throttled => {
                throttled += 1;
                bench.submit(*submission);
            }
            class => panic!("{class}"),
        }
    }
    assert!(throttled > 0 && throttled < 300, "{throttled}");
}

#[tokio::test]
async fn connections_that_end_in_the_middle_lose_and_double_nothing_that_is_not_said_to_be_uncertain() {
    for last_answer in [LastAnswer::Whole, LastAnswer::Half, LastAnswer::None] {
        let fault = Fault::Drop { after: 30, last_answer };
        let smsc = smsc(Behaviour { fault, receipts: Receipts::never(), ..Behaviour::default() }).await;
        let mut bench = Bench::on(smsc.port(), json!({"window": 10}));
        for n in 0..100 {
            bench.submit(message(&n.to_string()));
        }
        let mut classes = HashMap::new();
        for _ in 0..100 {
            let (submission, outcome) = bench.finished().await;
            assert!(classes.insert(submission.text.clone(), outcome.class).is_none());
        }
        let arrived = smsc.messages();
        let count = |text: &str| arrived.iter().filter(|message| message.text == text).count();
        for (text, class) in &classes {
            match class {
                Sent => assert_eq!(count(text), 1),
                Uncertain => assert!(count(text) <= 1),
                Unavailable => assert_eq!(count(text), 0),
                class => panic!("{class}"),
            }
        }
        assert!(classes.values().any(|class| *class == Uncertain));
    }
}

#[tokio::test]
async fn an_smsc_that_answers_no_submits_makes_them_uncertain_in_time() {
    let smsc = smsc(Behaviour { silence: Silence::Submits, ..Behaviour::default() }).await;
    let mut bench = Bench::on(smsc.port(), json!({"window": 10}));
    for _ in 0..10 {
        bench.submit(Submission { answer_by: in_ms(300), ..message("x") });
    }
    for _ in 0..10 {
        assert_eq!(bench.outcome().await.class, Uncertain);
    }
}

#[tokio::test]
async fn faults_of_the_smsc_leave_every_message_with_one_outcome() {
    let faults = [
        Fault::UnknownPdus,
        Fault::GenericNack,
        Fault::WrongSequence,
        Fault::Garbage { after: 3, octets: vec![0xFF; 40] },
        Fault::StopReading { after: 5 },
    ];
    for fault in faults {
        let smsc =
            smsc(Behaviour { fault: fault.clone(), receipts: Receipts::never(), ..Behaviour::default() })
                .await;
        let mut bench = Bench::on(smsc.port(), json!({"window": 10}));
        for _ in 0..10 {
            bench.submit(Submission { answer_by: in_ms(1000), ..message("x") });
        }
        for _ in 0..10 {
            let outcome = bench.outcome().await;
            assert_eq!(
                outcome.class == Sent,
                fault == Fault::UnknownPdus || !outcome.provider_ids.is_empty()
            );
        }
    }
}

#[tokio::test]
async fn a_stopped_smsc_is_found_again_when_it_is_back() {
    let smsc = smsc(Behaviour { receipts: Receipts::never(), ..Behaviour::default() }).await;
    let mut bench = Bench::on(smsc.port(), json!({}));
    bench.submit(message("before"));
    assert_eq!(bench.outcome().await.class, Sent);
    smsc.stop().await;
    bench.work.until(|health| matches!(health, crate::Health::Down { .. })).await;
    smsc.start_again().await.unwrap();
    bench.submit(message("after"));
    assert_eq!(bench.outcome().await.class, Sent);
    bench.stop.cancel();
    smsc.wait_for_counters(PATIENCE, |counters| counters.unbinds == 1).await.unwrap();
    bench.ended().await;
}

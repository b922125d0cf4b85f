//! What arrives at the phone, and how.

use super::kit::{
    Bench, Desk, PATIENCE, bench_of, desk, desk_with, eventually, is_up, message, modems, to, up,
};
use crate::{Overwrite, Submission};
use serde_json::json;
use std::time::Duration;
use textgate_simulator::{Modem, ModemBehaviour, ModemOptions, ModemPort};
use textgate_sms::OutcomeClass::{Refused, Sent};
use textgate_sms::ReplaceType;

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

async fn arrives(bench: &mut Bench, modem: &Modem, text: &str) {
    let planned = bench.gateway.plan(text).unwrap();
    bench.submit(message(text));
    let arrived = modem.next_message(PATIENCE).await.unwrap();
    assert_eq!(arrived.text, text);
    assert_eq!(arrived.segments.len(), usize::from(planned.segments));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Sent, planned.segments), "{}", outcome.detail);
    assert_eq!(outcome.provider_ids.len(), usize::from(planned.segments));
}

#[tokio::test]
async fn every_text_arrives_as_it_was_over_a_pseudo_terminal() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    for text in texts() {
        arrives(&mut bench, &desk.modem, &text).await;
    }
}

#[tokio::test]
async fn every_text_arrives_as_it_was_over_serial_servers() {
    let local = "127.0.0.1:0".parse().unwrap();
    let ports = vec![ModemPort::Tcp(local), ModemPort::Rfc2217(local)];
    let modem = Modem::start(ModemOptions { ports, ..ModemOptions::default() }).await.unwrap();
    for device in [
        format!("tcp://{}", modem.address().unwrap()),
        format!("rfc2217://{}", modem.rfc2217_address().unwrap()),
    ] {
        let mut bench = bench_of(modems(&device, json!({"baud": 57600, "flow_control": "hardware"})));
        is_up(&bench).await;
        for text in texts() {
            arrives(&mut bench, &modem, &text).await;
        }
        bench.stop.cancel();
        bench.ended().await;
    }
}

#[tokio::test]
async fn a_slow_line_carries_the_longest_segments() {
    let desk = desk(ModemBehaviour { baud: Some(19_200), ..ModemBehaviour::default() }).await;
    let mut bench = up(&desk, json!({})).await;
    arrives(&mut bench, &desk.modem, &"ж".repeat(70)).await;
}

#[tokio::test]
async fn the_link_is_kept_and_the_parts_of_a_text_follow_each_other() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    arrives(&mut bench, &desk.modem, &"long ".repeat(100)).await;
    let submits = desk.modem.submits();
    assert!(submits.iter().all(|submit| submit.more == 2), "{submits:?}");
}

/// The SMS-SUBMIT of one message.
async fn submit(desk: &Desk, bench: &mut Bench, submission: Submission) -> textgate_simulator::TpSubmit {
    bench.submit(submission);
    let outcome = bench.outcome().await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
    desk.modem.submits().last().unwrap().submit.clone()
}

#[tokio::test]
async fn flash_overwrite_receipts_and_validity_are_as_set_and_as_the_message_wants() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({"flash": true, "overwrite": true})).await;
    let set = submit(&desk, &mut bench, message("x")).await;
    assert!(set.is_flash() && set.wants_report);
    assert_eq!(set.protocol_id, 0x41);
    // 300 s, less what has passed: no whole ten minutes.
    assert_eq!(format!("{:?}", set.validity), "Relative(0)");
    let other = Submission {
        flash: Some(false),
        overwrite: Overwrite::Type(ReplaceType::new(5).unwrap()),
        ..message("x")
    };
    let other = submit(&desk, &mut bench, other).await;
    assert!(!other.is_flash());
    assert_eq!(other.protocol_id, 0x45);
    let long = submit(&desk, &mut bench, message(&"x".repeat(200))).await;
    assert_eq!(long.protocol_id, 0, "segments would replace each other");
    let off = submit(&desk, &mut bench, Submission { overwrite: Overwrite::Off, ..message("x") }).await;
    assert_eq!(off.protocol_id, 0);
    bench.stop.cancel();
    bench.ended().await;
    let settings = json!({"receipts": false, "validity": "none", "encoding": "ucs2"});
    let mut bench = up(&desk, settings).await;
    let plain = submit(&desk, &mut bench, message("x")).await;
    assert!(!plain.is_flash() && !plain.wants_report);
    assert_eq!((format!("{:?}", plain.validity).as_str(), plain.data_coding), ("None", 0x08));
}

#[tokio::test]
async fn a_text_that_the_encoding_lacks_is_refused_where_it_is_set_so() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({"encoding": "gsm7", "unencodable": "refuse"})).await;
    bench.submit(message("код"));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Refused, 0));
    arrives(&mut bench, &desk.modem, "code").await;
    assert!(bench.gateway.plan("код").is_err());
}

#[tokio::test]
async fn the_service_centre_is_set_where_it_is_given() {
    let desk = desk_with(ModemOptions { service_centre: String::new(), ..ModemOptions::default() }).await;
    let bench = super::kit::bench(&desk, json!({}));
    let down =
        bench.work.until(|health| matches!(health, crate::Health::Down { is_account: true, .. })).await;
    assert!(format!("{down:?}").contains("Service Centre"), "{down:?}");
    bench.stop.cancel();
    bench.ended().await;
    let mut bench = up(&desk, json!({"service_centre": "+15550100077"})).await;
    arrives(&mut bench, &desk.modem, "x").await;
    assert!(desk.modem.lines().iter().any(|line| line == "AT+CSCA=\"+15550100077\",145"));
}

#[tokio::test]
async fn no_more_than_the_rate_leaves_in_a_minute() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({"rate": 3})).await;
    for n in 0..5 {
        bench.submit(to(15550100100 + n, "x"));
    }
    for _ in 0..3 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
    // The line looks after itself all the same.
    let lines = desk.modem.lines().len();
    eventually("a look at the line", || desk.modem.lines().len() > lines + 3).await;
    assert_eq!((bench.work.waiting(), bench.has_outcome()), (2, false));
}

#[tokio::test]
async fn several_modems_share_the_messages() {
    let (first, second) = (desk(ModemBehaviour::default()).await, desk(ModemBehaviour::default()).await);
    let slow = Duration::from_millis(20);
    for desk in [&first, &second] {
        desk.modem.change(|behaviour| behaviour.send_delay = slow);
    }
    let mut bench = bench_of(modems(&format!("{}\n{}", first.device, second.device), json!({})));
    bench.work.until(|health| *health == crate::Health::Up { window: 2 }).await;
    for n in 0..40 {
        bench.submit(to(15550100100 + n, "x"));
    }
    for _ in 0..40 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
    let counts = [first.modem.submits().len(), second.modem.submits().len()];
    assert!(counts.iter().sum::<usize>() == 40 && counts.iter().all(|count| *count >= 10), "{counts:?}");
}

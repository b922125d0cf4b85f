//! Every fault at every step of the dialogue has its outcome, once, and the line goes on.

use super::kit::{PATIENCE, bench, desk, eventually, in_ms, message, timing, to, up};
use crate::Submission;
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use textgate_simulator::{Cure, ModemBehaviour, ModemError, Turn};
use textgate_sms::OutcomeClass::{self, Account, Refused, Rejected, Sent, Throttled, Unavailable, Uncertain};

/// What a fault at `+CMGS` or at the message comes to.
async fn comes_to(name: &str, turn: Turn) -> (OutcomeClass, usize, String) {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    desk.modem.once(name, turn.clone());
    bench.submit(message("the one"));
    let outcome = bench.outcome().await;
    let taken = desk.modem.submits().len();
    if matches!(turn, Turn::Unplug | Turn::UnplugAfter) || desk.modem.link().is_none_or(|link| !link.exists())
    {
        desk.modem.replug().await.unwrap();
    }
    if !matches!(turn, Turn::Hang(Cure::Replug) | Turn::HangAfter(Cure::Replug)) {
        // The line comes to itself, and nothing of the first message is left in it.
        bench.submit(message("the next"));
        let next = bench.outcome().await;
        assert_eq!(next.class, Sent, "{name} {turn:?}: {}", next.detail);
        assert_eq!(desk.modem.submits().last().unwrap().text, "the next", "{name} {turn:?}");
        assert_eq!(desk.modem.submits().len(), taken + 1, "{name} {turn:?}");
    }
    assert!(!bench.has_outcome());
    (outcome.class, taken, outcome.detail.into_owned())
}

#[tokio::test]
async fn a_fault_before_the_message_is_written_sends_nothing() {
    let cases = [
        (Turn::Refuse(ModemError::Plain), Refused),
        (Turn::Refuse(ModemError::Cms(302)), Unavailable),
        (Turn::Ignore, Unavailable),
        (Turn::Garbage(b"\x00\xff\r\n>nonsense\xfe".to_vec()), Unavailable),
        (Turn::Garbage(vec![b'x'; 5000]), Unavailable),
        (Turn::Hang(Cure::Cfun), Unavailable),
        (Turn::Hang(Cure::Reopen), Unavailable),
        (Turn::Unplug, Unavailable),
    ];
    let all = cases.map(async |(turn, class)| {
        let (found, taken, detail) = comes_to("+CMGS", turn.clone()).await;
        // A garbled prompt is a prompt: the message is written, and what came of it is not known.
        let may_be = matches!(turn, Turn::Garbage(_)) && found == Uncertain;
        assert!(found == class || may_be, "{turn:?}: {found}, {detail}");
        assert_eq!(taken, 0, "{turn:?}");
    });
    join_all(all).await;
}

#[tokio::test]
async fn a_fault_after_the_message_is_written_is_uncertain_unless_the_modem_says_more() {
    let cases = [
        (Turn::Refuse(ModemError::Cms(500)), Refused, 0),
        (Turn::Ignore, Uncertain, 0),
        (Turn::Garbage(b"\xff\xfe\r\n\x01\x02".to_vec()), Uncertain, 0),
        (Turn::Hang(Cure::Cfun), Uncertain, 0),
        (Turn::Hang(Cure::Reopen), Uncertain, 0),
        (Turn::Unplug, Uncertain, 0),
        (Turn::LoseAnswer, Uncertain, 1),
        (Turn::LoseFinal, Sent, 1),
        (Turn::HangAfter(Cure::Reopen), Uncertain, 1),
        (Turn::UnplugAfter, Uncertain, 1),
        // It told a reference before: the network took it.
        (Turn::RefuseAfter(ModemError::Cms(332)), Sent, 1),
        (Turn::Interrupt(vec!["RING".into(), "^RSSI: 12".into(), "+CREG: 1".into()]), Sent, 1),
        (Turn::Noise(b"\x00\x11\xff".to_vec()), Sent, 1),
    ];
    let all = cases.map(async |(turn, class, count)| {
        let (found, taken, detail) = comes_to("message", turn.clone()).await;
        assert_eq!((found, taken), (class, count), "{turn:?}: {detail}");
    });
    join_all(all).await;
}

#[tokio::test]
async fn each_error_of_the_network_has_its_class_and_is_named() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    for (number, class, word) in [
        (1, Rejected, "unassigned number"),
        (21, Refused, "transfer rejected"),
        (28, Account, "unidentified subscriber"),
        (50, Account, "not subscribed"),
        (193, Account, "no service centre subscription"),
        (195, Rejected, "invalid SME address"),
        (322, Unavailable, "memory full"),
        (332, Uncertain, "network timeout"),
        (500, Refused, "unknown error"),
        (513, Refused, "+CMS ERROR: 513"),
    ] {
        desk.modem.once("message", Turn::Refuse(ModemError::Cms(number)));
        bench.submit(message("x"));
        let outcome = bench.outcome().await;
        assert_eq!(outcome.class, class, "{number}");
        assert!(outcome.detail.contains(word), "{}", outcome.detail);
        assert_eq!(outcome.segments_sent, u8::from(class == Uncertain));
    }
    assert_eq!(desk.modem.submits().len(), 0);
}

#[tokio::test]
async fn congestion_is_waited_out_without_telling_and_told_when_it_stays() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    for number in [42, 38] {
        desk.modem.once("message", Turn::Refuse(ModemError::Cms(number)));
    }
    bench.submit(message("patience"));
    assert_eq!(bench.outcome().await.class, Sent);
    for _ in 0..4 {
        desk.modem.once("message", Turn::Refuse(ModemError::Cms(42)));
    }
    bench.submit(message("none left"));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Throttled, 0), "{}", outcome.detail);
    assert_eq!(desk.modem.submits().len(), 1);
}

#[tokio::test]
async fn a_part_that_fails_ends_the_message_and_tells_how_many_left() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    desk.modem.once("message", Turn::Noise(Vec::new()));
    desk.modem.once("message", Turn::Refuse(ModemError::Cms(21)));
    bench.submit(message(&"three parts ".repeat(35)));
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent, outcome.provider_ids.len()), (Refused, 1, 1));
    assert_eq!(desk.modem.submits().len(), 1);
}

#[tokio::test]
async fn a_message_comes_back_when_its_time_is_over_and_the_line_waits_for_its_answer() {
    let desk =
        desk(ModemBehaviour { send_delay: Duration::from_millis(800), ..ModemBehaviour::default() }).await;
    let mut bench = up(&desk, json!({})).await;
    bench.submit(Submission { answer_by: in_ms(200), ..message("late") });
    bench.submit(to(15550100101, "next"));
    let (submission, outcome) = bench.finished().await;
    assert_eq!((&*submission.text, outcome.class), ("late", Uncertain));
    let (submission, outcome) = bench.finished().await;
    assert_eq!((&*submission.text, outcome.class), ("next", Sent), "{}", outcome.detail);
    assert_eq!(desk.modem.counters().opened, 1, "the line was not given up");
}

#[tokio::test]
async fn nothing_leaves_after_its_validity() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    bench.submit(Submission { valid_until: in_ms(0), ..message("too late") });
    let outcome = bench.outcome().await;
    assert_eq!((outcome.class, outcome.segments_sent), (Unavailable, 0));
    assert_eq!(desk.modem.submits().len(), 0);
}

#[tokio::test]
async fn a_gateway_that_stops_hands_back_what_it_has_within_its_drain() {
    // The bench drains for 500 ms.
    let desk =
        desk(ModemBehaviour { send_delay: Duration::from_millis(100), ..ModemBehaviour::default() }).await;
    let mut quick = up(&desk, json!({})).await;
    quick.submit(message("in hand"));
    eventually("a message on its way", || desk.modem.lines().iter().any(|line| line.starts_with("AT+CMGS")))
        .await;
    quick.stop.cancel();
    assert_eq!(quick.outcome().await.class, Sent);
    quick.ended().await;
    desk.modem.change(|behaviour| behaviour.send_delay = Duration::from_secs(30));
    let mut slow = up(&desk, json!({})).await;
    let before = desk.modem.lines().iter().filter(|line| line.starts_with("AT+CMGS")).count();
    slow.submit(message("in hand"));
    slow.submit(message("not taken"));
    eventually("a message on its way", || {
        desk.modem.lines().iter().filter(|line| line.starts_with("AT+CMGS")).count() > before
    })
    .await;
    slow.stop.cancel();
    assert!(matches!(slow.outcome().await.class, Uncertain | Unavailable));
    assert_eq!(slow.work.waiting(), 1);
    slow.ended().await;
}

#[tokio::test]
async fn every_fault_at_every_command_of_the_start_is_overcome() {
    let commands = [
        "", "E", "V", "+CMEE", "+CGMI", "+CGMM", "+CGSN", "+CPIN", "+CMGF", "+CSCA", "+CREG", "+CMMS",
        "+CPMS", "+CNMI", "+CSMS", "+CIMI", "+CNUM", "+CMGL", "+CSQ", "+COPS",
    ];
    let turns = [
        Turn::Refuse(ModemError::Cme(100)),
        Turn::Ignore,
        Turn::Garbage(b"\r\n\xff\xffOK?\r\n".to_vec()),
        Turn::LoseFinal,
        Turn::HangAfter(Cure::Reopen),
        Turn::Interrupt(vec!["+CMTI: \"SM\",9".into(), "+CDS: 25".into(), "RING".into()]),
        Turn::Noise(b"\r\n".to_vec()),
    ];
    let mut benches = Vec::new();
    for command in commands {
        for turn in &turns {
            let desk = desk(ModemBehaviour::default()).await;
            desk.modem.once(command, turn.clone());
            let bench = bench(&desk, json!({}));
            bench.submit(message("through"));
            benches.push((command, turn, desk, bench));
        }
    }
    for (command, turn, desk, mut bench) in benches {
        let outcome = bench.outcome().await;
        assert_eq!(outcome.class, Sent, "{command:?} {turn:?}: {}", outcome.detail);
        assert_eq!(desk.modem.messages().len(), 1, "{command:?} {turn:?}");
    }
    assert!(timing().network < PATIENCE);
}

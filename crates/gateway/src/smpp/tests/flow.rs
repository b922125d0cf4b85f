//! The window, the order, the pace, and what each answer means.

use super::kit::{Bench, RESP, Smsc, account, local, message, pdu};
use serde_json::json;
use std::time::{Duration, Instant};
use textgate_sms::Kind;
use textgate_sms::OutcomeClass::{self, Account, Refused, Rejected, Sent, Throttled, Unavailable};

#[tokio::test]
async fn submissions_fill_the_window_and_never_more() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 10}));
    let mut peer = smsc.bound().await;
    for _ in 0..30 {
        bench.submit(message("x"));
    }
    let mut unanswered = Vec::new();
    for _ in 0..10 {
        unanswered.push(peer.submit().await);
    }
    assert!(peer.is_silent().await);
    assert_eq!(bench.work.waiting(), 20, "nothing is taken that cannot leave");
    // Out of order, and one at a time: each answer lets one follow.
    for round in 0..20 {
        let answered = unanswered.remove((round * 7) % unanswered.len());
        peer.take(&answered, &format!("id{round}")).await;
        unanswered.push(peer.submit().await);
    }
    assert!(peer.is_silent().await);
    for submit in unanswered {
        peer.take(&submit, "last").await;
    }
    for _ in 0..30 {
        assert_eq!(bench.outcome().await.class, Sent);
    }
}

#[tokio::test]
async fn answers_in_any_order_reach_their_own_messages() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let mut submits = Vec::new();
    for n in 0..5 {
        bench.submit(message(&format!("text{n}")));
        submits.push(peer.submit().await);
    }
    for n in [3, 0, 4, 1, 2] {
        peer.take(&submits[n], &format!("id{n}")).await;
        let (submission, outcome) = bench.finished().await;
        assert_eq!(&*submission.text, format!("text{n}"));
        assert_eq!((outcome.class, outcome.segments_sent), (Sent, 1));
        assert_eq!(&*outcome.provider_ids[0], format!("id{n}"));
        assert_eq!(submits[n].submit().text(), format!("text{n}"));
    }
}

#[tokio::test]
async fn answers_to_nothing_are_ignored() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    for sequence in [0, submit.sequence + 1, submit.sequence + 64, u32::MAX] {
        peer.send(&pdu(0x04 | RESP, 0, sequence, b"wrong\0")).await;
        peer.send(&pdu(RESP, 3, sequence, b"")).await;
    }
    peer.take(&submit, "right").await;
    peer.take(&submit, "again").await;
    assert_eq!(&*bench.outcome().await.provider_ids[0], "right");
    bench.submit(message("y"));
    let submit = peer.submit().await;
    peer.take(&submit, "second").await;
    assert_eq!(&*bench.outcome().await.provider_ids[0], "second");
}

async fn outcome_of(status: u32, body: &[u8], settings: serde_json::Value) -> crate::Outcome {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, settings);
    let mut peer = smsc.bound().await;
    bench.submit(message("Your code is 314159"));
    let submit = peer.submit().await;
    peer.answer(&submit, status, body).await;
    bench.outcome().await
}

#[tokio::test]
async fn each_status_has_its_class_and_its_name() {
    let table: [(u32, &str, OutcomeClass); 8] = [
        (0x0B, "ESME_RINVDSTADR", Rejected),
        (0x58, "ESME_RTHROTTLED", Throttled),
        (0x14, "ESME_RMSGQFUL", Throttled),
        (0x08, "ESME_RSYSERR", Unavailable),
        (0x45, "ESME_RSUBMITFAIL", Unavailable),
        (0x0F, "ESME_RINVSYSID", Account),
        (0x0A, "ESME_RINVSRCADR", Refused),
        (0x0451, "command_status 0x00000451", Refused),
    ];
    for (status, name, class) in table {
        let outcome = outcome_of(status, b"", json!({})).await;
        assert_eq!((outcome.class, &*outcome.detail, outcome.segments_sent), (class, name, 0));
        assert!(outcome.provider_ids.is_empty());
    }
}

#[tokio::test]
async fn a_status_text_is_told_unless_it_repeats_the_message() {
    let with = |text: &str| {
        let mut body = b"\0\x00\x1d\x00".to_vec();
        body.push(u8::try_from(text.len()).unwrap());
        body.extend_from_slice(text.as_bytes());
        body
    };
    let outcome = outcome_of(8, &with("database down"), json!({})).await;
    assert_eq!(&*outcome.detail, "ESME_RSYSERR: database down");
    for text in ["bad number 15550100199", "cannot send 314159", "Your code is bad"] {
        assert_eq!(&*outcome_of(8, &with(text), json!({})).await.detail, "ESME_RSYSERR", "{text}");
    }
}

#[tokio::test]
async fn a_generic_nack_is_a_no_even_with_esme_rok() {
    for (status, detail) in [(3, "ESME_RINVCMDID"), (0, "ESME_RUNKNOWNERR")] {
        let smsc = Smsc::start().await;
        let mut bench = Bench::start(&smsc, json!({}));
        let mut peer = smsc.bound().await;
        bench.submit(message("x"));
        let submit = peer.submit().await;
        peer.send(&pdu(RESP, status, submit.sequence, b"")).await;
        let outcome = bench.outcome().await;
        assert_eq!((outcome.class, &*outcome.detail), (Refused, detail));
    }
}

#[tokio::test]
async fn the_success_string_is_looked_for_in_the_rendered_answer() {
    let text = b"7f\0\x00\x1d\x00\x06queued";
    let table: [(&str, &[u8], OutcomeClass); 6] = [
        ("", b"7f\0", Sent),
        ("ESME_ROK message_id=7f", b"7f\0", Sent),
        ("message_id=", b"\0", Sent),
        ("message_id=8", b"7f\0", Refused),
        ("ESME_ROK message_id=7f additional_status_info_text=queued", text, Sent),
        ("accepted", text, Refused),
    ];
    for (string, body, class) in table {
        let outcome = outcome_of(0, body, json!({"success_contains": string})).await;
        assert_eq!(outcome.class, class, "{string}");
        assert_eq!(outcome.segments_sent, 1, "the SMSC may well have taken it");
    }
}

#[tokio::test]
async fn a_passcode_overtakes_a_backlog_of_texts_within_one_turn_of_a_full_window() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 10}));
    let mut peer = smsc.bound().await;
    for _ in 0..200 {
        bench.submit(crate::Submission { kind: Kind::Text, ..message("text") });
    }
    let mut window = Vec::new();
    for _ in 0..10 {
        window.push(peer.submit().await);
    }
    assert!(peer.is_silent().await);
    bench.submit(message("code"));
    peer.take(&window[0], "1").await;
    assert_eq!(peer.submit().await.submit().text(), "code", "the very next one");
    assert_eq!(bench.outcome().await.class, Sent);
}

#[tokio::test]
async fn throttling_is_handed_back_and_slows_down_what_follows() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({"window": 100}));
    let mut peer = smsc.bound().await;
    bench.submit(message("x"));
    let submit = peer.submit().await;
    peer.answer(&submit, 0x58, b"").await;
    assert_eq!(bench.outcome().await.class, Throttled);
    // Nothing was ever taken, so it goes on at the least rate: one a second.
    for _ in 0..20 {
        bench.submit(message("x"));
    }
    let since = Instant::now();
    let submit = peer.submit().await;
    assert!(since.elapsed() > Duration::from_millis(400), "{:?}", since.elapsed());
    assert!(bench.work.waiting() >= 10, "what cannot leave now is not taken");
    peer.take(&submit, "1").await;
    assert_eq!(bench.outcome().await.class, Sent);
}

#[tokio::test]
async fn a_throughput_limit_holds_over_all_binds() {
    let smsc = Smsc::start().await;
    let bench =
        Bench::of(account(smsc.port(), json!({"window": 100, "binds": 2, "throughput": 20})), local());
    let (mut first, mut second) = (smsc.bound().await, smsc.bound().await);
    for _ in 0..100 {
        bench.submit(message("x"));
    }
    let since = Instant::now();
    let mut count = 0;
    while count < 11 {
        tokio::select! {
            _ = first.submit() => count += 1,
            _ = second.submit() => count += 1,
        }
    }
    // Ten more at 20 a second are half a second.
    assert!(since.elapsed() >= Duration::from_millis(440), "{:?}", since.elapsed());
    assert!(bench.work.waiting() > 80);
}

#[tokio::test]
async fn a_passcode_is_the_next_to_leave_under_a_throughput_limit() {
    let smsc = Smsc::start().await;
    let bench = Bench::start(&smsc, json!({"window": 100, "throughput": 4}));
    let mut peer = smsc.bound().await;
    for _ in 0..50 {
        bench.submit(crate::Submission { kind: Kind::Text, ..message("text") });
    }
    peer.submit().await;
    bench.submit(message("code"));
    // One may have left in between.
    let next = [peer.submit().await.submit().text(), peer.submit().await.submit().text()];
    assert!(next.contains(&"code".to_owned()), "{next:?}");
}

#[tokio::test]
async fn a_message_on_an_idle_bind_leaves_at_once() {
    let smsc = Smsc::start().await;
    let mut bench = Bench::start(&smsc, json!({}));
    let mut peer = smsc.bound().await;
    let mut quickest = Duration::MAX;
    for _ in 0..50 {
        let since = Instant::now();
        bench.submit(message("x"));
        let submit = peer.submit().await;
        quickest = quickest.min(since.elapsed());
        peer.take(&submit, "1").await;
        bench.outcome().await;
    }
    assert!(quickest < Duration::from_millis(5), "{quickest:?}: no timer stands in the way");
}

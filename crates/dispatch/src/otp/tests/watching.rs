//! Delivery that is watched.

use super::*;
use crate::guard::{GuardMode, GuardRules};
use textgate_gateway::Health;

fn after(seconds: u32) -> OtpSettings {
    OtpSettings { watch_after_s: Some(seconds), ..OtpSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn a_passcode_without_a_receipt_is_sent_again_by_the_other_gateway_once_and_told() {
    let bench = Bench::otp(&["a", "b"], after(5)).await;
    let id = bench.passcode().await;
    let code = bench.code(id);
    bench.pass(4.9).await;
    assert_eq!(bench.gateways(id), [[A]]);
    bench.pass(0.2).await;
    assert_eq!(bench.gateways(id), [[A], [B]]);
    let again = bench.messages(id)[1];
    let (first, second) = (bench.reasons(id), bench.reasons(again));
    assert!(
        first.last().unwrap().contains(&format!(
            "no receipt came within 5 s: the passcode is sent again by another gateway, as {again}"
        )),
        "{first:?}"
    );
    assert!(second[0].contains("sent again by itself") && second[0].contains("a took"), "{second:?}");
    bench.pass(500.0).await;
    assert_eq!(bench.messages(id).len(), 2, "once");
    assert_eq!(bench.record(id).resends, 0, "whoever asks still may");
    assert_eq!(bench.check(id, &code).await, Ok(PasscodeState::Approved));
    let metrics = bench.dispatch.render_metrics();
    assert!(metrics.contains(r#"textgate_passcodes_resent_total{by="watch"} 1"#), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_receipt_or_the_right_code_in_time_is_enough() {
    let bench = Bench::otp(&["a", "b"], after(5)).await;
    let (received, checked) = (bench.passcode().await, bench.passcode().await);
    bench.pass(3.0).await;
    bench.receipt(received, A, MessageState::Delivered);
    bench.check(checked, &bench.code(checked)).await.unwrap();
    bench.pass(60.0).await;
    assert_eq!((bench.messages(received).len(), bench.messages(checked).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_another_node_heard_is_enough() {
    let bench = Bench::otp(&["a", "b"], after(5)).await;
    let id = bench.passcode().await;
    bench.pass(3.0).await;
    // It stands in the store; nobody told this node.
    bench.store.messages.lock().unwrap().get_mut(&id).unwrap().state = MessageState::Delivered;
    bench.pass(60.0).await;
    assert_eq!(bench.messages(id).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_node_has_to_send_is_watched_there_and_not_here() {
    let bench = Bench::otp(&["a", "b"], after(5)).await;
    bench.script("a").says(crate::testing::down());
    bench.script("b").says(crate::testing::down());
    bench.settle().await;
    let id = bench.passcode().await;
    let engine = &bench.dispatch.engine;
    engine.watches.forget_unsent();
    let message = bench.store.messages.lock().unwrap()[&id].clone();
    // As a node that is given it: it is sent, and its receipt missed.
    engine.watch_taken_on(&message);
    bench.script("a").says(Health::Up { window: 10 });
    bench.pass(0.1).await;
    assert_eq!(bench.gateways(id), [[A]]);
    bench.script("b").says(Health::Up { window: 10 });
    bench.pass(5.0).await;
    assert_eq!(bench.gateways(id), [[A], [B]]);
    // And one that has forgotten it sends nothing again.
    let id = bench.passcode().await;
    engine.watches.forget_unsent();
    bench.pass(60.0).await;
    assert_eq!(bench.messages(id).len(), 2, "this one was taken already, and is watched on");
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_says_no_is_answered_at_once() {
    let bench = Bench::otp(&["a", "b"], OtpSettings::default()).await;
    let id = bench.passcode().await;
    bench.receipt(id, A, MessageState::Undelivered);
    bench.pass(0.1).await;
    assert_eq!(bench.gateways(id), [[A], [B]]);
    let reasons = bench.reasons(bench.messages(id)[1]);
    assert!(reasons[0].contains("its receipt says that it was not delivered"), "{reasons:?}");
}

#[tokio::test(start_paused = true)]
async fn where_it_is_off_or_nobody_else_could_send_nothing_is_sent_again() {
    let off = Bench::otp(&["a", "b"], OtpSettings { watch: false, ..after(5) }).await;
    let alone = Bench::otp(&["a"], after(5)).await;
    let down = Bench::otp(&["a", "b"], after(5)).await;
    down.script("b").says(crate::testing::down());
    for bench in [off, alone, down] {
        let id = bench.passcode().await;
        bench.pass(60.0).await;
        assert_eq!(bench.messages(id).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_again_on_request_is_not_sent_again_for_the_first_message() {
    let bench = Bench::otp(&["a", "b"], OtpSettings { resend_pauses_s: vec![3], ..after(5) }).await;
    let id = bench.passcode().await;
    bench.pass(3.0).await;
    bench.resend(id).await.unwrap();
    assert_eq!(bench.gateways(id), [[A], [B]]);
    bench.pass(3.0).await;
    assert_eq!(bench.messages(id).len(), 2, "the first message's time is over, and it was made up for");
    bench.pass(3.0).await;
    assert_eq!(bench.gateways(id), [[A], [B], [A]], "the second one's is, too");
}

#[tokio::test(start_paused = true)]
async fn how_long_receipts_take_is_learned_and_a_gateway_without_any_is_left_in_peace() {
    let bench = Bench::otp(&["a", "b"], OtpSettings::default()).await;
    // More to one number than the guard lets through where nobody has put rules.
    let rules = GuardRules { mode: GuardMode::Off, ..GuardRules::default() };
    bench.dispatch.put_guard("test", VS, Some(rules)).await.unwrap();
    let silent = bench.passcode().await;
    bench.pass(120.0).await;
    assert_eq!(bench.messages(silent).len(), 1, "nobody knows that receipts come");
    for _ in 0..5 {
        let id = bench.passcode().await;
        bench.pass(20.0).await;
        bench.receipt(id, A, MessageState::Delivered);
    }
    let missed = bench.passcode().await;
    bench.pass(23.0).await;
    assert_eq!(bench.messages(missed).len(), 1);
    bench.pass(4.0).await;
    assert_eq!(bench.gateways(missed), [[A], [B]]);
    // Late is not never: it teaches.
    bench.pass(20.0).await;
    bench.receipt(missed, A, MessageState::Delivered);
    let next = bench.passcode().await;
    bench.pass(40.0).await;
    assert_eq!(bench.messages(next).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_code_that_ends_soon_is_not_sent_again() {
    let bench = Bench::otp(&["a", "b"], OtpSettings { ttl_s: 60, ..after(31) }).await;
    let id = bench.passcode().await;
    bench.pass(120.0).await;
    assert_eq!(bench.messages(id).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_no_gateway_takes_is_not_waited_for() {
    let bench = Bench::otp(&["a", "b"], after(5)).await;
    bench.script("a").answers(textgate_sms::OutcomeClass::Rejected);
    let id = bench.passcode().await;
    bench.pass(60.0).await;
    assert_eq!((bench.state(id), bench.messages(id).len()), (MessageState::Failed, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_watched_is_watched_after_a_start_too() {
    let bench = Bench::otp(&["a", "b"], after(20)).await;
    let id = bench.passcode().await;
    bench.pass(5.0).await;
    // As after a start: what is in memory is gone, and the store is there.
    bench.dispatch.engine.watches.forget(id);
    bench.pass(40.0).await;
    assert_eq!(bench.messages(id).len(), 1, "nobody watches");
    bench.dispatch.engine.watch_again().await.unwrap();
    bench.pass(0.1).await;
    assert_eq!(bench.gateways(id), [[A], [B]], "its time is over already");
}

//! What becomes of a message, by what its gateways do; under a held clock.

use crate::Limits;
use crate::testing::{Bench, Reaction, down, request};
use crate::view::Settings;
use crate::words::{GatewayOrder, OnUncertain, Refusal, Request};
use std::time::Duration;
use textgate_gateway::Health;
use textgate_sms::{GatewayId, Kind, MessageId, MessageState, OutcomeClass, PhoneNumber, VsId};
use tokio::time::{Instant, sleep};

use MessageState::{Accepted, Cancelled, Expired, Failed, Scheduled, Sent};
use OutcomeClass::{Account, Refused, Rejected, Throttled, Unavailable, Uncertain};

const A: u32 = b'a' as u32;
const B: u32 = b'b' as u32;

#[tokio::test(start_paused = true)]
async fn a_message_leaves_by_the_primary() {
    let bench = Bench::with(&["a", "b"]).await;
    let id = bench.accept(Kind::Otp).await;
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(A, OutcomeClass::Sent)]);
    assert_eq!((bench.state(id), bench.store.states(id)), (Sent, vec![Sent]));
}

#[tokio::test(start_paused = true)]
async fn what_a_gateway_cannot_do_now_the_next_does_at_once() {
    for class in [Unavailable, Account, Refused] {
        let bench = Bench::with(&["a", "b"]).await;
        bench.script("a").answers(class);
        let begin = Instant::now();
        let id = bench.accept(Kind::Otp).await;
        bench.settle().await;
        assert_eq!(bench.store.attempts(id), [(A, class), (B, OutcomeClass::Sent)]);
        assert_eq!((bench.state(id), begin.elapsed()), (Sent, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_sent_is_not_tried_elsewhere_and_is_refunded() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(Rejected);
    let id = bench.accept(Kind::Otp).await;
    bench.settle().await;
    assert_eq!((bench.store.attempts(id), bench.state(id)), (vec![(A, Rejected)], Failed));
    assert_eq!(*bench.store.refunds.lock().unwrap(), [id]);
}

#[tokio::test(start_paused = true)]
async fn what_every_gateway_refuses_has_failed() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(Refused);
    bench.script("b").answers(Refused);
    let id = bench.accept(Kind::Text).await;
    bench.settle().await;
    assert_eq!((bench.store.attempts(id), bench.state(id)), (vec![(A, Refused), (B, Refused)], Failed));
}

#[tokio::test(start_paused = true)]
async fn a_silent_primary_costs_an_otp_no_more_than_failover_after() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").will(Reaction::Silence);
    let begin = Instant::now();
    let id = bench.accept(Kind::Otp).await;
    while bench.state(id) == Accepted {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.store.attempts(id), [(A, Uncertain), (B, OutcomeClass::Sent)]);
    assert!(begin.elapsed() <= Duration::from_millis(3_020), "{:?}", begin.elapsed());
    assert!(bench.dispatch.render_metrics().contains("textgate_possible_duplicates_total 1"));
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_a_text_counts_as_sent_where_the_settings_say_so_and_an_otp_never() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.set(&["a", "b"], OnUncertain::Sent).await;
    bench.script("a").will(Reaction::Silence);
    let (text, otp) = (bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await);
    sleep(Duration::from_secs(4)).await;
    assert_eq!((bench.store.attempts(text), bench.state(text)), (vec![(A, Uncertain)], Sent));
    assert_eq!(bench.store.attempts(otp).last(), Some(&(B, OutcomeClass::Sent)));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_never_answers_is_not_asked_for_ever() {
    let bench = Bench::with(&["a"]).await;
    bench.script("a").will(Reaction::Silence);
    let id = bench.accept(Kind::Text).await;
    sleep(Duration::from_secs(600)).await;
    assert_eq!((bench.store.attempts(id).len(), bench.state(id)), (3, Failed));
    assert!(bench.store.refunds.lock().unwrap().is_empty(), "it may have arrived, so it stays paid");
}

#[tokio::test(start_paused = true)]
async fn rounds_go_on_until_the_validity_ends_and_no_longer() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(Unavailable);
    bench.script("b").answers(Unavailable);
    let id = bench.accept_as(Request { kind: Some(Kind::Otp), validity_s: Some(60), ..request() }).await;
    sleep(Duration::from_secs(59)).await;
    assert_eq!(bench.state(id), Accepted);
    let tried = bench.store.attempts(id).len();
    assert!((6..40).contains(&tried), "{tried} attempts");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.state(id), Expired);
    assert_eq!(*bench.store.refunds.lock().unwrap(), [id]);
    bench.script("a").answers(OutcomeClass::Sent);
    sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.state(id), Expired);
    assert!(bench.store.attempts(id).iter().all(|(_, class)| *class == Unavailable));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_gateway_that_goes_down_moves_to_the_next() {
    let bench = Bench::with(&["a", "b"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let ids = [bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await];
    bench.settle().await;
    assert!(ids.iter().all(|id| bench.state(*id) == Accepted));
    bench.script("a").says(down());
    bench.settle().await;
    assert!(ids.iter().all(|id| bench.store.attempts(*id) == [(B, OutcomeClass::Sent)]));
}

#[tokio::test(start_paused = true)]
async fn from_a_gateway_that_goes_down_an_otp_goes_back_to_one_that_was_only_slow() {
    let bench = Bench::with(&["a", "b"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    *bench.script("b").window.lock().unwrap() = 0;
    let id = bench.accept(Kind::Otp).await;
    sleep(Duration::from_millis(3_050)).await;
    *bench.script("a").window.lock().unwrap() = 10;
    bench.script("b").says(down());
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(A, OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_gateway_that_is_down_probes_the_other_and_then_leaves_by_it() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").says(down());
    bench.settle().await;
    bench.script("b").answers(Unavailable);
    let failed: Vec<_> = [bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await].into();
    for _ in 0..3 {
        bench.accept(Kind::Alert).await;
    }
    bench.settle().await;
    // The other one's breaker is open now.
    let waiting = [bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await];
    bench.script("b").answers(OutcomeClass::Sent);
    sleep(Duration::from_millis(1_500)).await;
    let attempts: Vec<_> = waiting.iter().map(|id| bench.store.attempts(*id)).collect();
    assert!(attempts.iter().all(|one| *one == [(B, OutcomeClass::Sent)]), "{attempts:?}");
    sleep(Duration::from_secs(2)).await;
    assert!(failed.iter().all(|id| bench.state(*id) == Sent), "and those that failed there are tried again");
}

#[tokio::test(start_paused = true)]
async fn with_every_gateway_down_a_message_waits_for_whichever_comes_first() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").says(down());
    bench.script("b").says(down());
    bench.settle().await;
    let id = bench.accept(Kind::Text).await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!((bench.state(id), bench.store.attempts(id)), (Accepted, vec![]));
    bench.script("b").says(Health::Up { window: 10 });
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(B, OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_keeps_failing_is_left_alone_and_probed() {
    let bench = Bench::with(&["a", "b"]).await;
    let primary = bench.script("a");
    primary.answers(Unavailable);
    for _ in 0..20 {
        bench.accept(Kind::Text).await;
        bench.settle().await;
    }
    assert_eq!(primary.taken().len(), 5, "after five failures it is not asked any more");
    primary.answers(OutcomeClass::Sent);
    sleep(Duration::from_millis(1_100)).await;
    let ids = [bench.accept(Kind::Text).await, bench.accept(Kind::Text).await];
    bench.settle().await;
    let by_primary = ids.iter().filter(|id| bench.store.attempts(**id) == [(A, OutcomeClass::Sent)]).count();
    assert!(by_primary >= 1, "one of them was the probe");
    let id = bench.accept(Kind::Text).await;
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(A, OutcomeClass::Sent)], "it is back");
}

#[tokio::test(start_paused = true)]
async fn the_only_gateway_behind_an_open_breaker_is_probed_with_what_waits() {
    let bench = Bench::with(&["a"]).await;
    let only = bench.script("a");
    only.answers(Unavailable);
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(bench.accept(Kind::Alert).await);
        bench.settle().await;
    }
    only.answers(OutcomeClass::Sent);
    sleep(Duration::from_secs(5)).await;
    assert!(ids.iter().all(|id| bench.state(*id) == Sent));
}

#[tokio::test(start_paused = true)]
async fn an_otp_is_the_next_to_leave_however_long_the_backlog() {
    let bench = Bench::with(&["a"]).await;
    let gateway = bench.script("a");
    *gateway.window.lock().unwrap() = 1;
    gateway.will(Reaction::After(Duration::from_secs(1), OutcomeClass::Sent));
    for _ in 0..100 {
        bench.accept(Kind::Text).await;
    }
    bench.settle().await;
    let otp = bench.accept(Kind::Otp).await;
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(gateway.taken()[1], otp);
}

#[tokio::test(start_paused = true)]
async fn a_window_full_of_texts_has_a_place_for_an_otp() {
    let bench = Bench::with(&["a"]).await;
    let gateway = bench.script("a");
    gateway.will(Reaction::After(Duration::from_secs(1), OutcomeClass::Sent));
    for _ in 0..100 {
        bench.accept(Kind::Text).await;
    }
    bench.settle().await;
    assert_eq!(gateway.taken().len(), 9, "of a window of ten");
    let begin = Instant::now();
    let otp = bench.accept(Kind::Otp).await;
    bench.settle().await;
    assert_eq!((gateway.taken().last(), begin.elapsed()), (Some(&otp), Duration::ZERO));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(gateway.taken().len(), 101);
}

#[tokio::test(start_paused = true)]
async fn an_otp_that_waits_too_long_in_a_lane_goes_elsewhere_and_a_text_stays() {
    let bench = Bench::with(&["a", "b"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let (text, otp) = (bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await);
    sleep(Duration::from_millis(3_050)).await;
    assert_eq!(bench.store.attempts(otp), [(B, OutcomeClass::Sent)]);
    assert_eq!(bench.state(text), Accepted);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_text_waits_and_a_throttled_otp_goes_elsewhere() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(Throttled);
    let (text, otp) = (bench.accept(Kind::Text).await, bench.accept(Kind::Otp).await);
    bench.settle().await;
    assert_eq!(bench.store.attempts(otp), [(A, Throttled), (B, OutcomeClass::Sent)]);
    bench.script("a").answers(OutcomeClass::Sent);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.store.attempts(text), [(A, Throttled), (A, OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_can_be_called_back_and_what_a_gateway_has_cannot() {
    let bench = Bench::with(&["a"]).await;
    let gateway = bench.script("a");
    *gateway.window.lock().unwrap() = 1;
    gateway.will(Reaction::After(Duration::from_secs(1), OutcomeClass::Sent));
    let (first, second) = (bench.accept(Kind::Text).await, bench.accept(Kind::Text).await);
    bench.settle().await;
    let cancel = async |id| bench.dispatch.cancel(VsId::ROOT, id).await.unwrap();
    assert_eq!(cancel(first).await, (Accepted, false));
    assert_eq!(cancel(second).await, (Cancelled, true));
    assert_eq!(cancel(second).await, (Cancelled, false));
    sleep(Duration::from_secs(5)).await;
    assert_eq!((bench.state(first), gateway.taken()), (Sent, vec![first]));
    assert!(bench.dispatch.cancel(VsId::ROOT, MessageId::from_u64(9)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_cancelled_on_disk_goes_its_way() {
    let bench = Bench::with(&["a"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let id = bench.accept(Kind::Text).await;
    *bench.store.is_full.lock().unwrap() = true;
    assert!(bench.dispatch.cancel(VsId::ROOT, id).await.is_err());
    *bench.store.is_full.lock().unwrap() = false;
    *bench.script("a").window.lock().unwrap() = 1;
    bench.script("a").says(Health::Up { window: 1 });
    bench.settle().await;
    assert_eq!(bench.state(id), Sent);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_message_that_is_released_meanwhile_is_not_cancelled_behind_its_gateways_back() {
    let bench = Bench::with(&["a"]).await;
    let gateway = bench.script("a");
    gateway.will(Reaction::After(Duration::from_secs(1), OutcomeClass::Sent));
    let due = Some(crate::testing::START_MS + 1_000);
    let id = bench.accept_as(Request { send_at_ms: due, ..request() }).await;
    sleep(Duration::from_millis(990)).await;
    // The answer that it is scheduled arrives when it is no longer.
    *bench.store.answers_after.lock().unwrap() = Duration::from_millis(50);
    assert_eq!(bench.dispatch.cancel(VsId::ROOT, id).await.unwrap(), (Accepted, false));
    sleep(Duration::from_secs(2)).await;
    assert_eq!((bench.state(id), gateway.taken()), (Sent, vec![id]));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_nobody_waits_for_any_more_loses_no_message() {
    let bench = Bench::with(&["a"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let id = bench.accept(Kind::Text).await;
    *bench.store.answers_after.lock().unwrap() = Duration::from_millis(50);
    *bench.store.is_full.lock().unwrap() = true;
    let cancel = bench.dispatch.cancel(VsId::ROOT, id);
    assert!(tokio::time::timeout(Duration::from_millis(60), cancel).await.is_err(), "the caller is gone");
    sleep(Duration::from_secs(1)).await;
    *bench.store.is_full.lock().unwrap() = false;
    *bench.script("a").window.lock().unwrap() = 1;
    bench.script("a").says(Health::Up { window: 1 });
    bench.settle().await;
    assert_eq!(bench.state(id), Sent);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_release_does_not_keep_the_program_from_stopping() {
    let bench = Bench::with(&["a"]).await;
    let due = Some(crate::testing::START_MS + 1_000);
    let id = bench.accept_as(Request { send_at_ms: due, ..request() }).await;
    *bench.store.is_full.lock().unwrap() = true;
    sleep(Duration::from_secs(5)).await;
    let stop = tokio::time::timeout(Duration::from_secs(2), bench.dispatch.shutdown()).await;
    assert!(stop.is_ok(), "it goes on trying for ever");
    assert_eq!(bench.state(id), Scheduled);
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_message_leaves_when_it_is_due_even_if_the_store_was_full_then() {
    let bench = Bench::with(&["a"]).await;
    let at = |s: i64| Some(crate::testing::START_MS + s * 1000);
    let id = bench.accept_as(Request { send_at_ms: at(100), ..request() }).await;
    let never = bench.accept_as(Request { send_at_ms: at(100), ..request() }).await;
    assert_eq!(bench.dispatch.cancel(VsId::ROOT, never).await.unwrap(), (Cancelled, true));
    sleep(Duration::from_secs(99)).await;
    assert_eq!((bench.state(id), bench.store.attempts(id)), (Scheduled, vec![]));
    *bench.store.is_full.lock().unwrap() = true;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(bench.state(id), Scheduled);
    *bench.store.is_full.lock().unwrap() = false;
    sleep(Duration::from_secs(2)).await;
    assert_eq!((bench.state(id), bench.script("a").taken()), (Sent, vec![id]));
}

#[tokio::test(start_paused = true)]
async fn a_start_goes_on_with_what_was_not_finished_and_drops_what_is_too_late() {
    let before = Bench::stopped(&["a"], std::sync::Arc::default(), Limits::default()).await;
    let request = |validity_s| Request { kind: Some(Kind::Otp), validity_s: Some(validity_s), ..request() };
    let (late, good) = (before.accept_as(request(10)).await, before.accept_as(request(300)).await);
    sleep(Duration::from_secs(60)).await;
    let after = Bench::stopped(&["a"], std::sync::Arc::clone(&before.store), Limits::default()).await;
    // Its clock begins anew at the same time; the first one's validity is past by the wall clock then.
    after.store.messages.lock().unwrap().get_mut(&late).unwrap().expires_ms = crate::testing::START_MS - 1;
    after.dispatch.engine.run().await.unwrap();
    after.settle().await;
    assert_eq!((after.state(late), after.state(good)), (Expired, Sent));
    assert_eq!(after.script("a").taken(), [good]);
    assert!(after.dispatch.render_metrics().contains("textgate_messages_recovered_total 2"));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_taken_before_a_start_stays_paid_and_counts() {
    let before = Bench::with(&["a"]).await;
    before.script("a").will(Reaction::Silence);
    let id = before.accept(Kind::Text).await;
    sleep(Duration::from_secs(45)).await;
    before.dispatch.shutdown().await;
    assert_eq!(before.store.attempts(id), [(A, Uncertain), (A, Uncertain)]);
    let after = Bench::stopped(&["a"], std::sync::Arc::clone(&before.store), Limits::default()).await;
    after.script("a").will(Reaction::Silence);
    after.dispatch.engine.run().await.unwrap();
    sleep(Duration::from_secs(600)).await;
    assert_eq!((after.state(id), after.store.attempts(id).len()), (Failed, 3));
    assert!(after.store.refunds.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_before_a_start_does_not_lengthen_a_validity() {
    let before = Bench::stopped(&["a"], std::sync::Arc::default(), Limits::default()).await;
    // The next one's clock begins where this one's began: an hour earlier.
    sleep(Duration::from_secs(3600)).await;
    let otp = Request { kind: Some(Kind::Otp), validity_s: Some(60), ..request() };
    let id = before.accept_as(otp).await;
    let after = Bench::stopped(&["a"], std::sync::Arc::clone(&before.store), Limits::default()).await;
    after.script("a").says(down());
    after.dispatch.engine.run().await.unwrap();
    sleep(Duration::from_secs(61)).await;
    assert_eq!(after.state(id), Expired);
    after.script("a").says(Health::Up { window: 10 });
    after.settle().await;
    assert_eq!(after.script("a").taken(), []);
}

#[tokio::test(start_paused = true)]
async fn a_message_on_disk_is_sent_even_where_its_caller_has_gone() {
    let bench = Bench::with(&["a"]).await;
    drop(bench.dispatch.engine.accept(VsId::ROOT, vec![request()]));
    bench.settle().await;
    assert_eq!(bench.script("a").taken().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_is_refused_and_welcome_again_later() {
    let limits = Limits { waiting: 3, ..Limits::default() };
    let bench = Bench::stopped(&["a"], std::sync::Arc::default(), limits).await;
    let answers = bench.dispatch.accept(VsId::ROOT, vec![request(); 5]).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, [Refusal::Busy, Refusal::Busy]);
    bench.dispatch.engine.run().await.unwrap();
    bench.settle().await;
    assert!(bench.dispatch.accept(VsId::ROOT, vec![request()]).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn texts_leave_room_for_passcodes() {
    let limits = Limits { waiting: 40, ..Limits::default() };
    let bench = Bench::stopped(&["a"], std::sync::Arc::default(), limits).await;
    for (kind, expected) in [(Kind::Text, 36), (Kind::Alert, 2), (Kind::Otp, 2)] {
        let requests = vec![Request { kind: Some(kind), ..request() }; 50];
        let answers = bench.dispatch.accept(VsId::ROOT, requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passcode_that_overtook_a_commit_which_failed_is_called_back() {
    // Its gateway does not run yet, so it waits in the lane.
    let bench = Bench::stopped(&["a"], std::sync::Arc::default(), Limits::default()).await;
    *bench.store.is_full.lock().unwrap() = true;
    let otp = Request { kind: Some(Kind::Otp), ..request() };
    let answers = bench.dispatch.accept(VsId::ROOT, vec![otp]).await;
    assert_eq!(answers[0].as_ref().unwrap_err(), &Refusal::StoreUnavailable);
    *bench.store.is_full.lock().unwrap() = false;
    bench.dispatch.engine.run().await.unwrap();
    bench.settle().await;
    assert_eq!(bench.script("a").taken(), [], "what was refused does not leave");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_write_refuses_and_keeps_nothing() {
    let bench = Bench::with(&["a"]).await;
    *bench.store.is_full.lock().unwrap() = true;
    let answers = bench.dispatch.accept(VsId::ROOT, vec![request(); 2]).await;
    assert!(answers.iter().all(|answer| *answer == Err(Refusal::StoreUnavailable)));
    assert!(bench.dispatch.ready().is_err());
    *bench.store.is_full.lock().unwrap() = false;
    bench.settle().await;
    assert!(bench.script("a").taken().is_empty());
    assert!(bench.dispatch.ready().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_gateway_that_is_removed_goes_to_another() {
    let bench = Bench::with(&["a"]).await;
    *bench.script("a").window.lock().unwrap() = 0;
    let id = bench.accept(Kind::Text).await;
    bench.set(&["b"], OnUncertain::Failover).await;
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(B, OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn a_new_gateway_is_asked_though_the_one_in_its_place_refused() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(Refused);
    bench.script("b").says(down());
    bench.settle().await;
    let id = bench.accept(Kind::Text).await;
    bench.settle().await;
    bench.set(&["c", "b"], OnUncertain::Failover).await;
    bench.settle().await;
    assert_eq!(bench.store.attempts(id), [(A, Refused), (u32::from(b'c'), OutcomeClass::Sent)]);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_answers_and_leaves_the_rest_for_the_next_start() {
    let bench = Bench::with(&["a"]).await;
    let gateway = bench.script("a");
    *gateway.window.lock().unwrap() = 1;
    gateway.will(Reaction::After(Duration::from_millis(100), OutcomeClass::Sent));
    let (first, second) = (bench.accept(Kind::Text).await, bench.accept(Kind::Text).await);
    bench.settle().await;
    bench.dispatch.shutdown().await;
    assert_eq!((bench.state(first), bench.state(second)), (Sent, Accepted));
    assert_eq!(bench.dispatch.accept(VsId::ROOT, vec![request()]).await, [Err(Refusal::Stopping)]);
}

#[tokio::test(start_paused = true)]
async fn every_problem_of_a_request_is_told_at_once() {
    let bench = Bench::with(&["a"]).await;
    let bad = Request {
        to: "+1 (555) 010-0100".into(),
        text: String::new(),
        overwrite: Some(8),
        validity_s: Some(0),
        send_at_ms: Some(i64::MAX / 2),
        sender: Some("x".repeat(22)),
        ..Request::default()
    };
    let Err(Refusal::Invalid(problems)) = bench.dispatch.accept(VsId::ROOT, vec![bad]).await.remove(0) else {
        panic!("it is refused")
    };
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["to", "text", "sender", "overwrite", "validity_s", "send_at"]);
    assert_eq!(problems[0].message, "remove +, spaces and punctuation: 15550100100");
}

#[tokio::test(start_paused = true)]
async fn in_adaptive_order_the_best_for_the_country_goes_first_and_its_time_line_says_why() {
    let bench = Bench::with(&["a", "b"]).await;
    let adaptive = Settings { gateway_order: GatewayOrder::Adaptive, ..Settings::default() };
    bench.set_as(&["a", "b"], adaptive).await;
    let engine = &bench.dispatch.engine;
    // Of a's codes none is entered, of b's all are.
    for n in 0..60 {
        let to = PhoneNumber::from_u64(15_550_100_000 + n).unwrap();
        let gateway = GatewayId(if n % 2 == 0 { A } else { B });
        engine.statistics.attempt(gateway, to, OutcomeClass::Sent, 10, engine.clock.now_ms());
        engine.statistics.passcode_sent(VsId::ROOT, gateway, to, engine.clock.now_ms());
        if n % 2 == 1 {
            engine.converted(VsId::ROOT, to);
        }
    }
    sleep(Duration::from_secs(600)).await;
    let mut first = Vec::new();
    for _ in 0..20 {
        let id = bench.accept(Kind::Text).await;
        bench.settle().await;
        assert_eq!(bench.state(id), Sent);
        first.push((bench.store.attempts(id)[0].0, id));
    }
    let by_b: Vec<_> = first.iter().filter(|(gateway, _)| *gateway == B).collect();
    assert!(by_b.len() >= 18, "{first:?}");
    let events = bench.store.messages.lock().unwrap()[&by_b[0].1].events.clone();
    let told = format!("{events:?}");
    assert!(told.contains("b goes first, as it is best for US (codes entered: a 3 % of"), "{told}");
    // The others follow where it fails.
    bench.script("b").answers(Unavailable);
    let id = bench.accept(Kind::Otp).await;
    bench.settle().await;
    assert_eq!(bench.store.attempts(id).last(), Some(&(A, OutcomeClass::Sent)));
}

//! What is counted of messages, by what becomes of them; under a held clock.

use crate::testing::{Bench, START_MS, down, request};
use crate::words::{Request, What};
use crate::{Limits, Scope, Series, Watched};
use std::time::Duration;
use textgate_sms::{Kind, MessageState, OutcomeClass, VsId};

const MINUTE_MS: i64 = 60_000;

async fn series(bench: &Bench) -> Series {
    let scope = Scope { vs: VsId::ROOT, with_below: false };
    bench.dispatch.series(scope, None, START_MS, START_MS + 10 * MINUTE_MS, MINUTE_MS).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_counted_in_its_minute_with_its_latency_and_gateway() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").will(crate::testing::Reaction::After(Duration::from_millis(250), OutcomeClass::Sent));
    bench.accept(Kind::Otp).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    bench.accept(Kind::Otp).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let series = series(&bench).await;
    let sent: Vec<u64> = series.steps.iter().map(|s| s.figures.came_to(MessageState::Sent)).collect();
    assert_eq!(sent, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(series.total.came_to(MessageState::Accepted), 2);
    assert_eq!(series.total.attempts(OutcomeClass::Sent), 2);
    let p99 = series.total.to_sent.quantile(0.99).unwrap();
    assert!((242_000..=258_000).contains(&p99), "{p99}");
    let names: Vec<_> =
        series.gateways.iter().map(|g| (g.name.as_str(), g.figures.to_sent.count())).collect();
    assert_eq!(names, [("a", 2)]);
}

#[tokio::test(start_paused = true)]
async fn failovers_are_counted_where_messages_left() {
    let bench = Bench::with(&["a", "b"]).await;
    bench.script("a").answers(OutcomeClass::Unavailable);
    bench.accept(Kind::Otp).await;
    bench.settle().await;
    bench.script("a").says(down());
    bench.settle().await;
    bench.accept(Kind::Otp).await;
    bench.settle().await;
    let series = series(&bench).await;
    let found: Vec<_> = series.gateways.iter().map(|g| (g.name.as_str(), g.figures.failovers)).collect();
    assert_eq!(found, [("a", 2), ("b", 0)], "one was refused by it, one found it down");
    assert_eq!(series.total.came_to(MessageState::Sent), 2);
}

#[tokio::test(start_paused = true)]
async fn figures_go_to_the_store_within_seconds_and_are_seen_once() {
    let bench = Bench::with(&["a"]).await;
    let mut changes = bench.dispatch.figures_changes();
    bench.accept(Kind::Text).await;
    bench.settle().await;
    assert!(bench.store.figures.lock().unwrap().is_empty());
    assert_eq!(series(&bench).await.total.came_to(MessageState::Sent), 1);
    changes.changed().await.unwrap();
    assert!(!bench.store.figures.lock().unwrap().is_empty());
    assert_eq!(series(&bench).await.total.came_to(MessageState::Sent), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_store_does_not_take_waits_and_goes_later() {
    let bench = Bench::with(&["a"]).await;
    bench.accept(Kind::Text).await;
    bench.settle().await;
    *bench.store.is_full.lock().unwrap() = true;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(bench.store.figures.lock().unwrap().is_empty());
    *bench.store.is_full.lock().unwrap() = false;
    bench.dispatch.shutdown().await;
    let figures = bench.store.figures.lock().unwrap();
    assert_eq!(figures.iter().map(|t| t.figures.came_to(MessageState::Sent)).sum::<u64>(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_virtual_servers_take_turns() {
    let bench = Bench::stopped(&["a"], std::sync::Arc::default(), Limits::default()).await;
    let engine = &bench.dispatch.engine;
    for vs in 1..=1_000 {
        engine.count_accepted(START_MS, VsId(vs), &[], 1);
    }
    let written = || bench.store.figures.lock().unwrap().len();
    engine.flush_figures(false).await.unwrap();
    assert_eq!(written(), 500);
    engine.flush_figures(false).await.unwrap();
    engine.flush_figures(false).await.unwrap();
    assert_eq!(written(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_hears_what_happens_to_its_virtual_server_in_order() {
    let bench = Bench::with(&["a"]).await;
    let mut watch = bench.dispatch.watch(VsId::ROOT).unwrap();
    let mut other = bench.dispatch.watch(VsId(7)).unwrap();
    let id = bench.accept(Kind::Otp).await;
    bench.settle().await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let Some(Watched::Happened(event)) = watch.next().await else { panic!("nothing is missed") };
        assert_eq!(event.id, id);
        heard.push(match &event.what {
            What::Accepted => "accepted",
            What::Attempt { .. } => "attempt",
            What::State(state) => state.name(),
            What::Receipt { .. } => "receipt",
        });
    }
    heard.sort_unstable(); // a passcode may overtake its commit
    assert_eq!(heard, ["accepted", "attempt", "sent"]);
    bench.dispatch.shutdown().await;
    assert!(other.next().await.is_none(), "it ends with the program");
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_does_not_read_misses_some_and_is_told() {
    let bench = Bench::with(&["a"]).await;
    let mut watch = bench.dispatch.watch(VsId::ROOT).unwrap();
    for _ in 0..500 {
        bench.accept_as(Request { ..request() }).await;
        bench.settle().await;
    }
    assert!(matches!(watch.next().await, Some(Watched::Missed)));
    assert!(matches!(watch.next().await, Some(Watched::Happened(_))));
    assert!(watch.news().await);
    drop(watch);
    assert!(!bench.dispatch.engine.watchers.are_there());
}

#[tokio::test]
async fn no_more_watch_one_virtual_server_than_its_bound() {
    let bench = Bench::with(&["a"]).await;
    let all: Vec<_> = (0..64).map(|_| bench.dispatch.watch(VsId::ROOT).unwrap()).collect();
    assert!(bench.dispatch.watch(VsId::ROOT).is_err());
    drop(all);
    assert!(bench.dispatch.watch(VsId::ROOT).is_ok());
}

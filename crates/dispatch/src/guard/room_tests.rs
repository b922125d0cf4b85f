//! The guard in its room: what it finds is refused, kept and told, under a held clock.

use super::*;
use crate::testing::{Bench, request};
use crate::words::{Refusal, Request};
use std::time::Duration;
use textgate_sms::Kind;
use tokio::time::sleep;

fn passcode(to: &str) -> Request {
    Request { to: to.to_owned(), kind: Some(Kind::Otp), ..request() }
}

/// A bench whose virtual server has told of enough conversions.
async fn bench(rules: GuardRules) -> Bench {
    let bench = Bench::with(&["a", "b"]).await;
    bench.dispatch.put_guard("test", VsId::ROOT, Some(rules)).await.unwrap();
    for n in 0..TOLD_ENOUGH {
        let id = bench.accept_as(passcode(&format!("1212555{:04}", n * 37))).await;
        bench.settle().await;
        sleep(Duration::from_secs(20)).await;
        bench.dispatch.message_converted(VsId::ROOT, id).await.unwrap();
    }
    bench
}

async fn try_one(bench: &Bench, to: &str) -> Result<(), Refusal> {
    bench.dispatch.accept(VsId::ROOT, vec![passcode(to)]).await.remove(0).map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_range_whose_codes_are_not_entered_is_blocked_kept_and_told() {
    let bench = bench(GuardRules::default()).await;
    for n in 0..19 {
        try_one(&bench, &format!("491573123{n:04}")).await.unwrap();
    }
    sleep(Duration::from_secs(300)).await;
    let refused = try_one(&bench, "4915731239999").await.unwrap_err();
    assert_eq!(refused, Refusal::TooManyPasscodes { retry_after_s: RANGE_WAIT_S });
    try_one(&bench, "4915731339999").await.unwrap();
    let kept = bench.store.guard_blocks.lock().unwrap().clone();
    assert_eq!((kept.len(), kept[0].range, kept[0].times), (1, 491_573_123, 1));
    assert_eq!(kept[0].until_ms - kept[0].began_ms, 3_600_000);
    let told = bench.store.notes.lock().unwrap().clone();
    assert_eq!((told.len(), &*told[0].actor), (1, "fraud guard"));
    assert!(told[0].action.contains("begin with 491573123 for 60 minutes"), "{}", told[0].action);
    assert_eq!(bench.dispatch.guard_blocks(VsId::ROOT).unwrap()[0].country.unwrap().as_str(), "DE");
    // It ends by itself, and is blocked sooner and for longer when it goes on.
    sleep(Duration::from_secs(3_601)).await;
    for n in 0..4 {
        try_one(&bench, &format!("491573123{:04}", 100 + n)).await.unwrap();
    }
    try_one(&bench, "4915731239998").await.unwrap_err();
    sleep(Duration::from_secs(300)).await;
    try_one(&bench, "4915731239998").await.unwrap_err();
    let kept = bench.store.guard_blocks.lock().unwrap().clone();
    assert_eq!((kept.len(), kept[0].times, kept[0].until_ms - kept[0].began_ms), (1, 2, 4 * 3_600_000));
}

#[tokio::test(start_paused = true)]
async fn a_released_range_is_open_again_and_who_released_it_is_told() {
    let bench = bench(GuardRules::default()).await;
    for n in 0..19 {
        try_one(&bench, &format!("491573123{n:04}")).await.unwrap();
    }
    sleep(Duration::from_secs(300)).await;
    try_one(&bench, "4915731239999").await.unwrap_err();
    bench.dispatch.release_guard_block("ada", VsId::ROOT, "491573123").await.unwrap();
    for n in 0..40 {
        try_one(&bench, &format!("491573123{:04}", 200 + n)).await.unwrap();
    }
    let told = bench.store.notes.lock().unwrap().clone();
    assert_eq!((&*told[1].actor, told[1].action.contains("released")), ("ada", true));
    for wrong in ["491573123", "", "x", "99999999999999999999"] {
        assert!(bench.dispatch.release_guard_block("ada", VsId::ROOT, wrong).await.is_err(), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_entered_a_code_before_gets_one_whatever_happens_around() {
    let bench = bench(GuardRules::default()).await;
    let known = "4915731235555";
    let id = bench.accept_as(passcode(known)).await;
    bench.settle().await;
    bench.dispatch.message_converted(VsId::ROOT, id).await.unwrap();
    for n in 0..40 {
        let _ = try_one(&bench, &format!("491573123{n:04}")).await;
    }
    try_one(&bench, "4915731239999").await.unwrap_err();
    try_one(&bench, known).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_put_again_write_nothing_and_what_is_no_passcode_is_not_judged() {
    let rules = GuardRules { countries: vec![Country::parse("FR").unwrap()], ..GuardRules::default() };
    let bench = Bench::with(&["a"]).await;
    bench.dispatch.put_guard("test", VsId::ROOT, Some(rules.clone())).await.unwrap();
    let before = bench.store.directory.lock().unwrap().guard_rules.clone();
    bench.dispatch.put_guard("test", VsId::ROOT, Some(rules)).await.unwrap();
    assert_eq!(bench.store.directory.lock().unwrap().guard_rules, before);
    assert_eq!(try_one(&bench, "4915731239999").await, Err(Refusal::NumberRefused));
    bench.accept_as(Request { to: "4915731239999".into(), ..request() }).await;
    let judged = Request { was_judged: true, ..passcode("4915731239999") };
    bench.accept_as(judged).await;
}

//! A line's life: unplugged, hung, without a network or a SIM, and back.

use super::kit::{
    bench, bench_of, desk, desk_with, environment, eventually, is_up, message, modems, timing, up,
};
use crate::modem::gateway::Modem as Gateway;
use crate::test_bench::Bench;
use crate::{Environment, Health, PinNotes};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use textgate_simulator::{Cure, ModemBehaviour, ModemOptions, Registration, Turn};
use textgate_sms::OutcomeClass::{Sent, Unavailable};

async fn sends(bench: &mut Bench) {
    bench.submit(message("x"));
    let outcome = bench.outcome().await;
    assert_eq!(outcome.class, Sent, "{}", outcome.detail);
}

async fn is_down(bench: &Bench, word: &str) {
    bench.work.until(|health| matches!(health, Health::Down { reason, .. } if reason.contains(word))).await;
}

#[tokio::test]
async fn a_modem_that_is_unplugged_is_down_and_used_again_when_it_is_back() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    sends(&mut bench).await;
    desk.modem.unplug().await.unwrap();
    is_down(&bench, "").await;
    desk.modem.replug().await.unwrap();
    sends(&mut bench).await;
}

#[tokio::test]
async fn a_modem_that_is_plugged_in_later_is_found() {
    let desk = desk(ModemBehaviour::default()).await;
    desk.modem.unplug().await.unwrap();
    let mut bench = bench(&desk, json!({}));
    is_down(&bench, "plugged in").await;
    desk.modem.replug().await.unwrap();
    sends(&mut bench).await;
}

#[tokio::test]
async fn a_modem_that_hangs_while_it_is_idle_is_noticed_and_reset() {
    for cure in [Cure::Reopen, Cure::Cfun] {
        let desk = desk(ModemBehaviour::default()).await;
        let mut bench = up(&desk, json!({})).await;
        desk.modem.once("+CSQ", Turn::Hang(cure));
        is_down(&bench, "does not answer").await;
        sends(&mut bench).await;
    }
}

#[tokio::test]
async fn a_modem_that_answers_nothing_even_when_it_is_opened_anew_is_reset() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    let is_reset = Arc::new(AtomicBool::new(false));
    desk.modem.change(|behaviour| {
        behaviour.decide = Some(Arc::new(move |request| {
            is_reset.fetch_or(request.name == "+CFUN", Ordering::SeqCst);
            (!is_reset.load(Ordering::SeqCst)).then_some(Turn::Ignore)
        }));
    });
    is_down(&bench, "does not answer").await;
    sends(&mut bench).await;
    assert_eq!(desk.modem.counters().resets, 1);
}

#[tokio::test]
async fn without_a_network_the_gateway_is_down_and_searches_and_comes_back() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    desk.modem.register(Registration::Searching);
    is_down(&bench, "searching").await;
    let status = bench.gateway.lines().remove(0);
    assert_eq!((status.health, status.registration, status.operator), ("down", "searching", None));
    eventually("a new search", || desk.modem.lines().iter().any(|line| line == "AT+COPS=0")).await;
    bench.submit(message("waits"));
    desk.modem.register(Registration::Roaming);
    assert_eq!(bench.outcome().await.class, Sent);
    assert_eq!(bench.gateway.lines()[0].registration, "roaming");
}

#[tokio::test]
async fn a_network_that_refuses_the_sim_needs_a_person() {
    let desk = desk(ModemBehaviour::default()).await;
    desk.modem.register(Registration::Denied);
    let bench = bench(&desk, json!({}));
    bench.work.until(|health| matches!(health, Health::Down { is_account: true, .. })).await;
}

#[tokio::test]
async fn without_a_network_for_long_the_modem_is_started_anew() {
    let desk = desk(ModemBehaviour::default()).await;
    desk.modem.register(Registration::None);
    let mut modems = modems(&desk.device, json!({}));
    modems.timing.reset_after = timing().search_after;
    let mut bench = bench_of(modems);
    eventually("a reset", || desk.modem.counters().resets > 0).await;
    desk.modem.register(Registration::Home);
    sends(&mut bench).await;
}

#[tokio::test]
async fn a_modem_that_restarts_by_itself_is_set_up_anew() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut bench = up(&desk, json!({})).await;
    desk.modem.say(b"\r\nRDY\r\n");
    is_down(&bench, "started anew").await;
    sends(&mut bench).await;
}

#[tokio::test]
async fn what_a_modem_is_and_how_it_is_is_told() {
    let desk = desk(ModemBehaviour::default()).await;
    desk.modem.set_signal(20);
    let mut bench = up(&desk, json!({})).await;
    sends(&mut bench).await;
    let lines = bench.gateway.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((line.health, line.sim, line.registration), ("up", "ready", "home"));
    assert_eq!(line.line, desk.device);
    assert_eq!(line.model.as_deref(), Some("Textgate Simulated modem"));
    assert_eq!((line.operator.as_deref(), line.signal_dbm), (Some("Test network"), Some(-73)));
    assert_eq!(line.segments_sent, 1);
}

#[tokio::test]
async fn a_modem_without_a_sim_needs_a_person_and_one_of_a_pool_that_fails_is_passed_over() {
    let bad = desk_with(ModemOptions { sim: None, ..ModemOptions::default() }).await;
    let good = desk(ModemBehaviour::default()).await;
    let mut bench = bench_of(modems(&format!("{}, {}", bad.device, good.device), json!({})));
    for _ in 0..5 {
        sends(&mut bench).await;
    }
    eventually("the bad one's state", || bench.gateway.lines()[0].health == "down").await;
    let lines = bench.gateway.lines();
    assert_eq!((lines[0].sim, lines[1].health), ("missing", "up"));
    assert!(lines[0].reason.as_ref().unwrap().contains("no SIM"), "{lines:?}");
    assert!(!bench.work.health_so_far().iter().any(|health| matches!(health, Health::Down { .. })));
    good.modem.unplug().await.unwrap();
    bench.work.until(|health| matches!(health, Health::Down { .. })).await;
}

#[tokio::test]
async fn only_devices_that_the_service_provider_allows_are_opened() {
    let desk = desk(ModemBehaviour::default()).await;
    let none = Environment { devices: crate::DeviceGuard::default(), ..environment(PinNotes::default()) };
    let bench = Bench::with(Arc::new(Gateway::new(modems(&desk.device, json!({})), &none)));
    is_down(&bench, "devices.allow").await;
    let guarded = Environment { network: crate::NetworkGuard::default(), ..environment(PinNotes::default()) };
    let bench = Bench::with(Arc::new(Gateway::new(modems("tcp://127.0.0.1:4001", json!({})), &guarded)));
    is_down(&bench, "network.allow").await;
    assert_eq!(desk.modem.counters().opened, 0);
}

#[tokio::test]
async fn two_gateways_do_not_share_a_line() {
    let desk = desk(ModemBehaviour::default()).await;
    let mut first = up(&desk, json!({})).await;
    let second = bench(&desk, json!({}));
    is_down(&second, "another gateway").await;
    sends(&mut first).await;
    assert!(second.gateway.lines()[0].health == "down" && Unavailable != Sent);
    is_up(&first).await;
}

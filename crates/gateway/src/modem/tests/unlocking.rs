//! A SIM's PIN is sent once, and a wrong one never again.

use super::kit::{Desk, desk_with, environment, eventually, message, modems, soon};
use crate::modem::gateway::Modem as Gateway;
use crate::test_bench::Bench;
use crate::{Health, PinNotes};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use textgate_simulator::{ModemOptions, Sim, SimLock, Turn};
use textgate_sms::OutcomeClass::Sent;

async fn locked() -> Desk {
    let sim = Sim { pin: Some("4711".into()), ..Sim::default() };
    desk_with(ModemOptions { sim: Some(sim), ..ModemOptions::default() }).await
}

/// A gateway with this PIN, and notes in this file.
fn bench(desk: &Desk, pin: &str, notes: &Path) -> Bench {
    let pins = PinNotes::open(notes, b"key").unwrap();
    Bench::with(Arc::new(Gateway::new(modems(&desk.device, json!({ "pin": pin })), &environment(pins))))
}

async fn refused(bench: &Bench, word: &str) {
    let wanted = |health: &Health| matches!(health, Health::Down { reason, is_account: true } if reason.contains(word));
    bench.work.until(wanted).await;
}

fn pins_sent(desk: &Desk) -> usize {
    desk.modem.lines().iter().filter(|line| line.starts_with("AT+CPIN=")).count()
}

#[tokio::test]
async fn a_right_pin_unlocks_and_is_forgotten() {
    let (desk, dir) = (locked().await, tempfile::tempdir().unwrap());
    let notes = dir.path().join("modem-pins");
    let mut bench = bench(&desk, "4711", &notes);
    bench.submit(message("x"));
    assert_eq!(bench.outcome().await.class, Sent);
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "");
}

#[tokio::test]
async fn a_wrong_pin_is_sent_once_over_retries_and_starts() {
    let (desk, dir) = (locked().await, tempfile::tempdir().unwrap());
    let notes = dir.path().join("modem-pins");
    for _ in 0..3 {
        let bench = bench(&desk, "0000", &notes);
        refused(&bench, "refused").await;
        bench.stop.cancel();
        bench.ended().await;
    }
    assert_eq!((pins_sent(&desk), desk.modem.tries_left()), (1, Some((2, 10))));
    // Another one is another try.
    let other = bench(&desk, "0001", &notes);
    refused(&other, "refused").await;
    other.stop.cancel();
    other.ended().await;
    assert_eq!(desk.modem.tries_left(), Some((1, 10)));
    // And the last one is left to a person, even where it would be right.
    let last = bench(&desk, "4711", &notes);
    refused(&last, "1 tries left").await;
    assert_eq!(pins_sent(&desk), 2);
    assert_eq!(desk.modem.sim_lock(), Some(SimLock::Pin));
}

#[tokio::test]
async fn a_pin_whose_answer_is_lost_is_not_counted_as_wrong() {
    let (desk, dir) = (locked().await, tempfile::tempdir().unwrap());
    desk.modem.once("+CPIN", Turn::Interrupt(Vec::new()));
    desk.modem.once("+CPIN", Turn::LoseAnswer);
    let mut bench = bench(&desk, "4711", &dir.path().join("modem-pins"));
    bench.submit(message("x"));
    assert_eq!(bench.outcome().await.class, Sent);
    assert_eq!(pins_sent(&desk), 1);
}

#[tokio::test]
async fn without_a_pin_none_is_sent_and_a_blocked_sim_is_told() {
    let (desk, dir) = (locked().await, tempfile::tempdir().unwrap());
    let none = bench(&desk, "", &dir.path().join("modem-pins"));
    refused(&none, "enter it as SIM PIN").await;
    eventually("its state", || none.gateway.lines()[0].sim == "pin_required").await;
    assert_eq!(pins_sent(&desk), 0);
    soon("end", async { none.stop.cancel() }).await;
}

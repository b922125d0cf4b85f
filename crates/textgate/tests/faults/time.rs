//! The wall clock is set, the machine sleeps, summer begins: nothing expired is sent, nothing is sent twice, what is due leaves.

use crate::kit::{PATIENCE, PHONE, Server, eventually, manifest, smpp, smsc};
use crate::shim::{Shim, Word};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use textgate_simulator::Smsc;

const HOUR_MS: i64 = 3_600_000;

/// A server whose wall clock can be set.
struct Clocked {
    server: Server,
    shim: Shim,
    smsc: Smsc,
}

impl Clocked {
    async fn new() -> Self {
        let smsc = smsc().await;
        let mut server = Server::stopped();
        server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
        let shim = Shim::new(&server);
        server.serve_by(shim.command(&server)).await;
        let clocked = Self { server, shim, smsc };
        clocked.until_up().await;
        clocked
    }

    async fn until_up(&self) {
        self.server.api().until_gateway("main", "up").await;
    }

    fn set_clock(&self, offset_ms: i64) {
        self.shim.set(Word::WallOffsetMs, offset_ms);
    }

    /// Starts it anew, after kill -9.
    async fn restart(&mut self) {
        self.server.kill();
        self.server.serve_by(self.shim.command(&self.server)).await;
    }

    async fn send(&self, text: &str, more: Value) -> String {
        let mut body = json!({"to": PHONE, "text": text});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.api().send(body).await
    }

    async fn until(&self, id: &str, status: &str) {
        self.server.api().until(id, status).await;
    }

    async fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.server.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// A message that wakes whatever sleeps until the time that a clock of before has said.
    async fn nudge(&self) {
        let id = self.send("nudge", json!({"send_at": self.now_in(200)})).await;
        self.until(&id, "delivered").await;
    }

    /// The server's wall clock in so many milliseconds.
    fn now_in(&self, ms: i64) -> String {
        let now = Timestamp::now().as_millisecond() + self.shim.get(Word::WallOffsetMs);
        Timestamp::from_millisecond(now + ms).unwrap().to_string()
    }

    fn texts(&self) -> Vec<String> {
        self.smsc
            .messages()
            .iter()
            .map(|message| message.text.clone())
            .filter(|text| text != "nudge")
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_expires_what_is_too_late_and_nothing_else() {
    let clocked = Clocked::new().await;
    clocked.smsc.stop().await;
    let late = clocked.send("late", json!({"kind": "otp", "validity_s": 600})).await;
    let good = clocked.send("good", json!({"validity_s": 86_400})).await;
    clocked.set_clock(HOUR_MS);
    clocked.smsc.start_again().await.unwrap();
    clocked.until(&late, "expired").await;
    clocked.until(&good, "delivered").await;
    assert_eq!(clocked.texts(), ["good"]);
    // And back again.
    clocked.set_clock(0);
    let after = clocked.send("after", json!({"kind": "otp"})).await;
    clocked.until(&after, "delivered").await;
    assert!(after > good, "ids go on rising");
    assert_eq!(clocked.texts(), ["good", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_lengthens_no_validity_and_stops_no_timer() {
    let clocked = Clocked::new().await;
    clocked.smsc.stop().await;
    let late = clocked.send("late", json!({"kind": "otp", "validity_s": 2})).await;
    let good = clocked.send("good", json!({"validity_s": 600})).await;
    clocked.set_clock(-HOUR_MS);
    // By the steady clock, which nobody sets.
    clocked.until(&late, "expired").await;
    clocked.smsc.start_again().await.unwrap();
    clocked.until(&good, "delivered").await;
    assert_eq!(clocked.texts(), ["good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_before_a_start_lengthens_no_validity_either() {
    let mut clocked = Clocked::new().await;
    clocked.smsc.stop().await;
    let late = clocked.send("late", json!({"kind": "otp", "validity_s": 3})).await;
    clocked.set_clock(-HOUR_MS);
    clocked.restart().await;
    clocked.until(&late, "expired").await;
    clocked.smsc.start_again().await.unwrap();
    clocked.until_up().await;
    let good = clocked.send("good", json!({})).await;
    clocked.until(&good, "delivered").await;
    assert_eq!(clocked.texts(), ["good"]);
    assert!(good > late, "ids go on rising");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_clock_is_set_a_key_stands_for_its_message_and_a_receipt_finds_its_own() {
    let mut clocked = Clocked::new().await;
    let body = json!({"to": PHONE, "text": "once", "validity_s": 600_000});
    // Receipts come when the clock shows something else.
    clocked.smsc.change(|behaviour| behaviour.receipts.delay = Duration::from_millis(700));
    let first = clocked.server.api().post_once("a-key", &body).await.expect(202);
    let id = first["id"].as_str().unwrap().to_owned();
    clocked.until(&id, "sent").await;
    for (offset, restarts) in
        [(-HOUR_MS, false), (HOUR_MS, false), (-20 * HOUR_MS, true), (20 * HOUR_MS, true), (0, true)]
    {
        clocked.set_clock(offset);
        if restarts {
            clocked.restart().await;
        }
        let again = clocked.server.api().post_once("a-key", &body).await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{offset}: {}", again.text);
        assert_eq!(again.body["id"], id.as_str());
        clocked.until(&id, "delivered").await;
    }
    assert_eq!(clocked.texts(), ["once"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_message_leaves_when_the_wall_clock_says_so_and_once() {
    let clocked = Clocked::new().await;
    let soon = clocked.send("in an hour", json!({"send_at": clocked.now_in(HOUR_MS)})).await;
    let later = clocked.send("in three hours", json!({"send_at": clocked.now_in(3 * HOUR_MS)})).await;
    clocked.set_clock(-HOUR_MS);
    clocked.nudge().await;
    assert_eq!(clocked.texts().len(), 0);
    clocked.set_clock(HOUR_MS + 1_000);
    clocked.nudge().await;
    clocked.until(&soon, "delivered").await;
    clocked.set_clock(0);
    clocked.nudge().await;
    assert_eq!(clocked.texts(), ["in an hour"]);
    assert_eq!(clocked.server.api().message(&later).await["status"], "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long form: it waits for half a minute"]
async fn a_scheduled_message_leaves_within_half_a_minute_of_a_jump_without_anything_else_happening() {
    let clocked = Clocked::new().await;
    let id = clocked.send("in an hour", json!({"send_at": clocked.now_in(HOUR_MS)})).await;
    clocked.set_clock(HOUR_MS);
    let arrived = clocked.smsc.wait_for(2 * PATIENCE, |all| !all.is_empty()).await;
    assert_eq!(arrived.unwrap().len(), 1);
    clocked.until(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_hour_of_sleep_what_is_too_late_stays_and_the_rest_leaves_once() {
    let clocked = Clocked::new().await;
    // Under way and without an answer when it falls asleep; behind it some that have not left.
    clocked.smsc.stop().await;
    let late = clocked.send("late", json!({"kind": "otp", "validity_s": 300})).await;
    let good = clocked.send("good", json!({"kind": "text"})).await;
    let due = clocked.send("due", json!({"send_at": clocked.now_in(HOUR_MS / 2)})).await;
    // A machine that sleeps: its processes stop, its steady clock too, its wall clock goes on, its peers give up.
    clocked.signal("-STOP").await;
    clocked.set_clock(HOUR_MS);
    clocked.smsc.start_again().await.unwrap();
    clocked.signal("-CONT").await;
    clocked.nudge().await;
    clocked.until(&good, "delivered").await;
    clocked.until(&due, "delivered").await;
    clocked.until(&late, "expired").await;
    let mut texts = clocked.texts();
    texts.sort();
    assert_eq!(texts, ["due", "good"]);
    let code = clocked.send("code", json!({"kind": "otp"})).await;
    clocked.until(&code, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asleep_with_messages_under_way_it_finds_its_peers_gone_and_connects_again() {
    let clocked = Clocked::new().await;
    clocked.smsc.change(|behaviour| behaviour.answer_delay = Duration::from_secs(20));
    let under_way = clocked.send("under way", json!({"kind": "text"})).await;
    clocked.smsc.wait_for_submits(PATIENCE, |all| all.len() == 1).await.unwrap();
    clocked.signal("-STOP").await;
    clocked.set_clock(HOUR_MS);
    clocked.smsc.stop().await;
    clocked.smsc.change(|behaviour| behaviour.answer_delay = Duration::ZERO);
    clocked.smsc.start_again().await.unwrap();
    clocked.signal("-CONT").await;
    // It was written and never answered: it is sent again, and counted as a possible double.
    clocked.until(&under_way, "delivered").await;
    assert_eq!(clocked.texts().len(), 2);
    let metrics = clocked.server.metrics().await;
    assert_eq!(crate::kit::metric(&metrics, "textgate_possible_duplicates_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_summer_begins_a_message_leaves_at_its_instant_whatever_the_zone_calls_it() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let shim = Shim::new(&server);
    // 2 s before clocks in Berlin go from 01:59:59 to 03:00:00.
    let change: Timestamp = "2027-03-28T01:00:00Z".parse().unwrap();
    shim.set(Word::WallOffsetMs, change.as_millisecond() - 2_000 - Timestamp::now().as_millisecond());
    let mut command = shim.command(&server);
    command.env("TZ", "Europe/Berlin");
    server.serve_by(command).await;
    let clocked = Clocked { server, shim, smsc };
    clocked.until_up().await;
    let begin = std::time::Instant::now();
    let mut ids = Vec::new();
    for send_at in ["2027-03-28T03:00:01+02:00", "2027-03-28T02:00:01+01:00", "2027-03-28T01:00:01Z"] {
        ids.push(clocked.send(send_at, json!({"send_at": send_at})).await);
    }
    for id in &ids {
        clocked.until(id, "delivered").await;
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "not an hour late");
    let shown = clocked.server.api().message(&ids[0]).await;
    assert!(shown.to_string().contains("2027-03-28T01:00:01"), "{shown:#}");
    // No more than one each, also after the clock has gone on.
    eventually("the clock is past it", async || {
        let now = Timestamp::now().as_millisecond() + clocked.shim.get(Word::WallOffsetMs);
        (now > change.as_millisecond() + 2_000).then_some(())
    })
    .await;
    clocked.nudge().await;
    assert_eq!(clocked.texts().len(), 3);
}

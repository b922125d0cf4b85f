//! Webhooks: whoever asks for it is told each change, signed, at least once, and of one message in order.

mod alerts;
mod nodes;
pub mod receiver;

use crate::kit::{Api, PHONE, Server, eventually, manifest, metric, smpp, smsc, smsc_that};
use receiver::{Does, Received, Receiver};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use textgate_simulator::{Behaviour, Smsc};

/// Pauses that a test can wait for.
const SHORT: &str = "[network]\nallow = [\"127.0.0.0/8\"]\n\
                     [webhooks]\nfirst_pause_ms = 20\nlongest_pause_ms = 200\ntimeout_ms = 1000\n";
const MESSAGE_EVENTS: [&str; 6] = [
    "message.sent",
    "message.delivered",
    "message.undelivered",
    "message.failed",
    "message.expired",
    "message.cancelled",
];

async fn server(smsc: &Smsc, config: &str) -> Server {
    serving(Server::stopped_with(config), smsc).await
}

async fn serving(mut server: Server, smsc: &Smsc) -> Server {
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    server
}

/// A webhook at this receiver, told of these events: its number and its secret.
async fn webhook(api: &Api, receiver: &Receiver, events: &[&str]) -> (u64, String) {
    let made = api.post("/v1/webhooks", json!({ "url": receiver.url(), "events": events })).await.expect(201);
    (made["webhook"]["id"].as_u64().unwrap(), made["secret"].as_str().unwrap().to_owned())
}

async fn send(api: &Api) -> String {
    api.send(json!({ "to": PHONE, "text": "Your code is 493817", "kind": "otp", "reference": "r-1" })).await
}

/// The states that one message's events told, in the order in which they came.
fn of_message(taken: &[Received], id: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let told = taken.iter().filter(|one| one.told().1 == id);
    told.filter(|one| seen.insert(one.id().to_owned())).map(|one| one.told().0).collect()
}

async fn status(api: &Api, id: u64) -> String {
    api.get(&format!("/v1/webhooks/{id}")).await.expect(200)["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_change_is_told_signed_without_the_text() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Takes).await);
    let (id, secret) = webhook(&api, &receiver, &MESSAGE_EVENTS).await;
    let message = send(&api).await;
    let taken = receiver.until_taken(2).await;
    assert_eq!(of_message(&taken, &message), ["message.sent", "message.delivered"]);
    let data = &taken[0].body["data"];
    assert_eq!((&data["to"], &data["kind"], &data["status"]), (&json!(PHONE), &json!("otp"), &json!("sent")));
    assert_eq!((&data["reference"], &data["segments"]), (&json!("r-1"), &json!(1)));
    for one in &taken {
        assert!(!one.text.contains("493817"), "{}", one.text);
        if let Some(verified) = one.verified(&secret) {
            assert_eq!(verified, "ok");
            let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            assert_ne!(one.verified(other).unwrap(), "ok", "another secret does not verify it");
        }
    }
    // The log tells it as well, and the secret is told nowhere again.
    let log = eventually("the log has it", async || {
        let log = api.get(&format!("/v1/webhooks/{id}/events")).await.expect(200);
        log["events"].as_array().unwrap().iter().all(|event| event["state"] == "delivered").then_some(log)
    })
    .await;
    assert_eq!(log["events"].as_array().unwrap().len(), 2, "{log:#}");
    assert_eq!(log["events"][0]["answer"], "HTTP 204");
    assert_eq!(log["events"][1]["message"], message);
    let all = api.get("/v1/webhooks").await;
    assert!(!all.text.contains("whsec_") && !server.log().contains("whsec_"), "{}", all.text);
    let metrics = server.metrics().await;
    assert_eq!(metric(&metrics, "textgate_webhook_attempts_total", &["delivered"]), 2.0);
}

#[tokio::test]
async fn a_receiver_that_is_down_slow_wrong_or_breaks_off_gets_everything_in_order() {
    let smsc = smsc().await;
    everything_gets_through(server(&smsc, SHORT).await).await;
}

/// Whatever a receiver does meanwhile, it gets each event at least once, and those of one message in order.
async fn everything_gets_through(server: Server) {
    let (api, mut receiver) = (server.api(), Receiver::start(Does::Answers(500)).await);
    let (id, secret) = webhook(&api, &receiver, &MESSAGE_EVENTS).await;
    let mut messages = Vec::new();
    for does in [Does::Answers(500), Does::HangsUp, Does::BreaksOff, Does::Waits(Duration::from_secs(3))] {
        receiver.now(does);
        for _ in 0..10 {
            messages.push(api.send(json!({ "to": PHONE, "text": "hello" })).await);
        }
        let before = receiver.received().len();
        eventually("it was asked in vain", async || (receiver.received().len() > before).then_some(())).await;
    }
    receiver.goes_down();
    for _ in 0..10 {
        messages.push(api.send(json!({ "to": PHONE, "text": "hello" })).await);
    }
    eventually("nobody is there", async || {
        let log = api.get(&format!("/v1/webhooks/{id}/events?limit=200")).await.expect(200);
        let mut answers = log["events"].as_array().unwrap().iter().map(|event| event["answer"].to_string());
        answers.any(|answer| answer.contains("connect")).then_some(())
    })
    .await;
    receiver.comes_back().await;
    let all = eventually("everything arrives", async || {
        let taken = receiver.taken();
        let is_complete = messages.iter().all(|id| of_message(&taken, id).len() == 2);
        is_complete.then_some(taken)
    })
    .await;
    for id in &messages {
        assert_eq!(of_message(&all, id), ["message.sent", "message.delivered"]);
    }
    if let Some(verified) = all.last().unwrap().verified(&secret) {
        assert_eq!(verified, "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_over_kill_9() {
    let smsc = smsc_that(again()).await;
    nothing_is_lost_over_kill_9(server(&smsc, SHORT).await).await;
}

/// An SMSC that sends a receipt again which was not acknowledged, as they do: what is missing then was lost by textgate.
fn again() -> Behaviour {
    Behaviour { redeliver_after: Some(Duration::from_millis(50)), ..Behaviour::default() }
}

async fn nothing_is_lost_over_kill_9(mut server: Server) {
    let receiver = Receiver::start(Does::Takes).await;
    webhook(&server.api(), &receiver, &MESSAGE_EVENTS).await;
    let mut messages = Vec::new();
    for round in 1..=4 {
        let api = server.api();
        receiver.now(if round == 2 { Does::Answers(503) } else { Does::Takes });
        let sent: Vec<_> = (0..40)
            .map(|_| {
                let api = api.clone();
                tokio::spawn(async move { api.send(json!({ "to": PHONE, "text": "hello" })).await })
            })
            .collect();
        for one in sent {
            messages.push(one.await.unwrap());
        }
        // In the middle of it, wherever that is.
        server.kill();
        server.serve().await;
    }
    receiver.now(Does::Takes);
    let both = ["message.sent", "message.delivered"];
    eventually("everything arrives", async || {
        let taken = receiver.taken();
        messages.iter().all(|id| of_message(&taken, id) == both).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_that_is_gone_is_switched_off_and_what_it_was_owed_waits() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Answers(410)).await);
    let (id, _) = webhook(&api, &receiver, &["message.sent"]).await;
    let first = send(&api).await;
    eventually("it is gone", async || (status(&api, id).await == "gone").then_some(())).await;
    let unheard = send(&api).await;
    api.until(&unheard, "delivered").await;
    receiver.now(Does::Takes);
    let on = json!({ "enabled": true });
    assert_eq!(api.patch(&format!("/v1/webhooks/{id}"), on).await.expect(200)["status"], "on");
    let taken = receiver.until_taken(1).await;
    assert_eq!(of_message(&taken, &first), ["message.sent"]);
    assert_eq!(
        of_message(&taken, &unheard),
        Vec::<String>::new(),
        "what happened while it was off is not owed"
    );
}

#[tokio::test]
async fn what_is_not_taken_for_days_is_given_up_the_endpoint_marked_and_the_event_can_be_replayed() {
    let smsc = smsc().await;
    let server = server(&smsc, &format!("{SHORT}given_up_after_s = 0\n")).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Answers(500)).await);
    let (id, _) = webhook(&api, &receiver, &["message.sent"]).await;
    let message = send(&api).await;
    eventually("it is failing", async || (status(&api, id).await == "failing").then_some(())).await;
    let address = format!("/v1/webhooks/{id}/events");
    let event = eventually("it is given up", async || {
        let log = api.get(&address).await.expect(200);
        (log["events"][0]["state"] == "given_up").then(|| log["events"][0].clone())
    })
    .await;
    assert_eq!((&event["answer"], &event["message"]), (&json!("HTTP 500"), &json!(message)));
    receiver.now(Does::Takes);
    let replay = format!("/v1/webhooks/{id}/replay");
    let one = api.post(&replay, json!({ "event": event["id"] })).await.expect(202);
    assert_eq!(one["events"], 1);
    let taken = receiver.until_taken(1).await;
    assert_eq!(taken[0].id(), event["id"].as_str().unwrap(), "under the id that it had");
    eventually("it is well again", async || (status(&api, id).await == "on").then_some(())).await;
    eventually("it is delivered", async || {
        let log = api.get(&address).await.expect(200);
        (log["events"][0]["state"] == "delivered").then_some(())
    })
    .await;
    let since = api.post(&replay, json!({ "since": 1_700_000_000 })).await.expect(202);
    assert_eq!(since["events"], 1);
    receiver.until_taken(2).await;
    api.post(&replay, json!({})).await.expect_problem(400, "invalid-request");
    api.post(&replay, json!({ "event": "evt_ff_0000000000000001" }))
        .await
        .expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn a_new_secret_signs_beside_the_one_before() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Takes).await);
    let (id, before) = webhook(&api, &receiver, &["message.sent"]).await;
    let rotated = api.post(&format!("/v1/webhooks/{id}/secret"), json!({})).await.expect(200);
    let now = rotated["secret"].as_str().unwrap();
    assert_ne!(now, before);
    assert!(rotated["webhook"]["former_secret_until"].is_string());
    send(&api).await;
    let taken = receiver.until_taken(1).await;
    assert_eq!(taken[0].headers["webhook-signature"].split(' ').count(), 2);
    for secret in [now, &before] {
        if let Some(verified) = taken[0].verified(secret) {
            assert_eq!(verified, "ok");
        }
    }
}

/// Its secrets are sealed anew with all else, and nothing is left under the key before.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_keys_events_are_signed_with_the_same_secrets() {
    let smsc = smsc().await;
    let mut server = server(&smsc, SHORT).await;
    let receiver = Receiver::start(Does::Takes).await;
    let (id, before) = webhook(&server.api(), &receiver, &["message.sent"]).await;
    let rotated = server.api().post(&format!("/v1/webhooks/{id}/secret"), json!({})).await.expect(200);
    let said = server.cli_ok(&["keys", "rotate"]);
    assert!(said.contains("key 0 is dropped"), "{said}");
    assert!(server.terminate().await);
    server.serve().await;
    send(&server.api()).await;
    let taken = receiver.until_taken(1).await;
    for secret in [rotated["secret"].as_str().unwrap(), &before] {
        if let Some(verified) = taken[0].verified(secret) {
            assert_eq!(verified, "ok");
        }
    }
}

#[tokio::test]
async fn an_endpoint_of_ones_own_network_is_refused_and_tenants_do_not_see_each_others() {
    let smsc = smsc().await;
    let server = server(&smsc, "[network]\nallow = [\"127.0.0.0/8\"]\n").await;
    let api = server.api();
    for url in ["http://10.0.0.1/", "http://169.254.169.254/latest", "ftp://example.com", "nonsense"] {
        let problem = api.post("/v1/webhooks", json!({ "url": url, "events": ["message.sent"] })).await;
        let problem = problem.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["path"], "url", "{problem:#}");
    }
    let receiver = Receiver::start(Does::Takes).await;
    let (id, _) = webhook(&api, &receiver, &["message.sent"]).await;
    let root = server.cli_ok(&["key", "create", "root", "--vs", "/"]);
    let secret = root.split_whitespace().find(|word| word.starts_with("tg_")).unwrap();
    let other = server.api_as(secret);
    assert_eq!(other.get("/v1/webhooks").await.expect(200)["webhooks"], json!([]));
    other.get(&format!("/v1/webhooks/{id}")).await.expect_problem(404, "not-found");
    other.delete(&format!("/v1/webhooks/{id}")).await.expect_problem(404, "not-found");
    other.get(&format!("/v1/webhooks/{id}/events")).await.expect_problem(404, "not-found");
    assert_eq!(api.delete(&format!("/v1/webhooks/{id}")).await.status, 204);
    api.get(&format!("/v1/webhooks/{id}")).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn events_of_one_message_never_overtake_each_other_while_some_are_refused() {
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Takes).await);
    webhook(&api, &receiver, &MESSAGE_EVENTS).await;
    // Every second request of the first ones is refused.
    for n in 0..60 {
        receiver.first(if n % 2 == 0 { Does::Answers(500) } else { Does::Takes });
    }
    let mut messages = BTreeSet::new();
    for _ in 0..40 {
        messages.insert(api.send(json!({ "to": PHONE, "text": "hello" })).await);
    }
    let taken = receiver.until_taken(80).await;
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in taken {
        let (event, message) = one.told();
        told.entry(message).or_default().push(event);
    }
    assert_eq!(told.keys().cloned().collect::<BTreeSet<_>>(), messages);
    for (message, events) in told {
        assert_eq!(events, ["message.sent", "message.delivered"], "{message}");
    }
}

/// What is told of an event that nothing is left of, and of one that is: only the words there are.
#[tokio::test]
async fn what_the_guide_shows_is_what_is_sent() {
    let guide = include_str!("../../../../../docs/webhooks.md");
    let smsc = smsc().await;
    let server = server(&smsc, SHORT).await;
    let (api, receiver) = (server.api(), Receiver::start(Does::Takes).await);
    webhook(&api, &receiver, &["message.sent"]).await;
    send(&api).await;
    let taken = receiver.until_taken(1).await;
    let data = taken[0].body["data"].as_object().unwrap();
    for name in
        data.keys().map(String::as_str).chain(["webhook-id", "webhook-timestamp", "webhook-signature"])
    {
        assert!(guide.contains(&format!("`{name}`")), "{name} is not in the guide");
    }
    for event in MESSAGE_EVENTS {
        assert!(guide.contains(&format!("`{event}`")), "{event} is not in the guide");
    }
    assert!(matches!(&taken[0].body["timestamp"], Value::String(at) if at.ends_with('Z')));
}

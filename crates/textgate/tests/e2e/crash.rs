//! What was accepted is sent, whatever happens to the process.

use super::kit::{Api, KEY, PHONE, Server, Tenant, eventually, manifest, metric, smpp, smsc, smsc_that};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use textgate_simulator::Behaviour;

const SALES: &str = "tg_sales_key_0123456789abcdef";

/// What one caller has: its requests by number with the id that was answered, and the one whose answer never came.
#[derive(Default)]
struct Caller {
    accepted: BTreeMap<u32, String>,
    unanswered: Option<u32>,
}

impl Caller {
    /// Sends one message after the other until the server is gone, first the one that was not answered.
    async fn call(mut self, api: Api, next: Arc<AtomicU32>) -> Self {
        loop {
            let number = self.unanswered.take().unwrap_or_else(|| next.fetch_add(1, Ordering::SeqCst));
            let body = json!({"to": PHONE, "text": format!("message {number}")}).to_string();
            let key = format!("key-{number}");
            let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
            match api.try_ask(reqwest::Method::POST, "/v1/messages", &headers, body).await {
                Ok(answer) => {
                    let body = answer.expect(202);
                    self.accepted.insert(number, body["id"].as_str().unwrap().to_owned());
                }
                Err(_) => {
                    self.unanswered = Some(number);
                    return self;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_under_load_every_accepted_message_arrives_and_doubles_are_few_and_counted() {
    killed_under_load(Server::stopped(), 100).await;
}

/// What must be so whatever the store is. After all the kills at least so many messages are found again.
pub(super) async fn killed_under_load(mut server: Server, found_again: usize) {
    let smsc = smsc_that(Behaviour { answer_delay: Duration::from_millis(25), ..Behaviour::default() }).await;
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: "credits = 1000000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    server.apply(&(manifest(&[smpp("main", smsc.address(), "window = 10")]) + &sales.toml()));
    let next = Arc::new(AtomicU32::new(0));
    let mut callers: Vec<Caller> = (0..8).map(|_| Caller::default()).collect();
    let mut counted = 0;
    for round in 1..=4 {
        server.serve().await;
        let api = server.api_as(SALES);
        let calls: Vec<_> = callers
            .drain(..)
            .map(|caller| tokio::spawn(caller.call(api.clone(), Arc::clone(&next))))
            .collect();
        // In the middle of it, wherever that is.
        let enough = round * 150;
        eventually("it is under load", async || (next.load(Ordering::SeqCst) > enough).then_some(())).await;
        let metrics = server.metrics().await;
        counted += metric(&metrics, "textgate_messages_recovered_total", &[]) as usize;
        counted += metric(&metrics, "textgate_possible_duplicates_total", &[]) as usize;
        server.kill();
        for call in calls {
            callers.push(call.await.unwrap());
        }
    }
    server.serve().await;
    let api = server.api_as(SALES);
    // A caller that got no answer asks again under the same key.
    for caller in &mut callers {
        if let Some(number) = caller.unanswered.take() {
            let body = json!({"to": PHONE, "text": format!("message {number}")});
            let taken = api.post_once(&format!("key-{number}"), &body).await.expect(202);
            caller.accepted.insert(number, taken["id"].as_str().unwrap().to_owned());
        }
    }
    let accepted: BTreeMap<u32, String> = callers.into_iter().flat_map(|caller| caller.accepted).collect();
    let ids: HashSet<&String> = accepted.values().collect();
    assert_eq!(ids.len(), accepted.len());
    let texts: HashSet<String> = accepted.keys().map(|number| format!("message {number}")).collect();
    let arrived = smsc
        .wait_for(super::kit::PATIENCE, |all| {
            let there: HashSet<&str> = all.iter().map(|message| message.text.as_str()).collect();
            texts.iter().all(|text| there.contains(text.as_str()))
        })
        .await
        .expect("every accepted message arrives");
    eventually("nothing waits any more", async || {
        let list = api.get("/v1/messages?status=accepted").await.expect(200);
        list["messages"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    let metrics = server.metrics().await;
    counted += metric(&metrics, "textgate_messages_recovered_total", &[]) as usize;
    counted += metric(&metrics, "textgate_possible_duplicates_total", &[]) as usize;
    let there: HashSet<&str> = arrived.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(there.len(), texts.len(), "nothing arrived that was not accepted in the end");
    let doubles = smsc.messages().len() - texts.len();
    assert!(doubles <= counted, "{doubles} doubles, {counted} counted");
    // A window, and what was answered since the last commit.
    assert!(doubles <= 4 * 40, "{doubles} doubles of {} after 4 crashes", texts.len());
    assert!(counted > found_again, "there was a backlog to be found again: {counted}");
    eprintln!("{} messages, {counted} found again after 4 crashes, {doubles} doubles", texts.len());

    // Paid once each, and each key still stands for its message.
    let (_, used, _) = api.credits().await;
    assert_eq!(used, accepted.len() as u64);
    for (number, id) in accepted.iter().step_by(25) {
        let body = json!({"to": PHONE, "text": format!("message {number}")});
        let again = api.post_once(&format!("key-{number}"), &body).await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(&again.body["id"], id);
        assert!(["sent", "delivered"].contains(&again.body["status"].as_str().unwrap()));
    }
    assert_eq!(api.credits().await.1, used);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sigterm_the_window_is_drained_it_exits_with_0_and_nothing_is_sent_twice() {
    let smsc =
        smsc_that(Behaviour { answer_delay: Duration::from_millis(100), ..Behaviour::default() }).await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "window = 10")])).await;
    let messages: Vec<_> = (0..100).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    let api = server.api();
    api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    smsc.wait_for_submits(super::kit::PATIENCE, |all| all.len() > 20).await.unwrap();
    assert!(server.terminate().await, "it exits with 0:\n{}", server.log());
    let counters = smsc.counters();
    assert_eq!((counters.answered, counters.unbinds), (counters.submits, 1), "drained, then unbound");
    let before = smsc.messages().len();
    assert!(before < 100, "it does not wait for what is not under way");
    server.serve().await;
    smsc.wait_for(super::kit::PATIENCE, |all| all.len() >= 100).await.unwrap();
    let api = server.api_as(KEY);
    eventually("all are delivered", async || {
        let list = api.get("/v1/messages?status=delivered&limit=200").await.expect(200);
        (list["messages"].as_array().unwrap().len() == 100).then_some(())
    })
    .await;
    let texts: HashSet<_> = smsc.messages().iter().map(|message| message.text.clone()).collect();
    assert_eq!((texts.len(), smsc.messages().len()), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_message_outlives_a_crash() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let at = (jiff::Timestamp::now() + Duration::from_secs(2)).to_string();
    let id = server.api().send(json!({"to": PHONE, "text": "later", "send_at": at})).await;
    server.kill();
    assert_eq!(smsc.counters().submits, 0);
    server.serve().await;
    server.api().until(&id, "delivered").await;
    assert_eq!(smsc.messages().len(), 1);
}

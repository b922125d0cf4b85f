//! As fast as the SMSC takes them, and no faster.

use super::kit::{Api, PHONE, Server, eventually, manifest, metric, smpp, smsc, smsc_that};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use textgate_simulator::{Behaviour, Fault, LastAnswer, Smsc};

/// Sends so many texts at once, and waits until all are delivered.
async fn send(api: &Api, count: usize) {
    let messages: Vec<_> = (0..count).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    eventually("all are delivered", async || {
        let page = api.get("/v1/messages?status=delivered&limit=200").await.expect(200);
        (page["messages"].as_array().unwrap().len() == count).then_some(())
    })
    .await;
}

/// How many different texts arrived.
fn arrived(smsc: &Smsc) -> usize {
    smsc.messages().iter().map(|message| message.text.clone()).collect::<HashSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_throughput_that_is_set_is_kept() {
    let smsc = smsc().await;
    let more = "throughput = 50\nwindow = 100";
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), more)])).await;
    send(&server.api(), 120).await;
    let times: Vec<_> = smsc.submits().iter().map(|submit| submit.at).collect();
    let busiest = times.iter().map(|begin| {
        times
            .iter()
            .filter(|at| at.checked_duration_since(*begin).is_some_and(|d| d < Duration::from_secs(1)))
            .count()
    });
    let busiest = busiest.max().unwrap();
    assert!((40..=60).contains(&busiest), "{busiest} in one second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_smsc_that_throttles_gets_everything_and_little_in_vain() {
    let slow = Behaviour { throttle_per_second: Some(60), ..Behaviour::default() };
    let smsc = smsc_that(slow).await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "window = 20")])).await;
    send(&server.api(), 180).await;
    let counters = smsc.counters();
    assert_eq!(smsc.messages().len(), 180, "each arrived once");
    assert!(counters.throttled <= 120, "{} were sent in vain", counters.throttled);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_nothing_and_possible_doubles_are_counted() {
    let breaking = Behaviour {
        fault: Fault::Drop { after: 40, last_answer: LastAnswer::None },
        answer_delay: Duration::from_millis(5),
        ..Behaviour::default()
    };
    let smsc = smsc_that(breaking).await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "window = 10")])).await;
    send(&server.api(), 150).await;
    assert_eq!(arrived(&smsc), 150);
    let counted = metric(&server.metrics().await, "textgate_possible_duplicates_total", &[]);
    let doubles = smsc.messages().len() - 150;
    assert!(doubles as f64 <= counted, "{doubles} doubles, {counted} counted");
    assert!(smsc.counters().binds > 2, "it broke and came back");
}

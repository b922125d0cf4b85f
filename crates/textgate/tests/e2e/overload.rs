//! More than fits is refused, not swallowed; and a stop is bounded whatever others do.

use super::kit::{PHONE, Server, manifest, nobody, smpp, smsc};
use serde_json::json;
use std::time::{Duration, Instant};
use textgate_simulator::{Behaviour, Silence};

const ALLOW: &str = "[network]\nallow = [\"127.0.0.0/8\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn when_as_much_waits_as_is_set_more_is_refused_with_when_to_come_again() {
    let mut server = Server::stopped_with(&format!("{ALLOW}[limits]\nwaiting = 50\n"));
    server.apply(&manifest(&[smpp("main", nobody(), "")]));
    server.serve().await;
    let api = server.api();
    let messages: Vec<_> = (0..60).map(|n| json!({"to": PHONE, "text": format!("message {n}")})).collect();
    let body = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    let results = body["results"].as_array().unwrap();
    // A tenth of it is not for texts.
    let (taken, refused) = results.split_at(45);
    assert!(taken.iter().all(|result| result["status"] == 202), "{body}");
    assert!(refused.iter().all(|result| result["problem"]["type"] == "/problems/busy"), "{body}");
    let answer = api.post_message(json!({"to": PHONE, "text": "one more"})).await;
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    answer.expect_problem(503, "busy");
    api.send(json!({"to": PHONE, "text": "123456", "kind": "otp"})).await;
    // What is called back makes room.
    let id = taken[7]["message"]["id"].as_str().unwrap();
    api.delete(&format!("/v1/messages/{id}")).await.expect(200);
    let id = taken[8]["message"]["id"].as_str().unwrap();
    api.delete(&format!("/v1/messages/{id}")).await.expect(200);
    api.send(json!({"to": PHONE, "text": "one more"})).await;
    api.post_message(json!({"to": PHONE, "text": "and more"})).await.expect_problem(503, "busy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_silent_smsc_longer_than_is_set_and_the_message_goes_out_later() {
    let smsc = smsc().await;
    let mut server = Server::stopped_with(&format!("{ALLOW}[limits]\ndrain_s = 1\n"));
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    server.api().until_gateway("main", "up").await;
    smsc.change(|behaviour| behaviour.silence = Silence::Submits);
    let id = server.api().send(json!({"to": PHONE, "text": "taken without an answer"})).await;
    smsc.wait_for_submits(super::kit::PATIENCE, |all| all.len() == 1).await.unwrap();
    let begin = Instant::now();
    server.terminate().await;
    assert!(begin.elapsed() < Duration::from_secs(12), "{:?}", begin.elapsed());
    smsc.set(Behaviour::default());
    server.serve().await;
    server.api().until(&id, "delivered").await;
}

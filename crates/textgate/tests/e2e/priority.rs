//! A passcode does not wait behind what has more time.

use super::kit::{PATIENCE, Server, manifest, smpp, smsc_that};
use serde_json::json;
use std::time::Duration;
use textgate_simulator::Behaviour;

const WINDOW: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_overtakes_a_backlog_of_texts_within_a_turn_of_the_window() {
    let slow = Behaviour { answer_delay: Duration::from_millis(50), ..Behaviour::default() };
    let smsc = smsc_that(slow).await;
    let server =
        Server::start(&manifest(&[smpp("main", smsc.address(), &format!("window = {WINDOW}"))])).await;
    let api = server.api();
    for batch in 0..5 {
        let text =
            |n: u32| json!({"to": format!("1555{:07}", batch * 1000 + n), "text": "a text that has time"});
        let messages: Vec<_> = (0..1000).map(text).collect();
        let body = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
        assert!(body["results"].as_array().unwrap().iter().all(|result| result["status"] == 202));
    }
    for (kind, number) in [("alert", "15550100101"), ("otp", "15550100102")] {
        let id = api.send(json!({"to": number, "text": "urgent", "kind": kind})).await;
        let before = smsc.submits().len();
        let all = smsc
            .wait_for_submits(PATIENCE, |all| all.iter().any(|s| s.destination.number == number))
            .await
            .unwrap();
        let position = all.iter().position(|submit| submit.destination.number == number).unwrap();
        let overtaken = position.saturating_sub(before);
        assert!(overtaken <= WINDOW, "{overtaken} texts were sent ahead of the {kind}");
        api.until(&id, "delivered").await;
    }
    let waiting = api.gateway("main").await["waiting"].clone();
    assert!(waiting[2].as_u64().unwrap() > 3_000, "there was a backlog: {waiting}");
    assert!(smsc.counters().max_in_flight <= WINDOW as u64);
}

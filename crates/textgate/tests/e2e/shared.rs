//! Messages that share requests at a provider that takes several at once.

use super::kit::{PATIENCE, Server, gateway, manifest, provider_that};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use textgate_simulator::{HttpAnswer, HttpBehaviour, HttpRequest};

fn entries(request: &HttpRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    body["messages"].as_array().unwrap().clone()
}

/// ClickSend, which takes its time, and has no credit for numbers that end in 7.
fn clicksend() -> HttpBehaviour {
    let decide = |request: &HttpRequest| {
        let messages: Vec<Value> = entries(request)
            .iter()
            .rev()
            .map(|entry| match entry["to"].as_str().unwrap() {
                to if to.ends_with('7') => json!({"to": to, "status": "INVALID_RECIPIENT"}),
                to => json!({"to": to, "message_id": format!("id{to}"), "status": "SUCCESS"}),
            })
            .collect();
        let answer = json!({"response_code": "SUCCESS", "data": {"messages": messages}});
        Some(HttpAnswer { status: 200, body: answer.to_string(), ..HttpAnswer::default() })
    };
    HttpBehaviour {
        decide: Some(Arc::new(decide)),
        delay: Duration::from_millis(100),
        ..HttpBehaviour::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_takes_fewer_requests_and_neither_a_code_nor_a_lone_text_waits_for_company() {
    let provider = provider_that(clicksend()).await;
    let settings = format!(
        "username = \"u\"\napi_key = \"k\"\napi_address = \"http://{}\"\nconnections = 10",
        provider.address()
    );
    let server = Server::start(&manifest(&[gateway("clicksend", "main", &settings)])).await;
    let api = server.api();

    // A lone text has a request of its own, at once.
    let id = api.send(json!({"to": "15559999990", "text": "alone"})).await;
    let lone = provider.wait_for(PATIENCE, |all| !all.is_empty()).await.unwrap();
    assert_eq!(entries(&lone[0]).len(), 1);
    api.until(&id, "sent").await;

    let text = |n: u32| json!({"to": format!("1555{n:07}"), "text": "a text that has time"});
    let messages: Vec<_> = (0..1_000).map(text).collect();
    let accepted = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    let code = api.send(json!({"to": "15559999991", "text": "code 4711", "kind": "otp"})).await;
    let all_there = |all: &[Arc<HttpRequest>]| all.iter().map(|r| entries(r).len()).sum::<usize>() == 1_002;
    let requests = provider.wait_for(PATIENCE, all_there).await.unwrap();

    let mut numbers = HashSet::new();
    for request in &requests {
        for entry in entries(request) {
            assert!(numbers.insert(entry["to"].as_str().unwrap().to_owned()), "sent twice: {entry}");
        }
        let is_code = entries(request).iter().any(|entry| entry["to"] == "+15559999991");
        assert!(!is_code || entries(request).len() == 1, "a code has a request of its own");
    }
    assert!(requests.len() < 200, "{} requests for 1,002 messages", requests.len());
    api.until(&code, "sent").await;
    for (n, result) in accepted["results"].as_array().unwrap().iter().enumerate().step_by(83) {
        let state = if n % 10 == 7 { "failed" } else { "sent" };
        api.until(result["message"]["id"].as_str().unwrap(), state).await;
    }
    let failed = accepted["results"][77]["message"]["id"].as_str().unwrap();
    api.until(failed, "failed").await;
}

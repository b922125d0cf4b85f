//! A message gets to the phone although gateways fail, and each attempt is told.

use super::kit::{
    PHONE, Server, answering, http, manifest, manifest_with, nobody, provider, provider_that, smpp, smsc,
    smsc_that,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use textgate_simulator::{
    Behaviour, FinalState, HttpBehaviour, HttpFault, HttpProvider, IdStyle, Receipts, Silence, Smsc, Status,
};

fn otp(text: &str) -> Value {
    json!({"to": PHONE, "text": text, "kind": "otp"})
}

/// Gateway and outcome of each attempt.
fn attempts(message: &Value) -> Vec<(&str, &str)> {
    let list = message["attempts"].as_array().unwrap().iter();
    list.map(|attempt| (attempt["gateway"].as_str().unwrap(), attempt["outcome"].as_str().unwrap())).collect()
}

/// `main` by SMPP before `backup` by HTTP.
async fn main_and_backup(smsc: &Smsc, provider: &HttpProvider, more: &str) -> Server {
    let gateways = [smpp("main", smsc.address(), ""), http("backup", provider.address(), "")];
    let server = Server::start(&manifest_with(more, &gateways)).await;
    server.api().until_gateway("main", "up").await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_at_the_primary_a_code_leaves_by_the_failover() {
    let provider = provider().await;
    let gateways = [smpp("main", nobody(), ""), http("backup", provider.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let message = server.api().send_until(otp("123456"), "sent").await;
    assert_eq!(attempts(&message).last(), Some(&("backup", "sent")), "{message:#}");
    let status = server.api().until_gateway("main", "down").await;
    assert!(!status["reason"].as_str().unwrap().is_empty());
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_primary_is_passed_over_and_used_again_when_it_is_back() {
    let (smsc, provider) = (smsc().await, provider().await);
    let server = main_and_backup(&smsc, &provider, "").await;
    let api = server.api();
    let first = api.send_until(otp("first"), "delivered").await;
    assert_eq!(attempts(&first), [("main", "sent")]);
    smsc.stop().await;
    let second = api.send_until(otp("second"), "sent").await;
    assert_eq!(attempts(&second).last(), Some(&("backup", "sent")));
    smsc.start_again().await.unwrap();
    api.until_gateway("main", "up").await;
    let third = api.send_until(otp("third"), "delivered").await;
    assert_eq!(attempts(&third), [("main", "sent")]);
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_takes_a_code_and_stays_silent_is_waited_for_no_longer_than_was_set() {
    let (smsc, provider) = (smsc().await, provider().await);
    let server = main_and_backup(&smsc, &provider, "failover_after_ms = 400").await;
    smsc.change(|behaviour| behaviour.silence = Silence::Submits);
    let message = server.api().send_until(otp("123456"), "sent").await;
    assert_eq!(attempts(&message), [("main", "uncertain"), ("backup", "sent")]);
    let took = message["attempts"][0]["took_ms"].as_u64().unwrap();
    assert!((400..5_000).contains(&took), "{took} ms");
    assert_eq!((smsc.counters().submits, provider.requests().len()), (1, 1));
    let metrics = server.metrics().await;
    assert_eq!(super::kit::metric(&metrics, "textgate_possible_duplicates_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_set_so_a_text_without_an_answer_counts_as_sent() {
    let (smsc, provider) = (smsc().await, provider().await);
    let server = main_and_backup(&smsc, &provider, "failover_after_ms = 300\non_uncertain = \"sent\"").await;
    smsc.change(|behaviour| behaviour.silence = Silence::Submits);
    let message = server.api().send_until(json!({"to": PHONE, "text": "hello"}), "sent").await;
    assert_eq!(attempts(&message), [("main", "uncertain")]);
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_code_leaves_by_the_failover_and_a_throttled_text_waits_for_the_primary() {
    let (smsc, provider) = (smsc().await, provider().await);
    let server = main_and_backup(&smsc, &provider, "").await;
    let api = server.api();
    smsc.set(Behaviour::refusing(Status::RTHROTTLED));
    let message = api.send_until(otp("123456"), "sent").await;
    assert_eq!(attempts(&message), [("main", "throttled"), ("backup", "sent")]);
    assert_eq!(message["attempts"][0]["detail"], "ESME_RTHROTTLED");
    let id = api.send(json!({"to": PHONE, "text": "no hurry"})).await;
    smsc.wait_for_submits(super::kit::PATIENCE, |all| {
        all.iter().filter(|s| s.text == "no hurry").count() > 1
    })
    .await
    .unwrap();
    smsc.set(Behaviour::default());
    let message = api.until(&id, "delivered").await;
    assert_eq!(attempts(&message).last(), Some(&("main", "sent")));
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_the_smsc_refuses_is_told_and_passed_over() {
    let provider = provider().await;
    let refusing = Behaviour { bind_status: Status::RINVPASWD, ..Behaviour::default() };
    let smsc = smsc_that(refusing).await;
    let gateways = [smpp("main", smsc.address(), ""), http("backup", provider.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let message = server.api().send_until(otp("123456"), "sent").await;
    assert_eq!(attempts(&message).last(), Some(&("backup", "sent")));
    let status = server.api().until_gateway("main", "down").await;
    assert!(status["reason"].as_str().unwrap().contains("ESME_RINVPASWD"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_of_the_smsc_decides_by_its_class() {
    let provider = provider().await;
    let statuses = [
        (Status::RSYSERR, "unavailable"),
        (Status::RINVMSGLEN, "refused"),
        (Status::RSUBMITFAIL, "unavailable"),
        (Status(0x401), "refused"),
        (Status::RINVSRCADR, "refused"),
    ];
    let by_number = move |number: &[u8]| {
        let digit = usize::from(number.last().copied().unwrap_or_default().wrapping_sub(b'0'));
        statuses.get(digit).map(|(status, _)| *status)
    };
    let decide =
        Arc::new(move |submit: &textgate_simulator::Submit<'_>| by_number(submit.destination.octets));
    let smsc = smsc_that(Behaviour { decide: Some(decide), ..Behaviour::default() }).await;
    let server = main_and_backup(&smsc, &provider, "").await;
    for (n, (status, class)) in statuses.iter().enumerate() {
        let body = json!({"to": format!("1555010010{n}"), "text": "123456", "kind": "otp"});
        let message = server.api().send_until(body, "sent").await;
        assert_eq!(attempts(&message), [("main", *class), ("backup", "sent")], "{status}");
        let detail = message["attempts"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(&status.to_string()), "{status}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_none_ends_the_message_at_once() {
    let (smsc, provider) = (smsc().await, provider().await);
    let server = main_and_backup(&smsc, &provider, "").await;
    smsc.set(Behaviour::refusing(Status::RINVDSTADR));
    let message = server.api().send_until(otp("123456"), "failed").await;
    assert_eq!(attempts(&message), [("main", "rejected")]);
    let reason = message["history"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("ESME_RINVDSTADR"), "{reason}");
    assert_eq!(provider.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_the_success_string_fails_over_by_http_and_by_smpp() {
    let provider = provider_that(answering(200, "ERR 12: no route")).await;
    let (second, third) = (smsc().await, smsc().await);
    let gateways = [
        http("web", provider.address(), ""),
        smpp("picky", second.address(), "success_contains = \"message_id=none\""),
        smpp("last", third.address(), "success_contains = \"message_id=1\""),
    ];
    let server = Server::start(&manifest(&gateways)).await;
    server.api().until_gateway("picky", "up").await;
    server.api().until_gateway("last", "up").await;
    let message = server.api().send_until(otp("123456"), "delivered").await;
    assert_eq!(attempts(&message), [("web", "refused"), ("picky", "refused"), ("last", "sent")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_status_of_an_http_provider_decides_by_its_class() {
    let provider = provider().await;
    let smsc = smsc().await;
    let gateways = [http("web", provider.address(), ""), smpp("backup", smsc.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    server.api().until_gateway("backup", "up").await;
    for (reply, class) in [
        (answering(500, "OK"), "unavailable"),
        (answering(429, ""), "throttled"),
        (answering(302, "OK"), "refused"),
        (answering(504, ""), "uncertain"),
        (HttpBehaviour::failing(HttpFault::Garbage(vec![0xff; 300])), "uncertain"),
        // The last: after it, a person has to act, and the gateway is passed over for a while.
        (answering(401, "OK"), "account"),
    ] {
        provider.set(reply);
        let message = server.api().send_until(otp("123456"), "delivered").await;
        assert_eq!(attempts(&message), [("web", class), ("backup", "sent")]);
    }
    let message = server.api().send_until(otp("123456"), "delivered").await;
    assert_eq!(attempts(&message), [("backup", "sent")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_gateways_down_a_message_waits_for_the_first_that_is_back() {
    let smsc = smsc().await;
    smsc.stop().await;
    let gateways = [smpp("main", nobody(), ""), smpp("backup", smsc.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    let id = api.send(otp("123456")).await;
    api.until_gateway("main", "down").await;
    api.until_gateway("backup", "down").await;
    assert_eq!(api.message(&id).await["status"], "accepted");
    smsc.start_again().await.unwrap();
    let message = api.until(&id, "delivered").await;
    assert_eq!(attempts(&message).last(), Some(&("backup", "sent")));
    assert_eq!(smsc.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_gateway_takes_within_its_validity_expires() {
    let server = Server::start(&manifest(&[smpp("main", nobody(), "")])).await;
    let body = json!({"to": PHONE, "text": "123456", "kind": "otp", "validity_s": 1});
    let message = server.api().send_until(body, "expired").await;
    assert_eq!(message.get("text"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_matched_however_the_smsc_writes_its_ids_and_whenever_they_come() {
    let receipts = |ids| Receipts { ids: Some(ids), ..Receipts::default() };
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    for (answer, receipt) in [
        (IdStyle::HEX, IdStyle::DECIMAL),
        (IdStyle::DECIMAL, IdStyle::HEX_UPPER),
        (IdStyle::HEX.padded(10), IdStyle::HEX_UPPER),
        (IdStyle::DECIMAL, IdStyle::DECIMAL.padded(20)),
        (IdStyle::TEXT, IdStyle::TEXT),
    ] {
        smsc.set(Behaviour { ids: answer, receipts: receipts(receipt), ..Behaviour::default() });
        server.api().send_until(otp("123456"), "delivered").await;
    }
    // Ahead of the answer that names the id.
    let before = Receipts { before_answer: true, ..Receipts::default() };
    let delay = Duration::from_millis(150);
    smsc.set(Behaviour { receipts: before, answer_delay: delay, ..Behaviour::default() });
    let message = server.api().send_until(otp("123456"), "delivered").await;
    let statuses: Vec<_> =
        message["history"].as_array().unwrap().iter().map(|change| &change["status"]).collect();
    assert_eq!(statuses, ["accepted", "sent", "delivered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_undelivered_where_the_receipt_says_so() {
    let receipts = Receipts { state: FinalState::Undeliverable, error: 27, ..Receipts::default() };
    let smsc = smsc_that(Behaviour { receipts, ..Behaviour::default() }).await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let message = server.api().send_until(otp("123456"), "undelivered").await;
    let receipt = &message["receipts"][0];
    assert_eq!(receipt["status"], "undelivered");
    assert!(receipt["error"].as_str().unwrap().contains("27"), "{receipt}");
}

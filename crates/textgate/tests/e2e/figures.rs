//! What happened is told by time, as it happens, and as a file; and a message is sent again on request.

use super::kit::{KEY, PHONE, Server, manifest, smpp, smsc};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_delivered_is_in_the_figures_and_still_there_after_a_restart() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    for _ in 0..3 {
        api.send_until(json!({"to": PHONE, "text": "hello", "kind": "otp"}), "delivered").await;
    }
    let check = async |api: &super::kit::Api| {
        let series = api.get("/v1/metrics/series?below=true").await.expect(200);
        let total = &series["total"];
        assert_eq!(
            (&total["accepted"], &total["sent"], &total["delivered"]),
            (&json!(3), &json!(3), &json!(3))
        );
        assert_eq!(total["attempts"]["sent"], 3);
        assert_eq!((&total["accept_to_sent"]["count"], &total["failovers"]), (&json!(3), &json!(0)));
        assert!(total["accept_to_sent"]["p99_ms"].as_f64().is_some_and(|ms| ms > 0.0));
        let gateway = &series["gateways"][0];
        assert_eq!((&gateway["name"], &gateway["figures"]["delivered"]), (&json!("main"), &json!(3)));
        assert_eq!((&gateway["health"], &gateway["breaker"]), (&json!("up"), &json!("closed")));
        assert!(series["steps"].as_array().is_some_and(|steps| (60..=61).contains(&steps.len())));
    };
    check(&api).await;
    assert!(server.terminate().await);
    server.serve().await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    check(&api).await;
    api.get("/v1/metrics/series?step_s=90&gateway=x").await.expect_problem(400, "invalid-request");
    api.get("/v1/metrics/series?virtual_server=1").await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_no_passcode_and_no_formula() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let sent = json!({"to": PHONE, "text": "=cmd()", "reference": "+1, \"two\"", "sender": "Acme"});
    api.send_until(sent, "delivered").await;
    api.send_until(json!({"to": PHONE, "text": "493817", "kind": "otp"}), "delivered").await;
    let answer = api.get("/v1/messages.csv?texts=true&gateway=main").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/csv; charset=utf-8; header=present")
    );
    assert!(answer.header("content-disposition").starts_with("attachment"));
    let lines: Vec<&str> = answer.text.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 3, "{}", answer.text);
    assert!(lines[0].starts_with("id,status,to,kind") && lines[0].ends_with(",text"));
    assert!(lines[1].contains(",otp,") && lines[1].ends_with(','), "{}", lines[1]);
    assert!(lines[2].contains("\"'+1, \"\"two\"\"\"") && lines[2].ends_with("\"'=cmd()\""), "{}", lines[2]);
    assert!(!answer.text.contains("493817"));
    assert!(!api.get("/v1/messages.csv?kind=text").await.text.contains("cmd"));
    api.get("/v1/messages.csv?limit=3").await.expect_problem(400, "invalid-request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_message_is_sent_again_and_a_passcode_is_not() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let id = api.send_until(json!({"to": PHONE, "text": "again"}), "delivered").await["id"].clone();
    let path = format!("/v1/messages/{}/resend", id.as_str().unwrap());
    let new = api.post(&path, json!(null)).await.expect(202);
    assert_ne!(new["id"], id);
    let shown = api.until(new["id"].as_str().unwrap(), "delivered").await;
    assert_eq!((&shown["resend_of"], &shown["text"]), (&id, &json!("again")));
    let passcode = api.send_until(json!({"to": PHONE, "text": "1", "kind": "otp"}), "delivered").await;
    let path = format!("/v1/messages/{}/resend", passcode["id"].as_str().unwrap());
    let refused = api.post(&path, json!(null)).await.expect_problem(409, "not-resendable");
    assert!(refused["detail"].as_str().unwrap().contains("passcode"));
    api.post("/v1/messages/0000000000000/resend", json!(null)).await.expect_problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_as_they_happen_and_end_with_the_server() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/events", server.address());
    let mut stream = http.request(Method::GET, url).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    while !heard.contains(": watching") {
        heard.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    let id = api.send_until(json!({"to": PHONE, "text": "493817", "kind": "otp"}), "delivered").await;
    while !heard.contains("\"status\":\"delivered\"}\n\nevent: status")
        && !heard.ends_with("\"status\":\"delivered\"}\n\n")
    {
        heard.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    for event in ["event: accepted", "event: attempt", "event: receipt", "event: status"] {
        assert!(heard.contains(event), "{heard}");
    }
    assert!(heard.contains(id["id"].as_str().unwrap()));
    assert!(!heard.contains(PHONE) && !heard.contains("493817"), "{heard}");
    let began = std::time::Instant::now();
    assert!(server.terminate().await);
    assert!(began.elapsed() < Duration::from_secs(4), "an open stream does not hold it up");
    while stream.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
}

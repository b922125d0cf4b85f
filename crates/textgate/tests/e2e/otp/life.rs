//! A passcode from being made to being final.

use super::super::kit::{KEY, PHONE, Server, Tenant, manifest, smpp, smsc};
use super::{check, code_in, create, received, resend, server, wrong};
use serde_json::{Value, json};
use std::sync::Arc;

const OTHER: &str = "tg_other_key_0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_the_phone_shows_is_approved_once_and_is_told_by_nobody_else() {
    let smsc = smsc().await;
    let (server, api) = server(&smsc, None, json!({})).await;
    let made = api.post("/v1/otp", json!({"to": PHONE, "purpose": "login", "ip": "192.0.2.1"})).await;
    let location = made.header("location").to_owned();
    let text = received(&smsc).await;
    let code = code_in(&text);
    assert!(code.len() == 6 && code.bytes().all(|c| c.is_ascii_digit()), "{text}");
    assert!(text.contains("is your verification code") && text.contains("10 min"), "{text}");
    assert!(!made.text.contains(&code));
    let made = made.expect(202);
    let id = made["id"].as_str().unwrap();
    assert_eq!((made["status"].as_str(), location), (Some("pending"), format!("/v1/otp/{id}")));
    let shown = api.get(&format!("/v1/otp/{id}")).await;
    assert!(!shown.text.contains(&code));
    let shown = shown.expect(200);
    assert_eq!(
        (&shown["status"], &shown["attempts_left"], &shown["purpose"]),
        (&json!("pending"), &json!(5), &json!("login"))
    );
    assert_eq!(shown["messages"], json!([id]));
    api.until(id, "delivered").await;

    let first = check(&api, id, &wrong(&code)).await;
    assert_eq!((&first["status"], &first["attempts_left"]), (&json!("pending"), &json!(4)));
    let spaced = format!(" {}-{}", &code[..3], &code[3..]);
    assert_eq!(check(&api, id, &spaced).await["status"], "approved");
    let again = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
    again.expect_problem(409, "passcode-not-pending");
    assert_eq!(api.get(&format!("/v1/otp/{id}")).await.expect(200)["status"], "approved");
    resend(&api, id).await.expect_problem(409, "passcode-not-pending");
    let listed = api.get(&format!("/v1/otp?to={PHONE}&status=approved")).await.expect(200);
    assert_eq!(listed["passcodes"].as_array().map(Vec::len), Some(1));
    assert_eq!(api.get("/v1/otp?status=pending").await.expect(200)["passcodes"], json!([]));
    assert!(server.metrics().await.contains("textgate_passcode_checks_total{status=\"approved\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_wrong_codes_or_a_cancel_end_it_and_no_code_is_right_then() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({"attempts": 3})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    for left in [2, 1] {
        assert_eq!(check(&api, &id, &wrong(&code)).await["attempts_left"], left);
    }
    assert_eq!(check(&api, &id, &wrong(&code)).await["status"], "too_many_attempts");
    assert_eq!(check(&api, &id, &code).await["status"], "too_many_attempts");
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    for _ in 0..2 {
        let cancelled = api.delete(&format!("/v1/otp/{id}")).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
    }
    assert_eq!(check(&api, &id, &code).await["status"], "cancelled");
    resend(&api, &id).await.expect_problem(409, "passcode-not-pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_right_codes_at_once_are_one_approval() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({})).await;
    let id = create(&api, json!({})).await;
    let code = code_in(&received(&smsc).await);
    let turns = Arc::new(tokio::sync::Semaphore::new(256));
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let (api, id, code, turns) = (api.clone(), id.clone(), code.clone(), turns.clone());
            tokio::spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                let answer = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
                if answer.status == 200 {
                    assert_eq!(answer.body["status"], "approved");
                    return 1;
                }
                answer.expect_problem(409, "passcode-not-pending");
                0
            })
        })
        .collect();
    let mut approved = 0;
    for task in tasks {
        approved += task.await.unwrap();
    }
    assert_eq!(approved, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_repeated_under_its_key_is_one_passcode_and_tenants_do_not_see_each_others() {
    let smsc = smsc().await;
    let gateways = [smpp("main", smsc.address(), "")];
    let other =
        Tenant { path: "other", key: OTHER, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let server = Server::start(&(manifest(&gateways) + &other.toml())).await;
    let (api, stranger) = (server.api_as(KEY), server.api_as(OTHER));
    let body = json!({"to": PHONE, "purpose": "login"}).to_string();
    let once = async |body: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", "login-1")];
        api.ask(reqwest::Method::POST, "/v1/otp", &headers, body.to_owned()).await
    };
    let (first, second) = (once(&body).await, once(&body).await);
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), ("", "true"));
    let (first, second) = (first.expect(202), second.expect(202));
    assert_eq!(first["id"], second["id"]);
    let changed = json!({"to": PHONE, "purpose": "payment"}).to_string();
    once(&changed).await.expect_problem(422, "idempotency-conflict");
    let id = first["id"].as_str().unwrap();
    let code = code_in(&received(&smsc).await);
    for answer in [
        stranger.get(&format!("/v1/otp/{id}")).await,
        stranger.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await,
        stranger.post(&format!("/v1/otp/{id}/resend"), Value::Null).await,
        stranger.delete(&format!("/v1/otp/{id}")).await,
        api.get("/v1/otp/none").await,
    ] {
        answer.expect_problem(404, "not-found");
    }
    assert_eq!(stranger.get("/v1/otp").await.expect(200)["passcodes"], json!([]));
    assert_eq!(check(&api, id, &code).await["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_field_by_field_and_nothing_is_sent() {
    let smsc = smsc().await;
    let (_server, api) = server(&smsc, None, json!({})).await;
    let body = json!({"to": "+1", "purpose": "Log in", "length": 3, "ttl_s": 7200, "locale": "german", "domain": "https://x.example"});
    let problem = api.post("/v1/otp", body).await.expect_problem(400, "invalid-request");
    let paths: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["to", "purpose", "length", "ttl_s", "locale", "domain"]);
    for body in [
        json!({"to": PHONE, "code": "123456"}),
        json!({"to": PHONE, "ip": "here"}),
        json!({"to": PHONE, "app": "droid"}),
        json!({"to": PHONE, "app": "FA+9qCX9VSu", "domain": "example.com"}),
    ] {
        api.post("/v1/otp", body).await.expect_problem(400, "invalid-request");
    }
    let id = create(&api, json!({})).await;
    received(&smsc).await;
    for code in [json!(123456), json!(""), json!("12"), json!("12345678901"), json!(null)] {
        let answer = api.post(&format!("/v1/otp/{id}/check"), json!({"code": code})).await;
        answer.expect_problem(400, "invalid-request");
    }
    assert_eq!(api.get(&format!("/v1/otp/{id}")).await.expect(200)["attempts_left"], 5);
    let settings = json!({"length": 11, "attempts": 0, "resend_pauses_s": [60, 30]});
    let problem = api.put("/v1/otp/settings", settings).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3), "{problem:#}");
    assert_eq!(smsc.messages().len(), 1);
}

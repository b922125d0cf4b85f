//! A message goes from the API to the phone, as asked, and what became of it is told.

use super::kit::{
    Answer, KEY, PATIENCE, PHONE, Server, Tenant, gateway, manifest, provider, smpp, smsc, target,
};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use textgate_simulator::Message;

fn statuses(message: &Value) -> Vec<&str> {
    message["history"].as_array().unwrap().iter().map(|change| change["status"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_to_the_phone_through_smpp_and_is_reported_delivered() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let body = json!({"to": PHONE, "text": "123456 is your code", "kind": "otp", "reference": "login-7"});
    let answer = api.post_message(body).await;
    let id = answer.body["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/v1/messages/{id}"));
    assert_eq!(
        answer.expect(202),
        json!({"id": id, "status": "accepted", "segments": 1, "encoding": "gsm7"})
    );

    let message = api.until(&id, "delivered").await;
    assert_eq!(statuses(&message), ["accepted", "sent", "delivered"]);
    assert_eq!((&message["to"], &message["kind"]), (&json!(PHONE), &json!("otp")));
    assert_eq!(message["reference"], "login-7");
    assert_eq!(message.get("text"), None, "a code is not kept once it is sent");
    let at_smsc = smsc.next_message(PATIENCE).await.unwrap();
    assert_eq!(at_smsc.text, "123456 is your code");
    assert_eq!((at_smsc.destination.number.as_str(), at_smsc.destination.ton), (PHONE, 1));
    let [attempt] = message["attempts"].as_array().unwrap().as_slice() else { panic!("{message:#}") };
    assert_eq!((&attempt["gateway"], &attempt["outcome"]), (&json!("main"), &json!("sent")));
    assert_eq!(attempt["provider_ids"], json!(at_smsc.message_ids));
    let [receipt] = message["receipts"].as_array().unwrap().as_slice() else { panic!("{message:#}") };
    assert_eq!(
        (&receipt["gateway"], &receipt["segment"], &receipt["status"]),
        (&json!("main"), &json!(1), &json!("delivered"))
    );
}

/// What a provider gets for "Grüß Gott & Co" with these settings.
async fn at_provider(settings: &str) -> (String, String, String) {
    let provider = provider().await;
    let common = format!(
        "url = \"http://{}/send?token=a%20b\"\ndestination_parameter = \"to\"\nmessage_parameter = \"text\"\n\
         success_contains = \"OK\"\nparameters = [{{name = \"zz\", value = \"first one\"}}, \
         {{name = \"aa\", value = \"s3cret & more\", is_password = true}}, {{name = \"mm\", value = \"\"}}]\n",
        provider.address()
    );
    let server = Server::start(&manifest(&[gateway("generic-http", "web", &(common + settings))])).await;
    let api = server.api();
    let message = api.send_until(json!({"to": PHONE, "text": "Grüß Gott & Co"}), "sent").await;
    assert_eq!(message["attempts"][0]["gateway"], "web");
    let shown = api.get("/v1/sms-settings").await;
    assert!(!shown.text.contains("s3cret"), "{}", shown.text);
    let gateway = &shown.body["gateways"][0];
    assert_eq!(gateway["secrets_set"], json!(["parameters[aa]"]));
    assert_eq!(
        gateway["settings"]["parameters"][0],
        json!({"name": "zz", "value": "first one", "is_password": false})
    );
    let log = server.log();
    assert!(!log.contains("s3cret") && !log.contains("Gott"), "{log}");
    let requests = provider.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    (request.method.clone(), target(request), request.body_text())
}

#[tokio::test(flavor = "multi_thread")]
async fn through_http_by_get_all_parameters_stand_in_the_url_in_their_order_behind_its_own() {
    let seen = at_provider("method = \"GET\"\nplus_for_spaces = true").await;
    let target = format!(
        "/send?token=a%20b&to={PHONE}&text=Gr%C3%BC%C3%9F+Gott+%26+Co&zz=first+one&aa=s3cret+%26+more&mm="
    );
    assert_eq!(seen, ("GET".into(), target, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn through_http_by_post_they_stand_in_the_body_and_a_space_is_percent_20_where_set() {
    let seen = at_provider("method = \"POST\"\nplus_for_spaces = false").await;
    let body =
        format!("to={PHONE}&text=Gr%C3%BC%C3%9F%20Gott%20%26%20Co&zz=first%20one&aa=s3cret%20%26%20more&mm=");
    assert_eq!(seen, ("POST".into(), "/send?token=a%20b".into(), body));
}

#[tokio::test(flavor = "multi_thread")]
async fn emoji_and_long_texts_arrive_whole_in_as_many_segments_as_were_answered() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let texts = [
        ("a".repeat(160), 1, "gsm7"),
        ("a".repeat(161), 2, "gsm7"),
        ("a".repeat(152) + "€", 1, "gsm7"),
        // The escape pair does not fit behind 152 septets of the first segment.
        ("a".repeat(152) + "€" + &"b".repeat(151), 2, "gsm7"),
        ("Grüße 👋🏽 from 🇨🇭".into(), 1, "ucs2"),
        ("汉".repeat(70), 1, "ucs2"),
        ("汉".repeat(71), 2, "ucs2"),
        // A family is one cluster of 11 code units: only six of them fit into the 67 of a segment.
        ("👨‍👩‍👧‍👦".repeat(12), 2, "ucs2"),
        ("line\nbreak, [brackets] {braces} ~ \\ ^ | ".repeat(30), 10, "gsm7"),
    ];
    for (n, (text, segments, encoding)) in texts.into_iter().enumerate() {
        let to = format!("1555010020{n}");
        let taken = api.post_message(json!({"to": to, "text": text})).await.expect(202);
        let at_smsc = smsc.next_message(PATIENCE).await.unwrap();
        assert_eq!(at_smsc.text, text);
        assert_eq!(taken["segments"], at_smsc.segments.len(), "{text}");
        assert_eq!((&taken["segments"], &taken["encoding"]), (&json!(segments), &json!(encoding)), "{text}");
        let message = api.until(taken["id"].as_str().unwrap(), "delivered").await;
        assert_eq!(message["receipts"].as_array().unwrap().len(), segments);
        assert_eq!(message["attempts"][0]["provider_ids"], json!(at_smsc.message_ids));
    }
}

/// The seconds of a relative time (SMPP 3.4 §7.1.1.2).
fn seconds(relative: &str) -> u64 {
    let part = |at: usize| relative[at..at + 2].parse::<u64>().unwrap();
    assert!(relative.len() == 16 && relative.starts_with("0000") && relative.ends_with('R'), "{relative}");
    ((part(4) * 24 + part(6)) * 60 + part(8)) * 60 + part(10)
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_overwrite_sender_and_validity_reach_the_smsc() {
    let smsc = smsc().await;
    let more = "sender = \"Acme\"";
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), more)])).await;
    let api = server.api();
    let next = async || -> Message { Message::clone(&*smsc.next_message(PATIENCE).await.unwrap()) };

    api.send(json!({"to": PHONE, "text": "plain"})).await;
    let plain = next().await;
    assert_eq!((plain.source.number.as_str(), plain.source.ton, plain.flash), ("Acme", 5, false));
    assert_eq!((plain.first.protocol_id, plain.first.replace_if_present), (0, false));
    assert!((172_000..=172_800).contains(&seconds(&plain.first.validity_period)));

    let body = json!({"to": PHONE, "text": "now", "flash": true, "overwrite": 3, "sender": "4477001", "validity_s": 3600});
    api.send(body).await;
    let asked = next().await;
    assert!(asked.flash);
    assert_eq!(asked.first.protocol_id, 0x43);
    assert_eq!(asked.source.number, "4477001");
    assert!((3590..=3600).contains(&seconds(&asked.first.validity_period)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_batch_is_answered_on_its_own() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let messages = json!([
        {"to": "15550100101", "text": "one"},
        {"to": "+1 (555) 010-0102", "text": "two"},
        {"to": "15550100103", "text": ""},
        {"to": "15550100104", "text": "four", "priority": 1},
        {"to": "15550100105", "text": "five", "kind": "alert"},
        7,
    ]);
    let body = server.api().post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    let results = body["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(codes, [202, 400, 400, 400, 202, 400]);
    let problem = &results[1]["problem"]["errors"][0];
    assert_eq!(problem["path"], "to");
    assert!(
        problem["message"].as_str().unwrap().contains("15550100102"),
        "it says what it would be: {problem}"
    );
    assert_eq!(results[2]["problem"]["errors"][0]["path"], "text");
    assert_eq!(results[3]["problem"]["errors"][0]["path"], "priority");
    for result in [&results[0], &results[4]] {
        server.api().until(result["message"]["id"].as_str().unwrap(), "delivered").await;
    }
    let texts: HashSet<_> = smsc.messages().iter().map(|message| message.text.clone()).collect();
    assert_eq!(texts, HashSet::from(["one".to_owned(), "five".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_sends_once_and_another_request_under_it_is_refused() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let body = json!({"to": PHONE, "text": "only once"});
    let many = (0..20).map(|_| {
        let (api, body) = (api.clone(), body.clone());
        tokio::spawn(async move { api.post_once("order-1", &body).await })
    });
    let mut ids = HashSet::new();
    let mut replayed = 0;
    for answer in many.collect::<Vec<_>>() {
        let answer: Answer = answer.await.unwrap();
        replayed += usize::from(answer.header("idempotent-replayed") == "true");
        ids.insert(answer.expect(202)["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((ids.len(), replayed), (1, 19));
    let id = ids.into_iter().next().unwrap();
    api.until(&id, "delivered").await;
    let again = api.post_once("order-1", &body).await.expect(202);
    assert_eq!((&again["id"], &again["status"]), (&json!(id), &json!("delivered")));

    let other = json!({"to": PHONE, "text": "something else"});
    api.post_once("order-1", &other).await.expect_problem(422, "idempotency-conflict");
    api.post_once("with space", &other).await.expect_problem(400, "invalid-request");
    let third = api.post_once("order-2", &body).await.expect(202);
    api.until(third["id"].as_str().unwrap(), "delivered").await;
    assert_eq!(smsc.messages().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_message_waits_for_its_time_and_can_be_called_back() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let in_an_hour = (jiff::Timestamp::now() + Duration::from_secs(3600)).as_second();
    let taken =
        api.post_message(json!({"to": PHONE, "text": "later", "send_at": in_an_hour})).await.expect(202);
    assert_eq!(taken["status"], "scheduled");
    let path = format!("/v1/messages/{}", taken["id"].as_str().unwrap());
    assert_eq!(api.delete(&path).await.expect(200)["status"], "cancelled");
    assert_eq!(api.delete(&path).await.expect(200)["status"], "cancelled");

    let soon = jiff::Timestamp::now() + Duration::from_millis(1500);
    let taken =
        api.post_message(json!({"to": PHONE, "text": "soon", "send_at": soon.to_string()})).await.expect(202);
    let message = api.until(taken["id"].as_str().unwrap(), "delivered").await;
    assert_eq!(statuses(&message), ["scheduled", "accepted", "sent", "delivered"]);
    let sent: jiff::Timestamp = message["history"][2]["at"].as_str().unwrap().parse().unwrap();
    assert!(sent.as_millisecond() >= soon.as_millisecond(), "{sent} is before {soon}");
    let path = format!("/v1/messages/{}", taken["id"].as_str().unwrap());
    api.delete(&path).await.expect_problem(409, "not-cancellable");
    assert_eq!(smsc.messages().len(), 1, "what was cancelled never leaves");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_paged_and_filtered_and_never_hold_texts() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let message = |n: u32| {
        let kind = ["otp", "alert", "text"][n as usize % 3];
        json!({"to": format!("155501001{n:02}"), "text": format!("words-{n}"), "kind": kind, "reference": format!("r{}", n % 2)})
    };
    let messages: Vec<_> = (0..25).map(message).collect();
    let body = api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    let ids: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|r| r["message"]["id"].as_str().unwrap()).collect();
    for id in &ids {
        api.until(id, "delivered").await;
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/v1/messages?limit=10{cursor}")).await;
        assert!(!page.text.contains("words-"));
        let page = page.expect(200);
        let messages = page["messages"].as_array().unwrap();
        found.extend(messages.iter().map(|m| m["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let newest_first: Vec<_> = ids.iter().rev().copied().collect();
    assert_eq!(found, newest_first);
    for (query, count) in [
        ("kind=otp", 9),
        ("kind=alert&status=delivered", 8),
        ("status=failed", 0),
        ("reference=r1", 12),
        ("to=15550100103", 1),
        ("until=1000000000", 0),
        ("since=2020-01-01T00:00:00Z&limit=200", 25),
    ] {
        let page = api.get(&format!("/v1/messages?{query}")).await.expect(200);
        assert_eq!(page["messages"].as_array().unwrap().len(), count, "{query}");
    }
    let wrong = api.get("/v1/messages?kind=sms&colour=red&limit=201").await;
    let problem = wrong.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_another_tenant_does_not_exist() {
    let smsc = smsc().await;
    let other = "tg_another_tenant_0123456789";
    let gateways = [smpp("main", smsc.address(), "")];
    let second =
        Tenant { path: "other", key: other, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let server = Server::start(&(manifest(&gateways) + &second.toml())).await;
    let id = server.api().send(json!({"to": PHONE, "text": "mine"})).await;
    server.api().until(&id, "delivered").await;
    let stranger = server.api_as(other);
    let path = format!("/v1/messages/{id}");
    stranger.get(&path).await.expect_problem(404, "not-found");
    stranger.delete(&path).await.expect_problem(404, "not-found");
    let unknown = stranger.get("/v1/messages/0000000000000").await.expect_problem(404, "not-found");
    assert_eq!(stranger.get(&path).await.body, unknown, "nothing tells the two apart");
    assert_eq!(stranger.get("/v1/messages").await.expect(200)["messages"], json!([]));
    server.api_as("").get(&path).await.expect_problem(401, "unauthorized");
    server.api_as("tg_nobody_has_this_key_000000").get(&path).await.expect_problem(401, "unauthorized");
    assert_eq!(server.api_as(KEY).message(&id).await["status"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_told_whole_by_its_paths() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    let api = server.api();
    let wrong =
        json!({"to": "0123", "text": "x", "kind": "sms", "flash": "yes", "colour": "red", "validity_s": 0});
    let problem = api.post_message(wrong).await.expect_problem(400, "invalid-request");
    let paths: HashSet<_> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert_eq!(paths, HashSet::from(["kind", "flash", "colour", "validity_s"]));
    let problem =
        api.post_message(json!({"to": "0123", "text": "x"})).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["path"], "to");
    let endless = json!({"to": PHONE, "text": "汉".repeat(20_000)});
    let problem = api.post_message(endless).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["path"], "text", "more than 255 segments: {problem}");
    let json = [("content-type", "application/json")];
    let post = reqwest::Method::POST;
    for body in ["", "{", "nonsense", "{\"to\": \"15550100100\", \"text\": \"secret-words", "[]]", "\u{0}"] {
        let answer = api.ask(post.clone(), "/v1/messages", &json, body.into()).await;
        assert!(!answer.text.contains("secret-words"));
        answer.expect_problem(400, "invalid-json");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = api.ask(post, "/v1/messages", &form, "to=1&text=2".into()).await;
    answer.expect_problem(415, "unsupported-media-type");
    api.get("/v1/nothing").await.expect_problem(404, "not-found");
    api.put("/v1/messages", json!({})).await.expect_problem(405, "method-not-allowed");
    assert_eq!(smsc.counters().submits, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_what_is_sent_and_a_test_quotes_the_answer() {
    let provider = provider().await;
    let settings = format!(
        "url = \"http://{}/send\"\ndestination_parameter = \"to\"\nmessage_parameter = \"text\"\n\
         parameters = [{{name = \"token\", value = \"t0ken-of-acme\", is_password = true}}]",
        provider.address()
    );
    let server = Server::start(&manifest(&[gateway("generic-http", "web", &settings)])).await;
    let api = server.api();
    let saved = api.get("/v1/sms-settings").await.body["gateways"][0]["settings"].clone();
    let draft = json!({"gateway": {"name": "web", "plugin": "generic-http", "settings": saved}});
    let preview = api.post("/v1/sms-settings/preview", draft).await;
    assert!(!preview.text.contains("t0ken"), "{}", preview.text);
    let url = preview.expect(200)["requests"][0]["url"].as_str().unwrap().to_owned();
    assert!(provider.requests().is_empty(), "a preview sends nothing");

    let id =
        api.post("/v1/sms-settings/test", json!({})).await.expect(202)["id"].as_str().unwrap().to_owned();
    let message = api.until(&id, "sent").await;
    let detail = message["attempts"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("HTTP 200; the provider answered: {\"status\":\"OK\""), "{detail}");
    let sent = target(&provider.requests()[0]).replace("t0ken-of-acme", "‹token›");
    assert!(url.ends_with(&sent), "{url} {sent}");
}

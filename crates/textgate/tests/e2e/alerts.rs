//! Alerts as people meet them: SMS at simulated phones, answers of the API; and every condition that textgate watches, provoked.

use super::kit::{
    Api, KEY, PATIENCE, PHONE, Server, Tenant, answering, eventually, gateway, http, manifest, provider_that,
    smpp, smsc, smsc_that,
};
use crate::webhooks::receiver::{Does, Receiver};
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use textgate_simulator::{
    Behaviour, FinalState, HttpAnswer, HttpBehaviour, HttpProvider, HttpRequest, Receipts, Smsc, SmscOptions,
    Status, TlsIdentity,
};

const ROOT_KEY: &str = "tg_end_to_end_root_0123456789";

/// Ann, in the group `ops`, is told of everything that is watched, at once; and so is a webhook.
async fn watch(api: &Api, more: Value) {
    // It takes what comes for as long as the test runs.
    let receiver = Box::leak(Box::new(Receiver::start(Does::Takes).await));
    let webhook = json!({"url": receiver.url(), "events": ["alert.raised", "alert.closed"]});
    api.post("/v1/webhooks", webhook).await.expect(201);
    api.put("/v1/contacts/Ann", json!({"number": PHONE})).await.expect(200);
    api.put("/v1/contact-groups/ops", json!({"contacts": ["Ann"]})).await.expect(200);
    let mut settings = json!({"group": "ops", "hold_s": 0});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.put("/v1/alert-settings", settings).await.expect(200);
}

async fn alerts(api: &Api, origin: &str, status: &str) -> Vec<Value> {
    let list = api.get(&format!("/v1/alerts?status={status}&limit=200")).await.expect(200);
    let all = list["alerts"].as_array().unwrap().iter();
    all.filter(|alert| alert["origin"] == origin).cloned().collect()
}

/// Waits until the webhook has taken this event of the alert, and sees that it is owed no other like it.
async fn told_by_webhook(api: &Api, event: &str, alert: &Value) {
    let webhooks = api.get("/v1/webhooks").await.expect(200);
    let path = format!("/v1/webhooks/{}/events?limit=200", webhooks["webhooks"][0]["id"]);
    eventually(&format!("{event} by webhook"), async || {
        let log = api.get(&path).await.expect(200);
        let all = log["events"].as_array().unwrap().iter();
        let of_it: Vec<_> = all.filter(|one| one["type"] == event && one["alert"] == alert["id"]).collect();
        assert!(of_it.len() <= 1, "{event} once: {of_it:#?}");
        of_it.first().is_some_and(|one| one["state"] == "delivered").then_some(())
    })
    .await;
}

/// The one open alert of this origin, once it is there and its contact was told.
async fn raised(api: &Api, origin: &str) -> Value {
    let alert = eventually(&format!("{origin} is raised"), async || {
        let open = alerts(api, origin, "open").await;
        assert!(open.len() <= 1, "{origin} is raised once: {open:#?}");
        open.into_iter().next().filter(|alert| !alert["notices"].as_array().unwrap().is_empty())
    })
    .await;
    told_by_webhook(api, "alert.raised", &alert).await;
    alert
}

/// Waits until nothing of this origin is open, and one is over.
async fn cleared(api: &Api, origin: &str) -> Value {
    let alert = eventually(&format!("{origin} is cleared"), async || {
        let is_open = !alerts(api, origin, "open").await.is_empty();
        let closed = alerts(api, origin, "closed").await;
        assert!(closed.len() <= 1, "{origin} is cleared once: {closed:#?}");
        let told = |alert: &Value| alert["notices"].as_array().unwrap().iter().any(|n| n["why"] == "cleared");
        closed.into_iter().next().filter(|alert| !is_open && told(alert))
    })
    .await;
    told_by_webhook(api, "alert.closed", &alert).await;
    alert
}

/// Texts that begin so, at an HTTP provider.
fn texts(provider: &HttpProvider, beginning: &str) -> usize {
    let begins = |request: &Arc<HttpRequest>| {
        let text = request.form_parameters.iter().find(|(name, _)| name == "text");
        text.is_some_and(|(_, text)| text.starts_with(beginning))
    };
    provider.requests().iter().filter(|request| begins(request)).count()
}

async fn until_texts(provider: &HttpProvider, beginning: &str, count: usize) {
    eventually(beginning, async || (texts(provider, beginning) >= count).then_some(())).await;
    assert_eq!(texts(provider, beginning), count, "{beginning}");
}

// === raised by programs ===

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_told_and_whoever_has_the_link_or_the_key_acknowledges() {
    let smsc = smsc().await;
    let mut server = with_public_url(Server::stopped());
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    server.serve().await;
    let api = server.api();
    for (name, number) in [("Ann", "15550100101"), ("Ben", "15550100102")] {
        api.put(&format!("/v1/contacts/{name}"), json!({"number": number})).await.expect(200);
    }
    api.put("/v1/contact-groups/ops", json!({"contacts": ["Ann", "Ben"]})).await.expect(200);
    api.put("/v1/alert-templates/down", json!({"text": "{host} is down"})).await.expect(200);
    let body = json!({
        "group": "ops", "template": "down", "variables": {"host": "db1"}, "severity": "critical", "dedup_key": "db1",
    });
    let raised = api.post("/v1/alerts", body.clone()).await.expect(202);
    assert_eq!((&raised["text"], &raised["count"]), (&json!("db1 is down"), &json!(1)));
    let again = api.post("/v1/alerts", body).await.expect(202);
    assert_eq!((&again["id"], &again["count"]), (&raised["id"], &json!(2)));
    let sent = smsc.wait_for(PATIENCE, |all| all.len() >= 2).await.unwrap();
    let mut numbers: Vec<&str> = sent.iter().map(|message| message.destination.number.as_str()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["15550100101", "15550100102"]);
    let link = sent[0].text.split_whitespace().find(|word| word.starts_with("https://sms.example/")).unwrap();
    let path = link.trim_start_matches("https://sms.example");

    // Whoever opens the link, as a preview does, changes nothing.
    let everybody = server.api_as("");
    let page = everybody.get(path).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("db1 is down"));
    let id = raised["id"].as_str().unwrap();
    let alert = async || api.get(&format!("/v1/alerts/{id}")).await.expect(200);
    assert_eq!(alert().await["status"], "open");
    // A form without its token changes nothing either.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let forged = everybody.ask(reqwest::Method::POST, path, &form, "csrf=x".into()).await;
    assert_eq!((forged.status, &alert().await["status"]), (403, &json!("open")));
    let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
    let csrf = page.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let headers = [form[0], ("cookie", cookie.as_str())];
    let posted = everybody.ask(reqwest::Method::POST, path, &headers, format!("csrf={csrf}")).await;
    assert!((200..400).contains(&posted.status), "{}", posted.text);
    let seen = alert().await;
    assert_eq!((&seen["status"], &seen["acknowledged_by"]), (&json!("acknowledged"), &json!("link")));
    let closed = api.post(&format!("/v1/alerts/{id}/close"), json!({})).await.expect(200);
    assert_eq!((&closed["status"], &closed["closed_by"]), (&json!("closed"), &json!("key acme/app")));
    assert_eq!(smsc.messages().len(), 2, "nobody was told twice");
    assert_eq!(everybody.get(&format!("{path}x")).await.status, 404);
}

/// The same data directory, with a public address in its configuration.
fn with_public_url(server: Server) -> Server {
    let path = server.path("textgate.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let listen = "listen = \"127.0.0.1:0\"\n";
    let with = format!("{listen}public_url = \"https://sms.example\"\n");
    std::fs::write(&path, config.replace(listen, &with)).unwrap();
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_do_not_see_each_others_alerts_and_contacts() {
    let provider = provider_that(answering(200, "OK")).await;
    let gateways = [http("main", provider.address(), "")];
    let tenant =
        |path, key| Tenant { path, key, more: "", settings: "mode = \"custom\"", gateways: &gateways }.toml();
    let other_key = "tg_end_to_end_other_0123456789";
    let server = Server::start(&[tenant("acme", KEY), tenant("other", other_key)].concat()).await;
    let (api, other) = (server.api(), server.api_as(other_key));
    watch(&api, json!({})).await;
    let alert = api.post("/v1/alerts", json!({"group": "ops", "text": "x"})).await.expect(202);
    let path = format!("/v1/alerts/{}", alert["id"].as_str().unwrap());
    other.get(&path).await.expect_problem(404, "not-found");
    other.post(&format!("{path}/acknowledge"), json!({})).await.expect_problem(404, "not-found");
    other.post(&format!("{path}/close"), json!({})).await.expect_problem(404, "not-found");
    assert_eq!(other.get("/v1/alerts").await.expect(200)["alerts"], json!([]));
    assert_eq!(other.get("/v1/contacts").await.expect(200)["contacts"], json!([]));
    other.delete("/v1/contacts/Ann").await.expect_problem(404, "not-found");
    other
        .post("/v1/alerts", json!({"group": "ops", "text": "x"}))
        .await
        .expect_problem(400, "invalid-request");
    let metrics = server.metrics().await;
    assert!(metrics.contains("textgate_alerts_total{event=\"raised\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_there_after_kill_9_and_its_messages_leave_once() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    watch(&server.api(), json!({"off": ["gateway_down"]})).await;
    smsc.stop().await;
    let alert = server.api().post("/v1/alerts", json!({"group": "ops", "text": "x"})).await.expect(202);
    server.kill();
    smsc.start_again().await.unwrap();
    server.serve().await;
    let path = format!("/v1/alerts/{}", alert["id"].as_str().unwrap());
    let after = server.api().get(&path).await.expect(200);
    assert_eq!((&after["status"], &after["notices"]), (&json!("open"), &alert["notices"]));
    let message = alert["notices"][0]["message"].as_str().unwrap();
    server.api().until(message, "delivered").await;
    assert_eq!(smsc.messages().len(), 1);
}

// === raised by textgate ===

/// `main` by SMPP before `backup` by HTTP, watched.
async fn main_and_backup(smsc: &Smsc, backup: &HttpProvider, more: Value) -> Server {
    let gateways = [smpp("main", smsc.address(), ""), http("backup", backup.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    watch(&api, more).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_stopped_is_told_once_by_the_other_gateway_and_cleared_once() {
    let (smsc, backup) = (smsc().await, provider_that(answering(200, "OK")).await);
    let server = main_and_backup(&smsc, &backup, json!({})).await;
    let api = server.api();
    smsc.stop().await;
    let alert = raised(&api, "gateway_down").await;
    assert_eq!((&alert["severity"], &alert["notices"][0]["contact"]), (&json!("critical"), &json!("Ann")));
    until_texts(&backup, "textgate: Gateway down: acme/main", 1).await;
    smsc.start_again().await.unwrap();
    cleared(&api, "gateway_down").await;
    // By main, which is up again, or by backup: both may carry it.
    let over = || {
        let by_main = smsc.messages().iter().filter(|message| message.text.starts_with("Over: ")).count();
        by_main + texts(&backup, "Over: ")
    };
    eventually("it is told that it is over", async || (over() > 0).then_some(())).await;
    assert_eq!(over(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_refused_is_told_and_cleared_when_it_is_taken() {
    let refusing = Behaviour { bind_status: Status::RBINDFAIL, ..Behaviour::default() };
    let (smsc, backup) = (smsc_that(refusing).await, provider_that(answering(200, "OK")).await);
    let gateways = [smpp("main", smsc.address(), ""), http("backup", backup.address(), "")];
    let mut server = Server::stopped();
    server.apply(&manifest(&gateways));
    server.serve().await;
    let api = server.api();
    watch(&api, json!({})).await;
    // The first refusal may have come before anything was watched; settings that are the same are seen anew by a restart.
    assert!(server.terminate().await);
    server.serve().await;
    let api = server.api();
    raised(&api, "credentials_refused").await;
    until_texts(&backup, "textgate: Provider refuses the account: acme/main", 1).await;
    smsc.set(Behaviour::default());
    assert!(server.terminate().await);
    server.serve().await;
    cleared(&server.api(), "credentials_refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_fails_and_messages_that_fail_over_are_told_and_cleared() {
    let (main, backup) =
        (provider_that(answering(500, "no")).await, provider_that(answering(200, "OK")).await);
    let gateways = [http("main", main.address(), ""), http("backup", backup.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    watch(&api, json!({})).await;
    for _ in 0..20 {
        api.send_until(json!({"to": "15550100199", "text": "x"}), "sent").await;
    }
    raised(&api, "breaker_open").await;
    raised(&api, "failing_over").await;
    until_texts(&backup, "textgate: Gateway fails: acme/main", 1).await;
    main.set(answering(200, "OK"));
    // A probe finds out, then all go by main again.
    eventually("both are over", async || {
        api.send(json!({"to": "15550100199", "text": "x"})).await;
        let open =
            [alerts(&api, "breaker_open", "open").await, alerts(&api, "failing_over", "open").await].concat();
        open.is_empty().then_some(())
    })
    .await;
    cleared(&api, "breaker_open").await;
    cleared(&api, "failing_over").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_that_run_out_are_told_while_there_are_some_and_cleared_when_there_are_more() {
    let provider = provider_that(answering(200, "OK")).await;
    let gateways = [http("main", provider.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let acme = Tenant {
        path: "acme",
        key: KEY,
        more: "credits = 100",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let server = Server::start(&[root.toml(), acme.toml()].concat()).await;
    let api = server.api();
    watch(&api, json!({"credits_percent": 50})).await;
    for _ in 0..55 {
        api.send(json!({"to": "15550100199", "text": "x"})).await;
    }
    raised(&api, "credits_low").await;
    until_texts(&provider, "textgate: SMS credits are running out: acme", 1).await;
    let (root, id) = (server.api_as(ROOT_KEY), server.api_as(ROOT_KEY).virtual_server("acme").await.unwrap());
    root.post(&format!("/v1/virtual-servers/{id}/allocations"), json!({"credits": 1_000})).await;
    cleared(&api, "credits_low").await;
    until_texts(&provider, "Over: textgate: SMS credits", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_grows_is_told_and_cleared_when_it_is_short_again() {
    // Whatever waits for main has nowhere else to go; what the root is told leaves by the root's own gateway.
    let (smsc, provider) = (smsc().await, provider_that(answering(200, "OK")).await);
    let own = [smpp("main", smsc.address(), "")];
    let acme = Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &own };
    let gateways = [http("provider", provider.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let server = Server::start(&[root.toml(), acme.toml()].concat()).await;
    let (api, root) = (server.api(), server.api_as(ROOT_KEY));
    watch(&root, json!({})).await;
    api.put("/v1/alert-settings", json!({"queue_over": 20, "hold_s": 0})).await.expect(200);
    api.until_gateway("main", "up").await;
    smsc.stop().await;
    for _ in 0..30 {
        api.send(json!({"to": PHONE, "text": "x"})).await;
    }
    raised(&root, "queue_growing").await;
    assert_eq!(alerts(&api, "queue_growing", "open").await.len(), 1, "in its own console as well");
    until_texts(&provider, "textgate: Many messages wait: acme/main", 1).await;
    smsc.start_again().await.unwrap();
    cleared(&root, "queue_growing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_rate_and_a_latency_out_of_line_with_their_past_are_told() {
    let (smsc, backup) = (smsc().await, provider_that(answering(200, "OK")).await);
    let mut server = main_and_backup(&smsc, &backup, json!({"off": ["failing_over"]})).await;
    let mut sent = 0;
    let mut send = async |api: &Api, count: u32| {
        let message = |n: u32| json!({"to": format!("1555010{:04}", n % 10_000), "text": "x"});
        let messages: Vec<_> = (sent..sent + count).map(message).collect();
        sent += count;
        api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
    };
    // Good times, and a start: what was usual before it is known after it.
    send(&server.api(), 200).await;
    eventually("all are delivered", async || (delivered(&server.api()).await >= 200).then_some(())).await;
    assert!(server.terminate().await);
    server.serve().await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    let undeliverable = Receipts { state: FinalState::Undeliverable, error: 27, ..Receipts::default() };
    smsc.change(|behaviour| {
        behaviour.receipts = undeliverable;
        behaviour.answer_delay = Duration::from_millis(1_500);
    });
    send(&api, 50).await;
    raised(&api, "delivery_rate").await;
    raised(&api, "latency").await;
    smsc.set(Behaviour::default());
    eventually("both are over", async || {
        send(&api, 50).await;
        let open =
            [alerts(&api, "delivery_rate", "open").await, alerts(&api, "latency", "open").await].concat();
        open.is_empty().then_some(())
    })
    .await;
    cleared(&api, "delivery_rate").await;
    cleared(&api, "latency").await;
}

async fn delivered(api: &Api) -> usize {
    let list = api.get("/v1/messages?status=delivered&limit=200").await.expect(200);
    list["messages"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_that_is_low_at_the_provider_is_told() {
    let balance = Arc::new(Mutex::new("4.20"));
    let told = Arc::clone(&balance);
    let decide = move |request: &HttpRequest| {
        let body = if request.path.ends_with("/account") {
            json!({"response_code": "SUCCESS", "data": {"balance": *told.lock().unwrap()}})
        } else {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            let sent = |entry: &Value| json!({"to": entry["to"], "message_id": "id", "status": "SUCCESS"});
            let messages: Vec<Value> = body["messages"].as_array()?.iter().map(sent).collect();
            json!({"response_code": "SUCCESS", "data": {"messages": messages}})
        };
        Some(HttpAnswer { status: 200, body: body.to_string(), ..HttpAnswer::default() })
    };
    let provider =
        provider_that(HttpBehaviour { decide: Some(Arc::new(decide)), ..HttpBehaviour::default() }).await;
    let settings =
        format!("username = \"u\"\napi_key = \"k\"\napi_address = \"http://{}\"", provider.address());
    let server = Server::start(&manifest(&[gateway("clicksend", "main", &settings)])).await;
    let api = server.api();
    watch(&api, json!({})).await;
    api.send_until(json!({"to": "15550100199", "text": "x"}), "sent").await;
    let alert = raised(&api, "balance_low").await;
    assert!(alert["text"].as_str().unwrap().contains("4.20"), "{alert}");
    // Somebody pays in, and looks: half as much again as the threshold ends it, and not less.
    let look = async |is: &'static str| {
        *balance.lock().unwrap() = is;
        api.get("/v1/sms-settings/gateways/main/balance").await.expect(200)
    };
    assert_eq!(look("14.90").await["amount"], 14.9);
    assert_eq!(alerts(&api, "balance_low", "open").await.len(), 1);
    look("15.00").await;
    cleared(&api, "balance_low").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_is_told_and_cleared_when_there_is_room() {
    // The disk that is watched is the embedded store's.
    if Server::ON_POSTGRES {
        return;
    }
    let provider = provider_that(answering(200, "OK")).await;
    let gateways = [http("main", provider.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let mut server = Server::stopped();
    server.apply(&root.toml());
    // A disk of its own, 128 MiB, in a mount namespace of its own.
    let data = server.data_dir();
    let serve = server.command(&["serve"]);
    let mut command = Command::new("unshare");
    let script = "cp -a \"$1\" \"$1.copy\" && mount -t tmpfs -o size=128m,mode=700 tmpfs \"$1\" \
                  && cp -a \"$1.copy/.\" \"$1\" && shift && exec \"$@\"";
    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not mount in a namespace of its own");
        return;
    }
    command
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(&data)
        .arg(serve.get_program())
        .args(serve.get_args());
    server.serve_by(command).await;
    let api = server.api_as(ROOT_KEY);
    watch(&api, json!({"disk_free_percent": 20})).await;
    let filler = format!("/proc/{}/root{}/filler", server.pid(), data.display());
    std::fs::write(&filler, vec![0_u8; 104 << 20]).unwrap();
    api.send_until(json!({"to": "15550100199", "text": "x"}), "sent").await;
    raised(&api, "disk_full").await;
    until_texts(&provider, "textgate: Disk nearly full", 1).await;
    std::fs::remove_file(&filler).unwrap();
    api.send_until(json!({"to": "15550100199", "text": "x"}), "sent").await;
    cleared(&api, "disk_full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_soon_is_told_and_cleared_when_it_is_renewed() {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let smsc_for = async |days: i64| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let end = jiff::Timestamp::now() + jiff::Span::new().hours(days * 24);
        let end = end.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        params.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
        let certificate = params.signed_by(&key, &authority).unwrap();
        let identity = TlsIdentity {
            certificates: certificate.pem().into_bytes(),
            private_key: key.serialize_pem().into_bytes(),
        };
        Smsc::start(SmscOptions { tls: Some(identity), ..SmscOptions::default() }).await.unwrap()
    };
    let (old, new) = (smsc_for(5).await, smsc_for(300).await);
    let tls = format!("tls = true\nca_certificate = '''\n{}'''", authority.pem());
    let mut server = Server::start(&manifest(&[smpp("main", old.address(), &tls)])).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    watch(&api, json!({"off": ["gateway_down"]})).await;
    let alert = raised(&api, "expiring").await;
    assert!(alert["text"].as_str().unwrap().contains("acme/main (20"), "{alert}");
    let told = old.wait_for(PATIENCE, |all| !all.is_empty()).await.unwrap();
    assert!(told[0].text.starts_with("textgate: Certificate expires: acme/main"), "{}", told[0].text);
    server.apply(&manifest(&[smpp("main", new.address(), &tls)]));
    cleared(&api, "expiring").await;
    let told = new.wait_for(PATIENCE, |all| !all.is_empty()).await.unwrap();
    assert!(told[0].text.starts_with("Over: "), "{}", told[0].text);
    assert!(server.terminate().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_1000_gateways_that_fail_within_a_second_gives_one_summary() {
    // A thousand virtual servers take long to be made, and what is tested is decided in memory.
    if Server::ON_POSTGRES {
        return;
    }
    let smsc = smsc().await;
    let provider = provider_that(answering(200, "OK")).await;
    let gateways = [http("provider", provider.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let own: Vec<String> = (0..8).map(|n| smpp(&format!("g{n}"), smsc.address(), "")).collect();
    let names: Vec<String> = (0..125).map(|n| format!("tenant-{n}")).collect();
    let tenant = |path: &String| {
        Tenant { path, key: "", more: "", settings: "mode = \"custom\"", gateways: &own }.toml()
    };
    let tenants: String = names.iter().map(tenant).collect();
    let server = Server::start(&[root.toml(), tenants].concat()).await;
    let api = server.api_as(ROOT_KEY);
    // The machine that runs this may be short of room by itself.
    watch(&api, json!({"off": ["disk_full"]})).await;
    eventually("all are bound", async || (smsc.bound().len() >= 1_000).then_some(())).await;
    smsc.stop().await;
    let alert = raised(&api, "gateway_down").await;
    let text = alert["text"].as_str().unwrap();
    assert!(text.starts_with("textgate: 1000 gateways down: ") && text.ends_with(" and 996 more"), "{text}");
    until_texts(&provider, "textgate: ", 1).await;
    assert_eq!(provider.requests().len(), 1, "one summary, and nothing else");
    // Each tenant has its own in its console: one for its eight gateways.
    let count = "textgate_alerts_total{event=\"raised\"} 126";
    eventually(count, async || server.metrics().await.contains(count).then_some(())).await;
    smsc.start_again().await.unwrap();
    // Gateways that were down for a while come back one after the other, some after half a minute.
    let end = Instant::now() + 4 * PATIENCE;
    while smsc.bound().len() < 1_000 {
        assert!(Instant::now() < end, "not in time: all are bound again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cleared(&api, "gateway_down").await;
    until_texts(&provider, "Over: textgate: 1000", 1).await;
}

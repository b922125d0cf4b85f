//! What phones send, from the simulated phone to the API: by SMPP, HTTP and modem, in parts, over kill -9, and to whom it is for.

use super::kit::{
    Api, KEY, PATIENCE, PHONE, Server, Tenant, answering, eventually, gateway, manifest, metric,
    provider_that, smpp, smsc,
};
use serde_json::{Value, json};
use std::time::Duration;
use textgate_simulator::{HttpInbound, HttpProvider, Memory, Modem, ModemOptions, Phones, Smsc, Status};

const ROOT_KEY: &str = "tg_end_to_end_root_0123456789";
const OTHER_KEY: &str = "tg_end_to_end_other_0123456789";

/// The messages that a key sees, the newest first, once there are so many.
async fn until(api: &Api, count: usize) -> Vec<Value> {
    eventually(&format!("{count} messages of phones"), async || {
        let messages = all(api).await;
        assert!(messages.len() <= count, "{messages:#?}");
        (messages.len() == count).then_some(messages)
    })
    .await
}

async fn all(api: &Api) -> Vec<Value> {
    let list = api.get("/v1/inbound?limit=200").await.expect(200);
    list["messages"].as_array().unwrap().clone()
}

fn texts(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

/// Deliveries that the SMSC has an answer to.
async fn answered(smsc: &Smsc, count: usize) {
    let answers = smsc.wait_for_delivery_answers(PATIENCE, |answers| answers.len() >= count).await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == Status::ROK), "{answers:?}");
}

/// The root's gateway, which acme and another use.
fn shared_gateway(smsc: &Smsc) -> String {
    let gateways = [smpp("main", smsc.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let acme = Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"default\"", gateways: &[] };
    let other = Tenant { path: "other", key: OTHER_KEY, ..acme };
    [root.toml(), acme.toml(), other.toml()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_messages_and_puts_rules() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&shared_gateway(&smsc));
    server.serve().await;
    let root = server.api_as(ROOT_KEY);
    root.until_gateway("main", "up").await;
    let acme = root.virtual_server("acme").await.unwrap();
    let file = server.path("rules.json");
    let file = file.to_str().unwrap();
    std::fs::write(file, json!({"rules": [{"keyword": "acme", "virtual_server": acme}]}).to_string())
        .unwrap();
    let said = server.cli_ok(&["inbound", "set-rules", file]);
    assert!(said.lines().any(|line| line.contains("acme") && line.contains(&acme.to_string())), "{said}");
    assert!(server.cli_ok(&["inbound", "rules"]).contains("acme"));
    // What is printed can be put again; what is wrong is told by its path.
    std::fs::write(file, server.cli_ok(&["inbound", "rules", "--json"])).unwrap();
    server.cli_ok(&["inbound", "set-rules", file]);
    std::fs::write(file, r#"{"rules": [{"keyword": "x", "virtual_server": 1}]}"#).unwrap();
    let output = server.cli(&["inbound", "set-rules", file, "--vs", "acme"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("rules[0].virtual_server"), "{told}");
    smsc.send_inbound(PHONE, "12345", "ACME \u{1b}[2J").unwrap();
    until(&server.api(), 1).await;
    let list = |from: &str| server.cli_ok(&["inbound", "list", "--vs", "acme", "--from", from]);
    let listed = list(&format!("+{PHONE}"));
    assert!(listed.contains("ACME") && listed.contains("12345") && !listed.contains('\u{1b}'), "{listed}");
    assert!(!list("15550100199").contains("ACME"));
    assert!(!server.cli_ok(&["inbound", "list"]).contains("ACME"), "nobody sees another's");
}

/// Messages at the service provider's gateway go by its rules; nobody sees another's. On this store.
pub async fn goes_by_rules(store: &str) {
    let smsc = smsc().await;
    let mut server = Server::stopped_on(store);
    server.apply(&shared_gateway(&smsc));
    server.serve().await;
    let (root, acme, other) = (server.api_as(ROOT_KEY), server.api(), server.api_as(OTHER_KEY));
    root.until_gateway("main", "up").await;
    let id = async |path: &str| root.virtual_server(path).await.unwrap();
    let rules = json!({"rules": [
        {"number": "12345", "keyword": "Acme", "virtual_server": id("acme").await},
        {"number": "+777", "virtual_server": id("other").await},
    ]});
    let put = root.put("/v1/inbound/rules", rules).await.expect(200);
    assert_eq!(root.get("/v1/inbound/rules").await.expect(200), put);
    assert_eq!(put["rules"][1]["keyword"], Value::Null);

    let long = format!("ACME wörk 👍 {}", "long and longer ".repeat(12));
    smsc.send_inbound(PHONE, "12345", &long).unwrap();
    smsc.send_inbound(PHONE, "777", "to the other one").unwrap();
    smsc.send_inbound(PHONE, "12345", "nobody's keyword").unwrap();
    let acmes = until(&acme, 1).await;
    assert_eq!(texts(&acmes), [long.as_str()]);
    let message = &acmes[0];
    assert_eq!((&message["from"], &message["to"]), (&json!(PHONE), &json!("12345")));
    assert!(message["parts"].as_u64().unwrap() > 1 && message["missing"] == 0, "{message:#}");
    assert_eq!(texts(&until(&other, 1).await), ["to the other one"]);
    assert_eq!(texts(&until(&root, 1).await), ["nobody's keyword"]);
    let path = format!("/v1/inbound/{}", message["id"].as_str().unwrap());
    assert_eq!(&acme.get(&path).await.expect(200), message);
    for key in [&root, &other] {
        key.get(&path).await.expect_problem(404, "not-found");
    }
    let from = async |number: &str| acme.get(&format!("/v1/inbound?from={number}")).await.expect(200);
    assert_eq!(from("%2B15550100100").await["messages"].as_array().unwrap().len(), 1);
    assert_eq!(from("15550100199").await["messages"], json!([]));
    // Nobody gives away what is not theirs.
    let up = json!({"rules": [{"keyword": "x", "virtual_server": 1}]});
    acme.put("/v1/inbound/rules", up).await.expect_problem(400, "invalid-request");
    eventually("everything is heard and counted", async || {
        (metric(&server.metrics().await, "textgate_inbound_messages_total", &[]) == 3.0).then_some(())
    })
    .await;
    assert!(!server.log().contains("wörk") && !server.log().contains(PHONE));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_by_rules_and_nobody_sees_anothers() {
    goes_by_rules("sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_in_any_order_twice_and_over_kill_9_are_one_message() {
    let smsc = smsc().await;
    let mut server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    server.api().until_gateway("main", "up").await;
    let text = format!("ж😀 {}", "Привет всем ".repeat(14));
    let (coding, parts) = Smsc::inbound_parts(&text, 200);
    assert_eq!(parts.len(), 3);
    let mixed = [parts[2].clone(), parts[0].clone(), parts[2].clone()];
    smsc.send_inbound_parts(PHONE, "12345", (coding, &mixed)).unwrap();
    // Another phone under the same reference.
    let (other_coding, other) = Smsc::inbound_parts(&"b".repeat(300), 200);
    smsc.send_inbound_parts("15550100177", "12345", (other_coding, &other[1..])).unwrap();
    answered(&smsc, 4).await;
    server.kill();
    server.serve().await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    assert!(all(&api).await.is_empty());
    smsc.send_inbound_parts(PHONE, "12345", (coding, &parts[1..2])).unwrap();
    let messages = until(&api, 1).await;
    assert_eq!(texts(&messages), [text.as_str()]);
    // What comes once more after that is no message.
    smsc.send_inbound_parts(PHONE, "12345", (coding, &parts)).unwrap();
    smsc.send_inbound_parts("15550100177", "12345", (other_coding, &other[..1])).unwrap();
    let messages = until(&api, 2).await;
    assert_eq!(texts(&messages), ["b".repeat(300).as_str(), text.as_str()]);
    server.kill();
    server.serve().await;
    assert_eq!(all(&server.api()).await, messages);
}

/// A Twilio account at this provider, whose calls nobody signs, and where the provider calls.
async fn twilio(provider: &HttpProvider) -> (Server, HttpInbound) {
    let settings = format!(
        "account_sid = \"AC00000000000000000000000000000001\"\ncredentials = \"api_key\"\n\
         api_key_sid = \"SK00000000000000000000000000000002\"\napi_key_secret = \"s3\"\nsender = \"+15005550006\"\n\
         api_address = {:?}",
        provider.url("").trim_end_matches('/')
    );
    let server = Server::start(&manifest(&[gateway("twilio", "main", &settings)])).await;
    let settings = server.api().get("/v1/sms-settings").await.expect(200);
    let inbound = HttpInbound {
        address: Some(server.address()),
        path: settings["gateways"][0]["receipt_url"].as_str().unwrap().to_owned(),
        from_parameter: "From".into(),
        to_parameter: "To".into(),
        text_parameter: "Body".into(),
        id_parameter: "MessageSid".into(),
        part_parameters: None,
        more: vec![("SmsStatus".into(), "received".into())],
    };
    (server, inbound)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_calls_again_brings_one_message_and_is_answered_as_it_wants() {
    let provider = provider_that(answering(201, r#"{"sid":"SM1"}"#)).await;
    let (server, inbound) = twilio(&provider).await;
    provider.change(|behaviour| behaviour.inbound = inbound.clone());
    let api = server.api();
    for _ in 0..3 {
        let called =
            provider.send_inbound_as("SM7", "+15550100100", "+15005550006", "Ja – bitte & danke").await;
        assert_eq!(called.unwrap(), [200]);
    }
    // It was on disk before the provider was answered.
    let messages = all(&api).await;
    assert_eq!(texts(&messages), ["Ja – bitte & danke"]);
    assert_eq!((&messages[0]["from"], &messages[0]["gateway"]), (&json!("+15550100100"), &json!("main")));
    // And what the phone's owner writes goes the same way.
    let written = textgate_simulator::Written {
        number: "+15550100100".into(),
        to: "+15005550006".into(),
        text: "another".into(),
        via: textgate_simulator::Via::Http,
    };
    assert!(provider.handset().write(written));
    until(&api, 2).await;
    let repeated = metric(&server.metrics().await, "textgate_inbound_repeated_total", &[]);
    assert_eq!(repeated, 2.0);
    // Only who knows the address is heard.
    provider.change(|behaviour| behaviour.inbound.path.push('0'));
    assert_eq!(provider.send_inbound("1", "2", "evil").await.unwrap(), [404]);
    assert_eq!(all(&api).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_brings_parts_has_them_put_together() {
    let provider = provider_that(answering(200, r#"{"messages":[{"status":"0","message-id":"1"}]}"#)).await;
    let settings = format!(
        "api_key = \"k\"\napi_secret = \"s\"\nsender = \"Acme\"\napi_address = {:?}",
        provider.url("").trim_end_matches('/')
    );
    let server = Server::start(&manifest(&[gateway("vonage", "main", &settings)])).await;
    let api = server.api();
    let settings = api.get("/v1/sms-settings").await.expect(200);
    provider.change(|behaviour| {
        behaviour.inbound = HttpInbound {
            address: Some(server.address()),
            path: settings["gateways"][0]["receipt_url"].as_str().unwrap().to_owned(),
            from_parameter: "msisdn".into(),
            to_parameter: "to".into(),
            text_parameter: "text".into(),
            id_parameter: "messageId".into(),
            part_parameters: Some(["concat-ref", "concat-total", "concat-part"].map(str::to_owned)),
            more: vec![("type".into(), "unicode".into())],
        };
    });
    let long = "Наступна зупинка: вокзал. ".repeat(8);
    let statuses = provider.send_inbound(PHONE, "15005550006", &long).await.unwrap();
    assert!(statuses.len() > 2 && statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let messages = until(&api, 1).await;
    assert_eq!(messages[0]["parts"], statuses.len());
    // Providers' values are read without the blanks around them.
    let words = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(words(messages[0]["text"].as_str().unwrap()), words(&long));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_brings_long_messages_and_what_the_phones_owner_writes() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    let modem = Modem::start(ModemOptions::on_pty(&link)).await.unwrap();
    let settings = format!("devices = {:?}\nrate = 0", link.display().to_string());
    let server = Server::start(&manifest(&[gateway("modem", "antenna", &settings)])).await;
    let api = server.api();
    api.until_gateway("antenna", "up").await;
    let long = "Grüße [€] 😀 ".repeat(30);
    modem.receive("+15550100123", &long);
    let written = textgate_simulator::Written {
        number: "15550100124".into(),
        to: "whoever".into(),
        text: "by hand".into(),
        via: textgate_simulator::Via::Modem,
    };
    let messages = until(&api, 1).await;
    assert_eq!(texts(&messages), [long.as_str()]);
    assert_eq!((&messages[0]["from"], &messages[0]["missing"]), (&json!("+15550100123"), &json!(0)));
    assert!(modem.handset().write(written));
    assert_eq!(texts(&until(&api, 2).await)[0], "by hand");
    modem.wait_until(PATIENCE, |modem| modem.stored(Memory::Sm).is_empty()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_of_an_alert_acknowledges_it_on_the_phone() {
    let smsc = smsc().await;
    let phones = Phones::start("127.0.0.1:0".parse().unwrap(), &smsc.handset()).await.unwrap();
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "sender = \"12345\"")])).await;
    let api = server.api();
    for (name, number) in [("Ann", PHONE), ("Ben", "15550100102")] {
        api.put(&format!("/v1/contacts/{name}"), json!({"number": number})).await.expect(200);
        api.put(&format!("/v1/contact-groups/{name}s"), json!({"contacts": [name]})).await.expect(200);
    }
    let body =
        json!({"group": "Anns", "text": "db1 is down", "severity": "critical", "escalate_group": "Bens"});
    let raised = api.post("/v1/alerts", body).await.expect(202);
    assert!(raised["escalates_at"].is_string(), "{raised:#}");
    let sent = smsc.wait_for(PATIENCE, |all| !all.is_empty()).await.unwrap();
    let code = sent[0].text.split_whitespace().last().unwrap().to_owned();
    let write = async |text: &str| {
        let form = format!("phone={PHONE}&text={text}");
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let request = client.post(format!("{}write", phones.url())).body(form);
        request.send().await.unwrap().status().as_u16()
    };
    eventually("the phone shows it", async || (write("What+is+it%3F").await == 303).then_some(())).await;
    let path = format!("/v1/alerts/{}", raised["id"].as_str().unwrap());
    until(&api, 1).await;
    assert_eq!(api.get(&path).await.expect(200)["status"], "open", "a text without its code is none");
    // From another phone the code is worth nothing.
    smsc.send_inbound("15550100199", "12345", &code).unwrap();
    until(&api, 2).await;
    assert_eq!(write(&format!("On+my+way.+{code}")).await, 303);
    let acknowledged = eventually("it is acknowledged", async || {
        let alert = api.get(&path).await.expect(200);
        (alert["status"] == "acknowledged").then_some(alert)
    })
    .await;
    assert_eq!(acknowledged["acknowledged_by"], "reply of Ann");
    assert_eq!(acknowledged["escalated_at"], Value::Null);
    assert_eq!(until(&api, 3).await[0]["from"], PHONE);
    tokio::time::timeout(Duration::from_secs(5), phones.shutdown()).await.unwrap();
}

//! What the machinery around the program asks for.

use super::kit::{PATIENCE, PHONE, Server, eventually, http, manifest, metric, nobody, provider, smpp, smsc};
use serde_json::{Value, json};
use textgate_simulator::Status;

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_it_is_alive_and_ready_without_a_key() {
    let mut server = Server::stopped();
    server.serve().await;
    let nobody = server.api_as("");
    assert_eq!(nobody.get("/healthz").await.expect(200), json!({"status": "ok"}));
    assert_eq!(nobody.get("/readyz").await.expect(200), json!({"status": "ok"}));
    let problem = nobody.get("/v1/messages").await;
    assert!(problem.header("www-authenticate").starts_with("Bearer"));
    let kind = problem.expect_problem(401, "unauthorized")["type"].as_str().unwrap().to_owned();
    let meaning = nobody.get(&kind).await.expect(200);
    assert_eq!((&meaning["type"], &meaning["status"]), (&json!(kind), &json!(401)));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_happens_at_each_gateway_and_in_the_store() {
    let (smsc, provider) = (smsc().await, provider().await);
    let gateways = [smpp("main", smsc.address(), "window = 7"), http("backup", provider.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    for kind in ["otp", "otp", "alert"] {
        api.send_until(json!({"to": PHONE, "text": "hello", "kind": kind}), "delivered").await;
    }
    api.post_message(json!({"to": PHONE, "text": ""})).await.expect(400);
    let text = server.metrics().await;
    let is = |name: &str, labels: &[&str], value: f64| {
        assert_eq!(metric(&text, name, labels), value, "{name} {labels:?}\n{text}");
    };
    let main = "gateway=\"main\"";
    is("textgate_messages_accepted_total", &["kind=\"otp\""], 2.0);
    is("textgate_messages_accepted_total", &["kind=\"alert\""], 1.0);
    is("textgate_messages_changed_total", &["state=\"sent\""], 3.0);
    is("textgate_gateway_attempts_total", &[main, "outcome=\"sent\""], 3.0);
    is("textgate_gateway_attempts_total", &["gateway=\"backup\""], 0.0);
    is("textgate_gateway_submit_seconds_count", &[main], 3.0);
    is("textgate_message_wait_seconds_count", &["kind=\"otp\""], 2.0);
    is("textgate_gateway_up", &[main], 1.0);
    is("textgate_gateway_breaker", &[main], 0.0);
    is("textgate_gateway_window", &[main], 7.0);
    is("textgate_gateway_in_flight", &[main], 0.0);
    is("textgate_gateway_waiting", &[main, "lane=\"otp\""], 0.0);
    is("textgate_receipts_total", &[], 3.0);
    is("textgate_possible_duplicates_total", &[], 0.0);
    is("textgate_messages_recovered_total", &[], 0.0);
    assert!(metric(&text, "textgate_store_commit_seconds_count", &[]) >= 3.0);
    assert!(text.contains("virtual_server=\"acme\""));
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    assert!(text.contains("# TYPE textgate_gateway_submit_seconds histogram"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_gateway_that_is_down_is_seen_in_its_lanes() {
    let server = Server::start(&manifest(&[smpp("main", nobody(), "")])).await;
    let api = server.api();
    for kind in ["otp", "text", "text"] {
        api.send(json!({"to": PHONE, "text": "hello", "kind": kind})).await;
    }
    let status = api.until_gateway("main", "down").await;
    assert_eq!(status["waiting"], json!([1, 0, 2]));
    let text = server.metrics().await;
    assert_eq!(metric(&text, "textgate_gateway_waiting", &["lane=\"text\""]), 2.0);
    assert_eq!(metric(&text, "textgate_gateway_up", &["gateway=\"main\""]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_has_every_route_and_every_field_of_every_plugin() {
    let server = Server::start(&manifest(&[smpp("main", nobody(), "")])).await;
    let document = server.api_as("").get("/openapi.json").await.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let routes = [
        ("post", "/v1/messages"),
        ("get", "/v1/messages"),
        ("get", "/v1/messages/{id}"),
        ("delete", "/v1/messages/{id}"),
        ("post", "/v1/messages/{id}/resend"),
        ("get", "/v1/messages.csv"),
        ("get", "/v1/events"),
        ("get", "/v1/metrics/series"),
        ("post", "/v1/messages/batch"),
        ("get", "/v1/sms-settings"),
        ("put", "/v1/sms-settings"),
        ("post", "/v1/sms-settings/test"),
        ("get", "/v1/plugins"),
        ("get", "/v1/virtual-servers"),
        ("post", "/v1/virtual-servers"),
        ("patch", "/v1/virtual-servers/{id}"),
        ("delete", "/v1/virtual-servers/{id}"),
        ("get", "/v1/virtual-servers/{id}/sms-settings"),
        ("post", "/v1/virtual-servers/{id}/allocations"),
        ("get", "/v1/virtual-servers/{id}/api-keys"),
        ("delete", "/v1/virtual-servers/{id}/api-keys/{name}"),
        ("get", "/v1/allocation"),
        ("get", "/v1/audit"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
    ];
    for (method, path) in routes {
        assert!(document["paths"][path][method]["responses"].is_object(), "{method} {path}");
    }
    // What it names is there: a GET of each path without parameters is served.
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(get) = methods.get("get") else { continue };
        // A stream of events has no end to wait for.
        let is_endless = get["responses"]["200"]["content"].get("text/event-stream").is_some();
        if !path.contains('{') && !is_endless {
            let status = server.api().get(path).await.status;
            assert!([200, 403].contains(&status), "{path}: {status}");
        }
    }
    let plugins = server.api().get("/v1/plugins").await.expect(200);
    let schemas = document["components"]["schemas"].to_string();
    let mut names = Vec::new();
    for plugin in plugins["plugins"].as_array().unwrap() {
        names.push(plugin["name"].as_str().unwrap().to_owned());
        for field in plugin["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            assert!(schemas.contains(&format!("\"{name}\":")), "{} {name}", plugin["name"]);
            for member in ["label", "help", "kind"] {
                assert!(!field[member].as_str().unwrap().is_empty(), "{name}");
            }
        }
    }
    assert!(names.contains(&"smpp".into()) && names.contains(&"generic-http".into()), "{names:?}");
    assert_refs_lead_somewhere(&document, &document);
}

/// Each `$ref` of the document names something in it.
fn assert_refs_lead_somewhere(document: &Value, part: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            members.values().for_each(|member| assert_refs_lead_somewhere(document, member));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_refs_lead_somewhere(document, item)),
        _ => {}
    }
}

/// The fields that issue and manual promise, by their names.
#[tokio::test(flavor = "multi_thread")]
async fn the_plugins_have_the_fields_of_the_contract() {
    let server = Server::start(&manifest(&[smpp("main", nobody(), "")])).await;
    let plugins = server.api().get("/v1/plugins").await.expect(200);
    let fields = |plugin: &str| -> Vec<String> {
        let all = plugins["plugins"].as_array().unwrap();
        let found = all.iter().find(|one| one["name"] == plugin).unwrap();
        found["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
    };
    let smpp = "system_id password host port system_type success_contains encoding service_type ton npi flash overwrite \
                sender sender_ton sender_npi tls bind binds window throughput long_messages receipts receipt_id_base unencodable";
    let web = "method plus_for_spaces url destination_parameter message_parameter success_contains parameters use_proxy \
               proxy_url proxy_port proxy_username proxy_password";
    for (plugin, names) in [("smpp", smpp), ("generic-http", web)] {
        let there = fields(plugin);
        for name in names.split_whitespace() {
            assert!(there.iter().any(|field| field == name), "{plugin}: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_read_by_machines_and_follows_a_message_by_its_id() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    server.apply(&manifest(&[smpp("main", smsc.address(), "")]));
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_LOG_FORMAT", "json");
    server.serve_by(command).await;
    let message = server.api().send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    let steps = eventually("each step is in the log", async || {
        let log = server.log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let own: Vec<_> =
            lines.filter(|line| line["message"] == message["id"] || line["id"] == message["id"]).collect();
        (own.len() >= 4).then_some(own)
    })
    .await;
    for (name, value) in [("outcome", "sent"), ("state", "sent"), ("state", "delivered")] {
        assert!(steps.iter().any(|step| step[name] == value), "{name}={value}: {steps:#?}");
    }
    assert!(!server.log().contains(PHONE) && !server.log().contains("hello"));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_be_kept_from_the_listener() {
    let mut server = Server::stopped();
    let config = std::fs::read_to_string(server.path("textgate.toml")).unwrap();
    let config = config.replace("[http]\n", "[http]\nmetrics = false\n");
    std::fs::write(server.path("textgate.toml"), config).unwrap();
    server.serve().await;
    server.api_as("").get("/metrics").await.expect_problem(404, "not-found");
    server.api_as("").get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_phones_send_is_kept_sealed_and_counted() {
    let smsc = smsc().await;
    let server = Server::start(&manifest(&[smpp("main", smsc.address(), "")])).await;
    server.api().until_gateway("main", "up").await;
    smsc.send_inbound(PHONE, "12345", "STOP it, please").unwrap();
    smsc.send_inbound(PHONE, "12345", &"long and longer ".repeat(20)).unwrap();
    let answers = smsc.wait_for_delivery_answers(PATIENCE, |answers| answers.len() >= 3).await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == Status::ROK), "{answers:?}");
    eventually("it is counted", async || {
        (metric(&server.metrics().await, "textgate_inbound_messages_total", &[]) > 0.0).then_some(())
    })
    .await;
    for entry in std::fs::read_dir(server.data_dir()).unwrap().map(Result::unwrap) {
        let octets = std::fs::read(entry.path()).unwrap_or_default();
        assert!(!octets.windows(7).any(|window| window == b"STOP it"), "{}", entry.path().display());
    }
    assert!(!server.log().contains("STOP it") && !server.log().contains(PHONE));
}

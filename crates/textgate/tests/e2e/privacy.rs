//! Erasure and export of one number: what is kept is shown, and afterwards the number is in no octet of the store.

use super::kit::{PHONE, Server, Tenant, eventually, manifest, smpp, smsc};
use serde_json::{Value, json};
use std::path::Path;
use textgate_simulator::Smsc;

const SALES: &str = "tg_sales_key_0123456789abcdef";
const ROOT_KEY: &str = "tg_end_to_end_root_0123456789";

/// The root, `acme` with a gateway, and its child `acme/sales`, which sends by it.
async fn server() -> (Server, Smsc) {
    let smsc = smsc().await;
    let root = Tenant { path: "/", key: ROOT_KEY, more: "", settings: "", gateways: &[] };
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: "credits = 100000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let manifest = root.toml() + &manifest(&[smpp("main", smsc.address(), "")]) + &sales.toml();
    (Server::start(&manifest).await, smsc)
}

/// Every form in which the number could stand in a file.
fn forms(number: &str) -> Vec<(&'static str, Vec<u8>)> {
    let n: u64 = number.parse().unwrap();
    let digits: Vec<u8> = number.bytes().map(|digit| digit - b'0').collect();
    let halves = |swapped: bool| -> Vec<u8> {
        let pair = |pair: &[u8]| {
            let (first, second) = (pair[0], pair.get(1).copied().unwrap_or(0xF));
            if swapped { second << 4 | first } else { first << 4 | second }
        };
        digits.chunks(2).map(pair).collect()
    };
    vec![
        ("digits", number.as_bytes().to_vec()),
        ("national digits", number.as_bytes()[1..].to_vec()),
        ("UTF-16", number.bytes().flat_map(|digit| [0, digit]).collect()),
        ("UTF-16, other way round", number.bytes().flat_map(|digit| [digit, 0]).collect()),
        ("8 octets", n.to_be_bytes().to_vec()),
        ("8 octets, other way round", n.to_le_bytes().to_vec()),
        ("6 octets, as in SQLite's rows", n.to_be_bytes()[2..].to_vec()),
        ("6 octets, other way round", n.to_le_bytes()[..6].to_vec()),
        ("5 octets", n.to_be_bytes()[3..].to_vec()),
        ("semi-octets", halves(false)),
        ("semi-octets as on the air", halves(true)),
    ]
}

/// Where the number is found, and in which form.
fn found(folder: &Path, number: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        let octets = std::fs::read(&path).unwrap();
        for (name, form) in forms(number) {
            let times = octets.windows(form.len()).filter(|window| *window == form).count();
            if times > 0 {
                found.push(format!("{} as {name}, {times} times", path.display()));
            }
        }
    }
    found
}

/// Messages to many, among them this number in both virtual servers, so that pages are split while it stands in them; a contact, an
/// alert, passcodes, an opt-out, a message that it sent, and messages that are still to be sent.
async fn fill(server: &Server, smsc: &Smsc) {
    let (acme, sales) = (server.api(), server.api_as(SALES));
    acme.until_gateway("main", "up").await;
    for round in 0..8 {
        for api in [&acme, &sales] {
            let to = |n: u32| {
                if n.is_multiple_of(7) { PHONE.to_owned() } else { format!("1212555{:04}", round * 100 + n) }
            };
            let message = |n: u32| json!({"to": to(n), "text": format!("text {n} of {round}"), "reference": format!("ref {n}")});
            let messages: Vec<Value> = (0..100).map(message).collect();
            api.post("/v1/messages/batch", json!({"messages": messages})).await.expect(200);
        }
    }
    acme.post("/v1/otp", json!({"to": PHONE})).await.expect(202);
    acme.post_once("order-1", &json!({"to": PHONE, "text": "once"})).await.expect(202);
    acme.put("/v1/contacts/Ann", json!({"number": PHONE})).await.expect(200);
    acme.put("/v1/contacts/Ben", json!({"number": "15550100102"})).await.expect(200);
    acme.put("/v1/contact-groups/ops", json!({"contacts": ["Ann", "Ben"]})).await.expect(200);
    acme.post("/v1/alerts", json!({"to": PHONE, "text": "down"})).await.expect(202);
    let later = json!({"to": PHONE, "text": "later", "send_at": "2100-01-01T00:00:00Z"});
    let year = acme.post_message(later).await;
    assert_eq!(year.status, 400, "too far ahead");
    let soon = in_an_hour();
    acme.post_message(json!({"to": PHONE, "text": "later", "send_at": soon})).await.expect(202);
    smsc.send_inbound(&format!("+{PHONE}"), "4711", "hello there").unwrap();
    eventually("it was taken", async || {
        let metrics = server.metrics().await;
        metrics.contains("textgate_inbound_messages_total 1").then_some(())
    })
    .await;
    acme.post("/v1/opt-outs", json!({"number": PHONE, "note": format!("{PHONE} called")})).await.expect(201);
    eventually("all are sent", async || {
        let waiting = acme.get("/v1/messages?status=accepted").await.expect(200);
        let of_sales = sales.get("/v1/messages?status=accepted").await.expect(200);
        let none = |list: &Value| list["messages"].as_array().unwrap().is_empty();
        (none(&waiting) && none(&of_sales)).then_some(())
    })
    .await;
}

/// An hour from now, in Unix seconds.
fn in_an_hour() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + 3_600
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_the_number_is_in_no_octet_of_the_store_and_everything_adds_up() {
    let (mut server, smsc) = server().await;
    fill(&server, &smsc).await;
    let (root, acme, sales) = (server.api_as(ROOT_KEY), server.api(), server.api_as(SALES));
    assert!(found(&server.data_dir(), PHONE).len() >= 2, "what is searched for would be found");

    // Whose it is gets all of it.
    let kept: Value = serde_json::from_str(&server.cli_ok(&["export", PHONE])).unwrap();
    let of = |path: &str| {
        let all = kept["virtual_servers"].as_array().unwrap();
        all.iter().find(|of| of["path"] == path).unwrap_or_else(|| panic!("{path}: {kept:#}")).clone()
    };
    let count = |of: &Value, what: &str| of[what].as_array().unwrap().len();
    let (of_acme, of_sales) = (of("acme"), of("acme/sales"));
    assert!(
        count(&of_acme, "messages") >= 8 * 15 + 3 && count(&of_sales, "messages") == 8 * 15,
        "{of_acme:#}"
    );
    for what in ["passcodes", "inbound", "contacts", "alerts", "opt_outs", "consents"] {
        assert!(count(&of_acme, what) >= 1, "{what}: {of_acme:#}");
    }
    assert_eq!(
        (&of_acme["is_test_number"], &of_acme["inbound"][0]["text"]),
        (&json!(true), &json!("hello there"))
    );
    assert!(of_acme["messages"].as_array().unwrap().iter().any(|m| m["text"] == "text 0 of 0"));
    assert!(!kept.to_string().contains("1212555"), "nobody else's");

    let (credits, figures) = (sales.credits().await, sales.get("/v1/allocation").await.expect(200));
    let erased = server.cli_ok(&["erase", PHONE, "--yes"]);
    assert!(
        erased.contains("nowhere in the store's files") && erased.contains("of them cancelled first"),
        "{erased}"
    );
    assert_eq!(found(&server.data_dir(), PHONE), Vec::<String>::new(), "while it runs: {erased}");
    let kept: Value = serde_json::from_str(&server.cli_ok(&["export", PHONE])).unwrap();
    let left = kept["virtual_servers"].as_array().unwrap();
    assert_eq!(left.len(), 1, "only that it has opted out: {kept:#}");
    assert_eq!((&left[0]["opt_outs"][0]["number"], &left[0]["messages"]), (&Value::Null, &json!([])));

    // Credits, figures and the audit log add up, and the opt-out holds.
    assert_eq!((sales.credits().await, sales.get("/v1/allocation").await.expect(200)), (credits, figures));
    assert!(server.cli_ok(&["audit", "verify"]).contains("as it was written"));
    let audit = root.get("/v1/audit?action=erased&limit=50").await.expect(200);
    let told: Vec<&str> =
        audit["entries"].as_array().unwrap().iter().filter_map(|e| e["action"].as_str()).collect();
    assert!(told.iter().any(|action| action.contains("120 messages, 120 segments")), "{told:?}");
    acme.post_message(json!({"to": PHONE, "text": "again?"})).await.expect_problem(422, "opted-out");
    assert_eq!(acme.get("/v1/contact-groups").await.expect(200)["groups"][0]["contacts"], json!(["Ben"]));
    acme.send_until(json!({"to": "15550100102", "text": "others go on"}), "delivered").await;
    assert!(!server.log().contains(PHONE), "nor in the log");

    // And over a stop and a start.
    assert!(server.terminate().await);
    assert_eq!(found(&server.data_dir(), PHONE), Vec::<String>::new(), "when it has stopped");
    server.serve().await;
    server.api().post_message(json!({"to": PHONE, "text": "again?"})).await.expect_problem(422, "opted-out");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_store_is_erased_from_all_the_same() {
    let (mut server, smsc) = server().await;
    let api = server.api();
    api.until_gateway("main", "up").await;
    api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    // Nobody takes this one.
    smsc.stop().await;
    api.send(json!({"to": PHONE, "text": "waits"})).await;
    server.kill();
    assert!(!found(&server.data_dir(), PHONE).is_empty());
    let erased = server.cli_ok(&["erase", PHONE, "--yes", "--json"]);
    let erased: Value = serde_json::from_str(&erased).unwrap();
    assert_eq!((&erased["messages"], &erased["cancelled"]), (&json!(2), &json!(1)), "{erased}");
    assert_eq!((&erased["was_searched"], &erased["test_numbers"]), (&json!(true), &json!(1)));
    assert_eq!(found(&server.data_dir(), PHONE), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_erases_and_exports_what_is_its_own_and_no_more() {
    let (server, _smsc) = server().await;
    let (acme, sales) = (server.api(), server.api_as(SALES));
    acme.until_gateway("main", "up").await;
    for api in [&acme, &sales] {
        api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    }
    let asked = || json!({"number": PHONE});
    let kept = sales.post("/v1/personal-data/export", asked()).await.expect(200);
    assert_eq!(kept["virtual_servers"].as_array().unwrap().len(), 1, "not its parent's: {kept:#}");
    let erased = sales.post("/v1/personal-data/erase", asked()).await.expect(200);
    assert_eq!((&erased["messages"], &erased["was_searched"]), (&json!(1), &json!(false)));
    assert_eq!(sales.get("/v1/messages").await.expect(200)["messages"], json!([]));
    assert_eq!(acme.get("/v1/messages").await.expect(200)["messages"].as_array().unwrap().len(), 1);
    let wrong = sales.post("/v1/personal-data/erase", json!({"number": "abc"})).await;
    assert_eq!(wrong.expect_problem(400, "invalid-request")["errors"][0]["path"], "number");
    let secret = server.cli_ok(&["key", "create", "sender", "--vs", "acme", "--role", "send"]);
    let sender = server.api_as(secret.trim());
    sender.post("/v1/personal-data/export", asked()).await.expect_problem(403, "forbidden");
    sender.post("/v1/personal-data/erase", asked()).await.expect_problem(403, "forbidden");
}

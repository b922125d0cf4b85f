//! Phones that want no messages, as programs meet them: refused by every way in, listed, brought, exported, and apart for each tenant.

use super::kit::{Api, PHONE, Server, Tenant, manifest, metric, smpp, smsc};
use serde_json::{Value, json};
use textgate_simulator::Smsc;

const SALES: &str = "tg_sales_key_0123456789abcdef";

/// `acme` with a gateway and its child `acme/sales`, which sends by it.
async fn server() -> (Server, Smsc) {
    let smsc = smsc().await;
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: "credits = 1000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let server = Server::start(&(manifest(&[smpp("main", smsc.address(), "")]) + &sales.toml())).await;
    (server, smsc)
}

fn text() -> Value {
    json!({"to": PHONE, "text": "hello"})
}

async fn out(api: &Api, number: &str) -> Value {
    let body = json!({"number": number, "note": "asked by telephone"});
    api.post("/v1/opt-outs", body).await.expect(201)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_opted_out_of_one_virtual_server_still_hears_from_another() {
    let (mut server, smsc) = server().await;
    let (acme, sales) = (server.api(), server.api_as(SALES));
    let entry = out(&acme, PHONE).await;
    assert_eq!(
        (&entry["number"], &entry["sender"], &entry["source"]),
        (&json!(PHONE), &Value::Null, &json!("api"))
    );
    acme.post("/v1/opt-outs", json!({"number": PHONE})).await.expect(200);
    acme.post_message(text()).await.expect_problem(422, "opted-out");
    acme.post("/v1/sms-settings/test", json!({})).await.expect_problem(422, "opted-out");
    let batch = json!({"messages": [text(), {"to": "15550100101", "text": "hello"}]});
    let results = acme.post("/v1/messages/batch", batch).await.expect(200);
    let statuses: Vec<&Value> = results["results"].as_array().unwrap().iter().map(|r| &r["status"]).collect();
    assert_eq!(statuses, [422, 202], "each for itself: {results}");
    assert_eq!(results["results"][0]["problem"]["type"], "/problems/opted-out");
    // People ask for passcodes.
    acme.send_until(json!({"to": PHONE, "text": "code 4711", "kind": "otp"}), "delivered").await;
    acme.post("/v1/otp", json!({"to": PHONE})).await.expect(202);
    sales.send_until(text(), "delivered").await;
    let sales_list = sales.get("/v1/opt-outs").await.expect(200);
    assert_eq!(sales_list["opt_outs"], json!([]), "tenants do not see each other's");
    let id = entry["id"].as_u64().unwrap();
    sales.delete(&format!("/v1/opt-outs/{id}")).await.expect_problem(404, "not-found");
    // What holds is on disk.
    server.kill();
    server.serve().await;
    let acme = server.api();
    acme.post_message(text()).await.expect_problem(422, "opted-out");
    acme.put("/v1/opt-out-settings", json!({"refuse_passcodes": true})).await.expect(200);
    acme.post_message(json!({"to": PHONE, "text": "code 4711", "kind": "otp"}))
        .await
        .expect_problem(422, "opted-out");
    let metrics = server.metrics().await;
    assert_eq!(metric(&metrics, "textgate_opt_outs", &[]), 1.0);
    assert_eq!(metric(&metrics, "textgate_messages_opted_out_total", &[]), 2.0);
    acme.delete(&format!("/v1/opt-outs/{id}?note=by+mistake")).await.expect(204);
    acme.delete(&format!("/v1/opt-outs/{id}")).await.expect_problem(404, "not-found");
    acme.send_until(text(), "delivered").await;
    let log = acme.get("/v1/opt-outs/log").await.expect(200);
    let said: Vec<_> = log["entries"].as_array().unwrap().iter().map(|e| (&e["wish"], &e["note"])).collect();
    assert_eq!(said, [(&json!("in"), &json!("by mistake")), (&json!("out"), &json!("asked by telephone"))]);
    assert!(smsc.messages().len() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_brought_by_its_lines_and_the_log_leaves_as_csv() {
    let (server, _smsc) = server().await;
    let api = server.api();
    let import = |list: &str| api.post("/v1/opt-outs/import", json!({"list": list}));
    let wrong = import("number\n15550100100\nnonsense\n").await.expect_problem(400, "invalid-request");
    assert_eq!(wrong["errors"][0]["path"], "line 3");
    let none = api.get("/v1/opt-outs").await.expect(200);
    assert_eq!(none["opt_outs"], json!([]), "all or nothing");
    let lines: Vec<String> = (0..1_200).map(|n| format!("1212555{n:04}")).collect();
    let imported = import(&format!("number,sender\n{},ACME\n{}", PHONE, lines.join("\n"))).await.expect(200);
    assert_eq!(imported, json!({"added": 1_201, "known": 0}));
    assert_eq!(import(&lines[0]).await.expect(200), json!({"added": 0, "known": 1}));
    api.post_message(json!({"to": lines[1_199], "text": "x"})).await.expect_problem(422, "opted-out");
    let by = |sender: &str| json!({"to": PHONE, "text": "x", "sender": sender});
    api.post_message(by("acme")).await.expect_problem(422, "opted-out");
    api.post_message(by("Other")).await.expect(202);
    let page = api.get("/v1/opt-outs?limit=1000").await.expect(200);
    let next = page["next"].as_str().unwrap();
    let rest = api.get(&format!("/v1/opt-outs?limit=1000&cursor={next}")).await.expect(200);
    assert_eq!((rest["opt_outs"].as_array().unwrap().len(), &rest["next"]), (201, &Value::Null));
    let one = api.get(&format!("/v1/opt-outs?number={PHONE}")).await.expect(200);
    assert_eq!(one["opt_outs"][0]["sender"], "acme");
    let csv = api.get("/v1/opt-outs/log.csv").await;
    assert_eq!(csv.text.lines().count(), 1_202, "all pages, and the names");
    assert!(
        csv.text.lines().last().unwrap().contains(&format!(",{PHONE},out,acme,import,key acme/app,")),
        "{}",
        csv.text.lines().last().unwrap()
    );
    // A key that only sends sees nothing of it.
    let secret = server.cli_ok(&["key", "create", "sender", "--vs", "acme", "--role", "send"]);
    let sender = server.api_as(secret.trim());
    for path in ["/v1/opt-outs", "/v1/opt-outs/log", "/v1/opt-outs/log.csv", "/v1/opt-out-settings"] {
        sender.get(path).await.expect_problem(403, "forbidden");
    }
}

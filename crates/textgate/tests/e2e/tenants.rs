//! Virtual servers, who pays for whom, and who may do what.

use super::kit::{KEY, PHONE, Server, Tenant, eventually, manifest, smpp, smsc, smsc_that};
use serde_json::{Value, json};
use std::net::SocketAddr;
use textgate_simulator::{Behaviour, Status};

const SALES: &str = "tg_sales_key_0123456789abcdef";
const LABS: &str = "tg_labs_key_0123456789abcdefg";
const ROOT: &str = "tg_root_key_0123456789abcdefg";

fn text(text: &str) -> Value {
    json!({"to": PHONE, "text": text})
}

/// A text of two segments.
fn long_text() -> String {
    "x".repeat(161)
}

/// `acme` with a gateway, its child `acme/sales` in mode Default with these credits, and its child `acme/labs` with nothing.
fn family(at: SocketAddr, credits: u64) -> String {
    let credits = format!("credits = {credits}");
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: &credits,
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let labs = Tenant { path: "acme/labs", key: LABS, more: "", settings: "", gateways: &[] };
    manifest(&[smpp("main", at, "")]) + &sales.toml() + &labs.toml()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_default_messages_leave_through_the_parents_gateway_and_cost_a_credit_a_segment() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 4)).await;
    let sales = server.api_as(SALES);
    let message = sales.send_until(text("one"), "delivered").await;
    assert_eq!(message["attempts"][0]["gateway"], "main");
    assert_eq!(sales.credits().await, (4, 1, 3));
    sales.send_until(text(&long_text()), "delivered").await;
    assert_eq!(sales.credits().await, (4, 3, 1));
    let refused = sales.post_message(text(&long_text())).await.expect_problem(402, "no-credits");
    assert_eq!((&refused["needed"], &refused["remaining"]), (&json!(2), &json!(1)));
    assert!(refused["detail"].as_str().unwrap().contains("ask your service provider"), "{refused}");
    assert_eq!(sales.credits().await, (4, 3, 1), "what is refused costs nothing");
    server.api().send_until(text("the parent's own costs nothing"), "delivered").await;
    assert_eq!(sales.credits().await, (4, 3, 1));
    assert_eq!(smsc.messages().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn mode_default_without_an_allocation_is_refused_with_what_to_do() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 1)).await;
    let labs = server.api_as(LABS);
    // A virtual server is born in mode Default; choosing it takes an allocation.
    labs.post_message(text("x")).await.expect_problem(402, "no-credits");
    let shown = labs.get("/v1/sms-settings").await.expect(200);
    assert!(shown["default_unavailable"].as_str().unwrap().contains("not allocated SMS credits"), "{shown}");
    let own = json!({"plugin": "smpp", "settings": {"system_id": "labs", "host": "127.0.0.1", "port": smsc.port()}});
    labs.put("/v1/sms-settings", json!({"mode": "custom", "gateways": [own]})).await.expect(200);
    let default = json!({"mode": "default"});
    let problem = labs.put("/v1/sms-settings", default).await.expect_problem(400, "invalid-request");
    let error = &problem["errors"][0];
    assert_eq!(error["path"], "mode");
    let words = error["message"].as_str().unwrap();
    assert!(words.contains("not allocated SMS credits") && words.contains("Custom"), "{words}");
    let id = server.api().virtual_server("acme/labs").await.unwrap();
    let path = format!("/v1/virtual-servers/{id}/allocations");
    server.api().post(&path, json!({"credits": 2, "note": "for trial"})).await.expect(201);
    labs.put("/v1/sms-settings", json!({"mode": "default"})).await.expect(200);
    labs.send_until(text("x"), "delivered").await;
    assert_eq!(labs.credits().await, (2, 1, 1));
    let ledger = server.api().get(&path).await.expect(200);
    assert_eq!(
        (&ledger["allocations"][0]["change"], &ledger["allocations"][0]["note"]),
        (&json!(2), &json!("for trial"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_send_at_once_credits_never_go_below_zero() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 21)).await;
    let sales = server.api_as(SALES);
    let sends = (0..60).map(|n| {
        let sales = sales.clone();
        tokio::spawn(async move {
            let (segments, body) = if n % 2 == 0 { (2, long_text()) } else { (1, "short".into()) };
            (segments, sales.post_message(text(&body)).await.status)
        })
    });
    let mut spent = 0;
    for send in sends.collect::<Vec<_>>() {
        match send.await.unwrap() {
            (segments, 202) => spent += segments,
            (_, status) => assert_eq!(status, 402),
        }
    }
    let (allocated, used, remaining) = sales.credits().await;
    assert_eq!((allocated, used, remaining), (21, spent, 21 - spent));
    assert!(remaining < 2, "all that could be sent was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_is_itself_default_pays_its_own_parent_in_turn() {
    let smsc = smsc().await;
    let gateways = [smpp("main", smsc.address(), "")];
    let root = Tenant { path: "/", key: ROOT, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let default = "mode = \"default\"";
    let acme = Tenant { path: "acme", key: KEY, more: "credits = 2", settings: default, gateways: &[] };
    let sales =
        Tenant { path: "acme/sales", key: SALES, more: "credits = 10", settings: default, gateways: &[] };
    let server = Server::start(&(root.toml() + &acme.toml() + &sales.toml())).await;
    let (acme, sales) = (server.api(), server.api_as(SALES));
    sales.send_until(text("x"), "delivered").await;
    assert_eq!((sales.credits().await, acme.credits().await), ((10, 1, 9), (2, 1, 1)));
    acme.send_until(text("x"), "delivered").await;
    assert_eq!((sales.credits().await, acme.credits().await), ((10, 1, 9), (2, 2, 0)));
    // It has credits itself; who stands above it has none left.
    sales.post_message(text("x")).await.expect_problem(402, "no-credits");
    assert_eq!(sales.credits().await, (10, 1, 9));
    assert_eq!(smsc.messages().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_come_back_where_nothing_was_sent() {
    let smsc = smsc_that(Behaviour::refusing(Status::RINVDSTADR)).await;
    let server = Server::start(&family(smsc.address(), 5)).await;
    let sales = server.api_as(SALES);
    sales.send_until(text(&long_text()), "failed").await;
    // Recorded with the same commit as the state.
    assert_eq!(sales.credits().await, (5, 0, 5));
    let at = (jiff::Timestamp::now() + std::time::Duration::from_secs(600)).to_string();
    let id = sales.send(json!({"to": PHONE, "text": "later", "send_at": at})).await;
    assert_eq!(sales.credits().await, (5, 1, 4));
    sales.delete(&format!("/v1/messages/{id}")).await.expect(200);
    assert_eq!(sales.credits().await, (5, 0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_own_virtual_server_and_those_below_and_nothing_else() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 5)).await;
    let (acme, sales) = (server.api(), server.api_as(SALES));
    let paths = |list: &Value| -> Vec<String> {
        let servers = list["virtual_servers"].as_array().unwrap().iter();
        let mut paths: Vec<_> = servers.map(|server| server["path"].as_str().unwrap().to_owned()).collect();
        paths.sort();
        paths
    };
    let of_acme = acme.get("/v1/virtual-servers").await.expect(200);
    assert_eq!(paths(&of_acme), ["acme", "acme/labs", "acme/sales"]);
    assert_eq!(paths(&sales.get("/v1/virtual-servers").await.expect(200)), ["acme/sales"]);
    let id = async |path: &str| acme.virtual_server(path).await.unwrap();
    let (own, parent, sibling) = (id("acme/sales").await, id("acme").await, id("acme/labs").await);
    for stranger in [parent, sibling, 1, 4_000_000_000] {
        for below in ["", "/sms-settings", "/api-keys", "/allocations"] {
            let path = format!("/v1/virtual-servers/{stranger}{below}");
            sales.get(&path).await.expect_problem(404, "not-found");
        }
        let path = format!("/v1/virtual-servers/{stranger}");
        sales.delete(&path).await.expect_problem(404, "not-found");
        sales.patch(&path, json!({"name": "mine"})).await.expect_problem(404, "not-found");
        let key = json!({"name": "stolen"});
        sales.post(&format!("{path}/api-keys"), key).await.expect_problem(404, "not-found");
        let child = json!({"parent": stranger, "name": "mine"});
        sales.post("/v1/virtual-servers", child).await.expect_problem(404, "not-found");
    }
    let path = format!("/v1/virtual-servers/{own}");
    acme.get(&format!("{path}/sms-settings")).await.expect(200);
    sales.get(&path).await.expect(200);
    // Nobody gives credits to himself, or removes himself.
    let more = json!({"credits": 100});
    sales.post(&format!("{path}/allocations"), more).await.expect_problem(403, "forbidden");
    sales.delete(&path).await.expect_problem(403, "forbidden");
    let entries = sales.get("/v1/audit").await.expect(200)["entries"].as_array().unwrap().clone();
    assert!(!entries.is_empty() && entries.iter().all(|entry| entry["virtual_server"] == own), "{entries:?}");
    assert_eq!(sales.credits().await, (5, 0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_role_send_sends_and_reads_and_does_nothing_else() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 5)).await;
    let acme = server.api();
    let id = acme.virtual_server("acme").await.unwrap();
    let keys = format!("/v1/virtual-servers/{id}/api-keys");
    let made = acme.post(&keys, json!({"name": "sender", "role": "send"})).await.expect(201);
    let sender = server.api_as(made["secret"].as_str().unwrap());
    let message = sender.send_until(text("hello"), "delivered").await;
    assert_eq!(sender.get("/v1/messages").await.expect(200)["messages"][0]["id"], message["id"]);
    for path in ["/v1/sms-settings", "/v1/virtual-servers", "/v1/plugins", &keys, "/v1/audit"] {
        sender.get(path).await.expect_problem(403, "forbidden");
    }
    sender.put("/v1/sms-settings", json!({"mode": "default"})).await.expect_problem(403, "forbidden");
    sender.post("/v1/sms-settings/test", json!({})).await.expect_problem(403, "forbidden");
    sender.post(&keys, json!({"name": "more"})).await.expect_problem(403, "forbidden");
    let message = format!("/v1/messages/{}", message["id"].as_str().unwrap());
    sender.delete(&message).await.expect_problem(403, "forbidden");

    acme.post(&keys, json!({"name": "sender"})).await.expect_problem(409, "conflict");
    acme.delete(&format!("{keys}/sender")).await.expect(204);
    sender.post_message(text("hello")).await.expect_problem(401, "unauthorized");
    assert_eq!(smsc.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_rate_is_told_when_to_come_again() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 5)).await;
    let acme = server.api();
    let id = acme.virtual_server("acme").await.unwrap();
    let limited = json!({"name": "slow", "role": "send", "rate": 2});
    let made = acme.post(&format!("/v1/virtual-servers/{id}/api-keys"), limited).await.expect(201);
    let slow = server.api_as(made["secret"].as_str().unwrap());
    let mut accepted = 0;
    let limited = eventually("the limit is met", async || {
        let answer = slow.post_message(text("x")).await;
        accepted += usize::from(answer.status == 202);
        (answer.status != 202).then_some(answer)
    })
    .await;
    assert!(accepted >= 2, "{accepted}");
    let seconds: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&seconds));
    limited.expect_problem(429, "rate-limited");
    acme.send_until(text("other keys are not held up"), "delivered").await;
    eventually("it may send again", async || {
        (slow.post_message(text("x")).await.status == 202).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_servers_are_made_renamed_and_removed_by_those_above() {
    let smsc = smsc().await;
    let server = Server::start(&family(smsc.address(), 5)).await;
    let acme = server.api();
    let made = acme.post("/v1/virtual-servers", json!({"name": "Süd"})).await;
    let id = made.body["id"].as_u64().unwrap();
    assert_eq!(made.header("location"), format!("/v1/virtual-servers/{id}"));
    assert_eq!(made.expect(201)["path"], "acme/Süd");
    let path = format!("/v1/virtual-servers/{id}");
    acme.post("/v1/virtual-servers", json!({"name": "Süd"})).await.expect_problem(409, "conflict");
    acme.post("/v1/virtual-servers", json!({"name": "a/b"})).await.expect_problem(400, "invalid-request");
    assert_eq!(acme.patch(&path, json!({"name": "South"})).await.expect(200)["path"], "acme/South");
    let below = acme.post("/v1/virtual-servers", json!({"parent": id, "name": "deeper"})).await.expect(201);
    acme.delete(&path).await.expect_problem(409, "conflict");
    acme.delete(&format!("/v1/virtual-servers/{}", below["id"])).await.expect(204);
    acme.delete(&path).await.expect(204);
    acme.get(&path).await.expect_problem(404, "not-found");
}

//! The fraud guard, from outside: rules, limits, blocked ranges and their release, dry run, and what each tenant sees.

use super::kit::{PHONE, Server, Tenant, manifest, metric, smpp, smsc};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use textgate_sms::VsId;
use textgate_store::GuardBlock;

const SALES: &str = "tg_sales_key_0123456789abcdef";

fn passcode(to: &str) -> Value {
    json!({"to": to, "text": "code 493817", "kind": "otp", "purpose": "sign-in", "ip": "192.0.2.7"})
}

/// `acme` with a gateway and its child `acme/sales`, which may send by it.
async fn server(rules: &str) -> (Server, textgate_simulator::smsc::Smsc) {
    let smsc = smsc().await;
    let sales = Tenant {
        path: "acme/sales",
        key: SALES,
        more: "credits = 1000",
        settings: "mode = \"default\"",
        gateways: &[],
    };
    let guard = if rules.is_empty() { String::new() } else { format!("[virtual_server.guard]\n{rules}\n") };
    let server =
        Server::start(&(manifest(&[smpp("main", smsc.address(), "")]) + &guard + &sales.toml())).await;
    (server, smsc)
}

fn count<'a>(counts: &'a Value, reason: &str) -> &'a Value {
    let counts = counts.as_array().unwrap();
    counts.iter().find(|count| count["reason"] == reason).map_or(&Value::Null, |count| &count["count"])
}

#[tokio::test(flavor = "multi_thread")]
async fn passcodes_are_limited_and_only_where_the_rules_say() {
    let (server, smsc) =
        server("countries = [\"US\", \"DE\"]\nlimits = [{ per = \"number\", limit = 2, window_s = 3600 }]")
            .await;
    let api = server.api();
    for _ in 0..2 {
        api.send_until(passcode(PHONE), "delivered").await;
    }
    let answer = api.post_message(passcode(PHONE)).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=4_050).contains(&wait), "{wait}");
    let problem = answer.expect_problem(429, "too-many-passcodes");
    assert!(!problem.to_string().contains("number"), "which limit it was is not told: {problem}");
    // Neither another number, nor a message that is no passcode.
    api.send_until(passcode("15550100101"), "delivered").await;
    api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    for (to, reason) in [("33612345678", "country"), ("499001234567", "premium"), ("4915001", "unallocated")]
    {
        let refused = api.post_message(passcode(to)).await.expect_problem(403, "number-refused");
        assert!(!refused.to_string().contains(reason), "{refused}");
        let report = api.get("/v1/guard/report").await.expect(200);
        assert_eq!(count(&report["refused"], reason), &json!(1), "{to}: {report}");
        assert_eq!(report["latest"][0]["reason"], reason);
    }
    let metrics = server.metrics().await;
    for reason in ["limit_number", "country", "premium", "unallocated"] {
        assert_eq!(metric(&metrics, "textgate_guard_refused_total", &[&format!("reason=\"{reason}\"")]), 1.0);
    }
    assert_eq!(smsc.messages().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_without_conversions_is_blocked_and_released_and_the_block_outlives_a_restart() {
    let (mut server, _smsc) = server("limits = []\nblock_s = 86400").await;
    let api = server.api();
    // People: their codes are entered.
    for n in 0..25 {
        let id = api.send(passcode(&format!("1212555{:04}", n * 37))).await;
        let path = format!("/v1/messages/{id}/converted");
        api.post(&path, json!({})).await.expect(204);
    }
    // Somebody else: nobody enters them.
    let mut sent = 0;
    for n in 0..60 {
        let answer = api.post_message(passcode(&format!("491573123{n:04}"))).await;
        match answer.status {
            202 => sent += 1,
            _ => drop(answer.expect_problem(429, "too-many-passcodes")),
        }
    }
    assert!((20..30).contains(&sent), "so many may wait for their code to be entered: {sent}");
    api.send(passcode("12125559999")).await;
    let report = api.get("/v1/guard/report").await.expect(200);
    assert_eq!(count(&report["refused"], "full_range"), &json!(60 - sent), "{report}");
    assert_eq!(report["latest"][0]["range"], "491573123");
    assert!(!report.to_string().contains("4915731230059"), "no whole number is shown");
    // That time brings the block is proven under a clock that can be held; here one stands in the store.
    let acme = api.virtual_server("acme").await.unwrap();
    assert!(server.terminate().await);
    block(&server, acme, 491_573_123).await;
    server.serve().await;
    let api = server.api();
    let blocks = api.get("/v1/guard/blocks").await.expect(200);
    assert_eq!(
        (&blocks["blocks"][0]["range"], &blocks["blocks"][0]["country"]),
        (&json!("491573123"), &json!("DE"))
    );
    api.post_message(passcode("4915731230001")).await.expect_problem(429, "too-many-passcodes");
    let listed = server.cli_ok(&["guard", "blocks", "--vs", "acme"]);
    assert!(listed.contains("491573123"), "{listed}");
    let sales = server.api_as(SALES);
    assert_eq!(sales.get("/v1/guard/blocks").await.expect(200)["blocks"], json!([]), "each has its own");
    sales
        .delete(&format!("/v1/virtual-servers/{acme}/guard/blocks/491573123"))
        .await
        .expect_problem(404, "not-found");
    server.cli_ok(&["guard", "release", "491573123", "--vs", "acme"]);
    api.send(passcode("4915731230001")).await;
    api.delete("/v1/guard/blocks/491573123").await.expect_problem(404, "not-found");
    let audit = api.get("/v1/audit?action=released").await.expect(200);
    assert!(audit["entries"][0]["action"].as_str().unwrap().contains("491573123"), "{audit}");
}

/// Puts a block of a day into the store of a server that is stopped.
async fn block(server: &Server, vs: u64, range: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let store = server.store();
    let vs = VsId(u32::try_from(vs).unwrap());
    let until_ms = now + 86_400_000;
    let block = GuardBlock { vs, range, began_ms: now, until_ms, times: 1, excused_until_ms: 0 };
    store.keep_guard_blocks(vec![block], vec![], vec![]).await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_refuses_nothing_and_a_child_is_never_freer_than_its_parent() {
    let (server, _smsc) = server("mode = \"dry_run\"\ncountries = [\"DE\"]").await;
    let api = server.api();
    api.send_until(passcode(PHONE), "delivered").await;
    let report = api.get("/v1/guard/report").await.expect(200);
    assert_eq!((&report["refused"], count(&report["would_refuse"], "country")), (&json!([]), &json!(1)));
    assert_eq!(report["latest"][0]["is_dry_run"], true);

    let sales = server.api_as(SALES);
    let shown = sales.get("/v1/guard").await.expect(200);
    assert_eq!((&shown["own"], &shown["in_force"]["countries"]), (&Value::Null, &json!(["DE"])));
    api.put("/v1/guard", json!({"countries": ["DE", "US"]})).await.expect(200);
    let loose = json!({"mode": "off", "countries": ["US", "FR"], "refuse_premium": false, "limits": []});
    let shown = sales.put("/v1/guard", loose).await.expect(200);
    let in_force = &shown["in_force"];
    assert_eq!((&in_force["mode"], &in_force["countries"]), (&json!("on"), &json!(["US"])));
    assert_eq!(in_force["refuse_premium"], true);
    sales.post_message(passcode("33612345678")).await.expect_problem(403, "number-refused");
    sales.send_until(passcode(PHONE), "delivered").await;
    // Nothing of it is another's to see or change.
    let acme = api.virtual_server("acme").await.unwrap();
    sales.get(&format!("/v1/virtual-servers/{acme}/guard")).await.expect_problem(404, "not-found");
    let wrong = json!({"mode": "maybe", "countries": ["XX"], "limits": [{"per": "number", "limit": 0, "window_s": 60}]});
    let problem = sales.put("/v1/guard", wrong).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(2), "{problem}");
    let shown = sales.delete("/v1/guard").await.expect(200);
    assert_eq!((&shown["own"], &shown["in_force"]["countries"]), (&Value::Null, &json!(["DE", "US"])));
    let audit = api.get("/v1/audit?action=fraud").await.expect(200);
    assert_eq!(audit["entries"][0]["action"], "removed the fraud guard's rules of virtual server \"sales\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_has_put_rules_messages_are_not_judged() {
    let (server, _smsc) = server("").await;
    let api = server.api();
    for _ in 0..8 {
        api.send(passcode(PHONE)).await;
    }
    let shown = api.get("/v1/guard").await.expect(200);
    assert_eq!((&shown["is_for_messages"], &shown["in_force"]["mode"]), (&json!(false), &json!("on")));
    assert!(shown["notices"][0].as_str().unwrap().contains("no country is chosen"), "{shown}");
    let text = json!({"to": PHONE, "text": "hello"});
    let id = api.send(text).await;
    api.post(&format!("/v1/messages/{id}/converted"), json!({})).await.expect_problem(409, "conflict");
    api.post("/v1/messages/0000000000000/converted", json!({})).await.expect_problem(404, "not-found");
}

//! The fraud guard's page and the statistics of gateways: rules, refusals, a block and its release; who may do what.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use textgate_simulator::smsc::Smsc;
use textgate_sms::VsId;
use textgate_store::{GuardBlock, SqliteOptions, SqliteStore, Store as _};

/// acme, with a gateway, people, and a range that is blocked for a day.
async fn guarded() -> (Server, Smsc, u64) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let acme =
        Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    server.apply(&acme.toml());
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "ann", "acme", "auditor");
    let acme = number(&server, "acme");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let store = SqliteStore::open(server.data_dir().join("textgate.db"), SqliteOptions::default()).unwrap();
    let vs = VsId(u32::try_from(acme).unwrap());
    let (range, until_ms) = (491_573_123, now + 86_400_000);
    let block = GuardBlock { vs, range, began_ms: now, until_ms, times: 2, excused_until_ms: 0 };
    store.keep_guard_blocks(vec![block], vec![], vec![]).await.unwrap();
    store.close().await.unwrap();
    server.serve().await;
    (server, smsc, acme)
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_put_refusals_are_told_and_a_block_is_released() {
    let (server, _smsc, acme) = guarded().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api) = (server.address(), server.api());
    let here = format!("/console/vs/{acme}/fraud-guard");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &here).await;
    assert!(browser.text().await.contains("No country is chosen"));
    browser.fill("countries", "de XX").await;
    browser.fill("limits", "number many 600").await;
    browser.submit("#rules").await;
    assert_eq!(browser.count("#problems a").await, 2, "{}", browser.text().await);
    browser.fill("countries", "de us").await;
    browser.fill("limits", "number 1 3600").await;
    browser.submit("#rules").await;
    assert!(
        browser.text().await.contains("The fraud guard's rules were applied."),
        "{}",
        browser.text().await
    );

    let passcode = |to: &str| json!({"to": to, "text": "code 493817", "kind": "otp"});
    api.send_until(passcode(PHONE), "delivered").await;
    api.post_message(passcode(PHONE)).await.expect_problem(429, "too-many-passcodes");
    api.post_message(passcode("33612345678")).await.expect_problem(403, "number-refused");
    api.post_message(passcode("4915731230001")).await.expect_problem(429, "too-many-passcodes");
    look(&browser, "fraud-guard", async |browser| browser.goto(at, &here).await).await;
    let latest = browser.text_of("#latest").await;
    for told in ["Limit per number", "Country not chosen", "Range is blocked", "491573123…"] {
        assert!(latest.contains(told), "{told}: {latest}");
    }
    assert!(!latest.contains("4915731230001") && !latest.contains(PHONE), "no whole number: {latest}");
    browser.press("#blocks details.dialog > summary").await;
    browser.submit("#blocks form").await;
    assert!(browser.text().await.contains("The range 491573123… was released."), "{}", browser.text().await);
    assert!(browser.text_of("#blocks").await.contains("Released"));
    api.send(passcode("4915731230001")).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_the_guard_and_statistics_and_changes_nothing() {
    let (server, _smsc, acme) = guarded().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api) = (server.address(), server.api());
    browser.sign_in(at, "ann").await;
    let statistics = format!("/console/vs/{acme}/gateway-statistics");
    browser.goto(at, &statistics).await;
    assert!(browser.text().await.contains("Nothing was sent yet"));
    for _ in 0..3 {
        let sent = api.send_until(json!({"to": PHONE, "text": "1", "kind": "otp"}), "delivered").await;
        let id = sent["id"].as_str().unwrap();
        api.post(&format!("/v1/messages/{id}/converted"), json!({})).await.expect(204);
    }
    look(&browser, "gateway-statistics", async |browser| browser.goto(at, &statistics).await).await;
    let table = browser.text_of("table").await;
    assert!(
        table.contains("United States (US)") && table.contains("main") && table.contains("100 %"),
        "{table}"
    );
    browser.goto(at, &format!("/console/vs/{acme}/fraud-guard")).await;
    assert!(browser.text_of("#blocks").await.contains("491573123"));
    assert_eq!(browser.count("main form").await, 0);
    browser.close().await;
}

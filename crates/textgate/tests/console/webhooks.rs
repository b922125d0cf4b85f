//! Webhooks in the console: one is added, its secret is shown once, its log is read, events are delivered again.

use crate::browser::{Browser, Options};
use crate::kit::{KEY, PHONE, Server, Tenant, eventually, smpp, smsc};
use crate::pages::look;
use crate::receiver::{Does, Receiver};
use crate::site::{add_user, number};
use serde_json::json;
use textgate_simulator::smsc::Smsc;

/// Pauses that a test can wait for, and an event that fails is given up at once.
const SHORT: &str = "[network]\nallow = [\"127.0.0.0/8\"]\n\
                     [webhooks]\nfirst_pause_ms = 20\nlongest_pause_ms = 200\ngiven_up_after_s = 0\n";

async fn site() -> (Server, Smsc) {
    let smsc = smsc().await;
    let mut server = Server::stopped_with(SHORT);
    let gateways = [smpp("main", smsc.address(), "")];
    let acme =
        Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    server.apply(&acme.toml());
    server.serve().await;
    for (name, role) in [("ada", "administrator"), ("ann", "auditor"), ("olga", "operator")] {
        add_user(&server, name, "acme", role);
    }
    (server, smsc)
}

/// Waits until the log at this address says this of every event.
async fn until_all(browser: &Browser, at: std::net::SocketAddr, path: &str, wanted: &str) {
    eventually(&format!("every event is {wanted}"), async || {
        browser.goto(at, path).await;
        let (log, rows) = (browser.text_of("table").await, browser.count("tbody tr").await);
        (rows >= 2 && log.matches(wanted).count() == rows).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_adds_a_webhook_reads_its_log_and_has_events_delivered_again() {
    let (server, _smsc) = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let receiver = Receiver::start(Does::Answers(500)).await;
    let list = format!("/console/vs/{acme}/webhooks");
    let one = format!("{list}/1");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &list).await;
    assert!(browser.text().await.contains("No webhooks yet"));

    browser.fill("url", "http://169.254.169.254/latest").await;
    browser.submit("main form").await;
    assert_eq!(browser.count("#problems a").await, 1, "the guard says no");
    browser.fill("url", &receiver.url()).await;
    for event in ["message_expired", "message_cancelled", "inbound_received", "alert_raised"] {
        browser.press(&format!("#f-{event}")).await;
    }
    browser.submit("main form").await;
    let secret = browser.text_of("#secret").await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    browser.goto(at, &one).await;
    assert!(!browser.source().await.contains(&secret), "it is shown once");
    let shown = api.get("/v1/webhooks/1").await.expect(200);
    assert_eq!(shown["events"].as_array().unwrap().len(), 7, "{shown}");

    api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    until_all(&browser, at, &one, "Given up").await;
    assert!(browser.text().await.contains("HTTP 500"));
    assert!(browser.text().await.contains("given up after days"), "and what to do about it");
    browser.goto(at, &list).await;
    assert!(browser.text_of("table").await.contains("Failing"));

    receiver.now(Does::Takes);
    browser.goto(at, &one).await;
    browser.submit("tbody tr:last-child form[action$=replay]").await;
    assert!(browser.text().await.contains("Events that are delivered again: 1"));
    let taken = receiver.until_taken(1).await;
    assert_eq!(taken[0].body["type"], "message.sent", "the oldest stands last");
    // What a date field takes by the keyboard depends on the browser's language.
    browser.script("document.querySelector('[name=since]').value = '2026-01-01'").await;
    browser.submit("section:last-of-type form[action$=replay]").await;
    receiver.until_taken(3).await;
    until_all(&browser, at, &one, "Delivered").await;

    browser.press("details.dialog:nth-of-type(1) > summary").await;
    browser.submit("form[action$='/secret']").await;
    let other = browser.text_of("#secret").await;
    assert!(other.starts_with("whsec_") && other != secret);
    assert!(browser.text().await.contains("signed with the secret before as well"));
    browser.press("#f-enabled").await;
    browser.submit("main form.stack").await;
    assert!(browser.text().await.contains("The webhook was changed."));
    assert_eq!(api.get("/v1/webhooks/1").await.expect(200)["status"], "off");
    browser.press("details.dialog:nth-of-type(2) > summary").await;
    browser.submit("form[action$='/remove']").await;
    assert!(browser.text().await.contains("The webhook was removed."));
    assert!(browser.text().await.contains("No webhooks yet"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_sees_the_log_and_neither_the_address_nor_a_form() {
    let (server, _smsc) = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    let receiver = Receiver::start(Does::Takes).await;
    let url = format!("{}/s3cret-path", receiver.url());
    let webhook = json!({"url": url, "events": ["message.sent", "alert.raised"]});
    server.api().post("/v1/webhooks", webhook).await.expect(201);
    server.api().send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    receiver.until_taken(1).await;
    let list = format!("/console/vs/{acme}/webhooks");
    for name in ["ann", "olga"] {
        browser.sign_in(at, name).await;
        browser.goto(at, &list).await;
        if name == "olga" {
            assert_eq!(browser.count("main table").await, 0, "an operator has no part in it");
        } else {
            for page in [list.clone(), format!("{list}/1")] {
                browser.goto(at, &page).await;
                let (source, text) = (browser.source().await, browser.text().await);
                assert!(text.contains("127.0.0.1") && !source.contains("s3cret-path"));
                assert_eq!(browser.count("main form").await, 0);
            }
            assert!(browser.text_of("table").await.contains("message.sent"));
        }
        browser.sign_out().await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pages_break_no_rule_of_accessibility_and_fit_a_phone() {
    let (server, _smsc) = site().await;
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let (takes, refuses) = (Receiver::start(Does::Takes).await, Receiver::start(Does::Answers(500)).await);
    for receiver in [&takes, &refuses] {
        let url = format!("{}/a-long-path-that-does-not-fit-a-phone/of/some/other/program", receiver.url());
        let webhook = json!({"url": url, "events": ["message.sent", "message.delivered", "alert.raised"]});
        api.post("/v1/webhooks", webhook).await.expect(201);
    }
    let Some(browser) = Browser::open_with(Options::default()).await else { return };
    for _ in 0..3 {
        api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    }
    api.post("/v1/alerts", json!({"to": PHONE, "text": "db1 is down"})).await.expect(202);
    takes.until_taken(7).await;
    browser.sign_in(at, "ada").await;
    for (name, page) in
        [("webhooks", "webhooks"), ("webhook", "webhooks/1"), ("webhook-failing", "webhooks/2")]
    {
        let path = format!("/console/vs/{acme}/{page}");
        look(&browser, name, async |browser| browser.goto(at, &path).await).await;
    }
    browser.close().await;
}

//! Alerts in the console: contacts and groups, an alert from its badge to its end, the settings, the page of a link.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;
use textgate_simulator::smsc::Smsc;

async fn with_gateway() -> (Server, Smsc) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
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

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sets_up_who_is_told_and_sees_to_an_alert() {
    let (server, _smsc) = with_gateway().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let to = |page: &str| format!("/console/vs/{acme}/{page}");
    browser.sign_in(at, "olga").await;

    browser.goto(at, &to("contacts")).await;
    browser.fill("name", "Ann <b>").await;
    browser.fill("number", "12").await;
    browser.submit("form.contact").await;
    assert_eq!(browser.count("#problems a").await, 2);
    browser.fill("name", "Ann").await;
    browser.fill("number", PHONE).await;
    browser.submit("form.contact").await;
    assert!(browser.text().await.contains("The contact Ann was saved."));
    browser.fill("group", "ops").await;
    browser.press("#f-contact-Ann-").await;
    browser.submit("form.group").await;
    assert!(browser.text().await.contains("The group ops was saved."));

    browser.goto(at, &to("alert-settings")).await;
    browser.fill("hold_s", "many").await;
    browser.submit("form.watched").await;
    assert_eq!(browser.count("#problems a").await, 1);
    browser.fill("hold_s", "0").await;
    browser.select("group", "ops").await;
    browser.submit("form.watched").await;
    assert!(browser.text().await.contains("The alert settings were applied."));
    let settings = api.get("/v1/alert-settings").await.expect(200);
    assert_eq!((&settings["group"], &settings["hold_s"]), (&json!("ops"), &json!(0)));
    assert_eq!(settings["off"], json!([]));

    let text = "db1 is <script>alert(1)</script> down";
    api.post("/v1/alerts", json!({"group": "ops", "text": text, "severity": "critical"})).await.expect(202);
    browser.goto(at, &to("dashboard")).await;
    assert!(browser.text().await.contains("Open alerts: 1"));
    browser.follow(".notice a").await;
    assert_eq!(browser.here().await, to("alerts"));
    assert!(browser.text().await.contains(text));
    browser.submit("form[action$=acknowledge]").await;
    assert!(browser.text_of("table.alerts").await.contains("Acknowledged (user olga)"));
    browser.submit("form[action$=close]").await;
    assert!(browser.text().await.contains("No open alerts"));
    assert!(browser.text_of("table.past").await.contains("user olga"));
    browser.sign_out().await;

    // An auditor sees that there was one, and not what a program wrote.
    browser.sign_in(at, "ann").await;
    browser.goto(at, &to("alerts")).await;
    assert!(!browser.text().await.contains("db1"));
    assert_eq!(browser.count("form[action$=close]").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pages_break_no_rule_of_accessibility_and_fit_a_phone() {
    let (server, _smsc) = with_gateway().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    api.put("/v1/contacts/Ann", json!({"number": PHONE})).await.expect(200);
    api.put("/v1/contact-groups/ops", json!({"contacts": ["Ann"]})).await.expect(200);
    api.put("/v1/alert-templates/down", json!({"text": "{host} is down"})).await.expect(200);
    for severity in ["info", "warning", "critical"] {
        let body = json!({"group": "ops", "text": "db1 is down", "severity": severity});
        let alert = api.post("/v1/alerts", body).await.expect(202);
        if severity == "info" {
            api.post(&format!("/v1/alerts/{}/close", alert["id"].as_str().unwrap()), json!({}))
                .await
                .expect(200);
        }
    }
    browser.sign_in(at, "ada").await;
    for page in ["alerts", "contacts", "alert-settings"] {
        let path = format!("/console/vs/{acme}/{page}");
        look(&browser, page, async |browser| browser.goto(at, &path).await).await;
    }
    browser.close().await;
}

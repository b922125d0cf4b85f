//! Passcodes in the console: the list without codes, texts tried and saved, settings.

use crate::browser::Browser;
use crate::kit::{KEY, PATIENCE, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;
use textgate_simulator::smsc::Smsc;

/// A tenant that sends through a simulated SMSC, an administrator and an auditor.
async fn sending() -> (Server, Smsc) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let acme =
        Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    server.apply(&acme.toml());
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "ann", "acme", "auditor");
    (server, smsc)
}

#[tokio::test(flavor = "multi_thread")]
async fn passcodes_are_listed_by_number_and_state_without_codes_and_cancelled() {
    let (server, smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let list = format!("/console/vs/{acme}/passcodes");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &list).await;
    assert!(browser.text().await.contains("No passcodes yet"));
    let mut codes = Vec::new();
    let mut ids = Vec::new();
    for (to, purpose) in [(PHONE, "login"), ("15550100101", "payment")] {
        let made = api.post("/v1/otp", json!({"to": to, "purpose": purpose})).await.expect(202);
        ids.push(made["id"].as_str().unwrap().to_owned());
        let text = smsc.next_message(PATIENCE).await.unwrap().text.clone();
        codes.push(text.split(' ').next().unwrap().to_owned());
    }
    api.post(&format!("/v1/otp/{}/check", ids[0]), json!({"code": codes[0]})).await.expect(200);
    browser.goto(at, &list).await;
    let shown = browser.text_of("main").await;
    assert!(shown.contains("Approved") && shown.contains("Pending") && shown.contains("payment"), "{shown}");
    let source = browser.source().await;
    assert!(codes.iter().all(|code| !source.contains(code.as_str())), "a code is shown");
    browser.goto(at, &format!("{list}?to=15550100101&status=pending")).await;
    assert_eq!(browser.count("main tbody tr").await, 1);
    browser.press("td.actions summary").await;
    browser.submit("td.actions form").await;
    assert_eq!(browser.here().await, list);
    assert!(browser.text().await.contains("The passcode was cancelled."));
    let now = api.get(&format!("/v1/otp/{}", ids[1])).await.expect(200);
    assert_eq!(now["status"], "cancelled");
    browser.goto(at, &format!("{list}?to=nobody")).await;
    assert_eq!(browser.count("#problems a").await, 1);
    look(&browser, "passcodes", async |browser| browser.goto(at, &list).await).await;

    browser.goto(at, &list).await;
    browser.sign_out().await;
    browser.sign_in(at, "ann").await;
    browser.goto(at, &list).await;
    assert_eq!(browser.count("main .tabs a").await, 2, "an auditor changes no settings");
    assert_eq!(browser.count("main form[method=post]").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_tried_saved_changed_and_removed() {
    let (server, smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let page = format!("/console/vs/{acme}/passcodes/templates");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &page).await;
    assert!(browser.text().await.contains("Do not share it"), "the shipped texts are there");
    browser.fill("purpose", "login").await;
    browser.fill("locale", "de").await;
    browser.fill("text", "Anmeldung {name}").await;
    browser.submit("#template form").await;
    assert_eq!(browser.count("#problems a").await, 1);
    assert!(browser.text().await.contains("{name}"), "what is wrong is told");
    browser.fill("text", "Anmeldung: {code}, {minutes} min – <b>Acme</b>").await;
    browser.follow("#template button[name=preview]").await;
    let preview = browser.text_of("#preview").await;
    assert!(
        preview.contains("Anmeldung: 123456, 10 min – <b>Acme</b>") && preview.contains("1 (ucs2)"),
        "{preview}"
    );
    assert!(api.get("/v1/otp/templates").await.expect(200)["templates"].as_array().unwrap().is_empty());
    browser.submit("#template form").await;
    assert!(browser.text().await.contains("The text login (de) was saved."));
    api.post("/v1/otp", json!({"to": PHONE, "purpose": "login", "locale": "de"})).await.expect(202);
    assert!(smsc.next_message(PATIENCE).await.unwrap().text.starts_with("Anmeldung: "));
    look(&browser, "passcode-texts", async |browser| browser.goto(at, &page).await).await;
    browser.follow("td.actions a").await;
    browser.fill("text", "{code}").await;
    browser.submit("#template form").await;
    let saved = api.get("/v1/otp/templates").await.expect(200);
    assert_eq!(saved["templates"][0]["text"], "{code}");
    browser.press("td.actions summary").await;
    browser.submit("td.actions form").await;
    assert!(browser.text().await.contains("The text login (de) was removed."));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_put_and_every_problem_is_told_at_its_field() {
    let (server, _smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let page = format!("/console/vs/{acme}/passcodes/settings");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &page).await;
    for (name, value) in [
        ("length", "eleven"),
        ("ttl_s", "7200"),
        ("resend_pauses_s", "60, 30"),
        ("domain", "https://example.com"),
        ("apps", "droid short"),
    ] {
        browser.fill(name, value).await;
    }
    browser.submit("main form.stack").await;
    assert_eq!(browser.count("#problems a").await, 5, "{}", browser.text().await);
    look(&browser, "passcode-settings", async |browser| browser.goto(at, &page).await).await;
    browser.goto(at, &page).await;
    for (name, value) in [
        ("app_name", "Acme"),
        ("length", "8"),
        ("resend_pauses_s", "20, 40"),
        ("domain", "login.example.com"),
        ("apps", "droid FA+9qCX9VSu"),
        ("watch_after_s", "15"),
    ] {
        browser.fill(name, value).await;
    }
    browser.submit("main form.stack").await;
    assert!(browser.text().await.contains("The passcode settings were applied."));
    let settings = api.get("/v1/otp/settings").await.expect(200);
    assert_eq!(
        (&settings["length"], &settings["app_name"], &settings["watch"]),
        (&json!(8), &json!("Acme"), &json!(true))
    );
    assert_eq!((&settings["resend_pauses_s"], &settings["watch_after_s"]), (&json!([20, 40]), &json!(15)));
    assert_eq!(settings["apps"], json!([{"name": "droid", "hash": "FA+9qCX9VSu"}]));
    browser.close().await;
}

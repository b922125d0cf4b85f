//! The opt-outs' pages: the list with its forms, the consent log, the settings; who may do what.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;
use textgate_simulator::smsc::Smsc;

async fn with_people() -> (Server, Smsc, u64) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let acme =
        Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    server.apply(&acme.toml());
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "ann", "acme", "auditor");
    let acme = number(&server, "acme");
    server.serve().await;
    (server, smsc, acme)
}

#[tokio::test(flavor = "multi_thread")]
async fn opt_outs_are_added_found_brought_and_removed_and_the_log_tells() {
    let (server, _smsc, acme) = with_people().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api) = (server.address(), server.api());
    let here = format!("/console/vs/{acme}/opt-outs");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &here).await;
    assert!(browser.text().await.contains("Nobody has opted out"), "{}", browser.text().await);
    browser.fill("number", "+1 555").await;
    browser.submit("#add").await;
    assert_eq!(browser.count("#problems a").await, 1, "{}", browser.text().await);
    browser.fill("number", PHONE).await;
    browser.fill("note", "asked by telephone").await;
    browser.submit("#add").await;
    assert!(browser.text().await.contains("gets no more messages"), "{}", browser.text().await);
    api.post_message(json!({"to": PHONE, "text": "hello"})).await.expect_problem(422, "opted-out");
    browser.fill("list", "15550100101\nnonsense\n15550100102,ACME").await;
    browser.submit("#import").await;
    assert!(browser.text_of("#problems").await.contains("Line 2"), "{}", browser.text().await);
    browser.fill("list", "15550100101\n15550100102,ACME").await;
    browser.submit("#import").await;
    assert!(browser.text().await.contains("Added: 2."), "{}", browser.text().await);
    look(&browser, "opt-outs", async |browser| browser.goto(at, &here).await).await;
    browser.goto(at, &here).await;
    browser.fill("search", "15550100102").await;
    browser.submit("form.filter").await;
    let found = browser.text_of("#opt-outs").await;
    assert!(found.contains("acme") && !found.contains(PHONE), "{found}");
    browser.goto(at, &format!("{here}?search={PHONE}")).await;
    browser.press("#opt-outs details.dialog > summary").await;
    browser.submit("#opt-outs form").await;
    assert!(browser.text().await.contains("The opt-out was removed."), "{}", browser.text().await);
    api.send(json!({"to": PHONE, "text": "hello"})).await;
    look(&browser, "consent-log", async |browser| browser.goto(at, &format!("{here}/log")).await).await;
    browser.goto(at, &format!("{here}/log")).await;
    let log = browser.text_of("#log").await;
    for told in [PHONE, "No messages", "Messages again", "asked by telephone", "user ada", "In a list"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_and_answers_are_set_and_an_auditor_only_reads() {
    let (server, _smsc, acme) = with_people().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api) = (server.address(), server.api());
    let here = format!("/console/vs/{acme}/opt-outs/settings");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &here).await;
    browser.fill("stop_words", "Genug\nstart").await;
    browser.submit("#settings").await;
    assert_eq!(browser.count("#problems a").await, 1, "{}", browser.text().await);
    browser.fill("stop_words", "Genug\nNie wieder").await;
    browser.select("language", "de").await;
    browser.fill("stopped", "Das war's.").await;
    browser.submit("#settings").await;
    assert!(browser.text().await.contains("The opt-out settings are in force."), "{}", browser.text().await);
    let settings = api.get("/v1/opt-out-settings").await.expect(200);
    assert_eq!(settings["stop_words"], json!(["Genug", "Nie wieder"]));
    assert_eq!(settings["texts"], json!([{"language": "de", "stopped": "Das war's."}]));
    look(&browser, "opt-out-settings", async |browser| browser.goto(at, &here).await).await;
    browser.sign_out().await;
    browser.sign_in(at, "ann").await;
    for page in ["opt-outs", "opt-outs/log"] {
        browser.goto(at, &format!("/console/vs/{acme}/{page}")).await;
        assert_eq!(browser.count("main form[method=post]").await, 0, "{page} only shows");
    }
    browser.close().await;
}

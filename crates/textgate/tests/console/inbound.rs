//! Inbound in the console: what phones sent, one phone's messages, and rules that give them to virtual servers below.

use crate::browser::Browser;
use crate::kit::{Api, KEY, PHONE, Server, Tenant, eventually, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use textgate_simulator::smsc::Smsc;

const ROOT_KEY: &str = "tg_inbound_root_0123456789abc";
/// Another phone.
const OTHER: &str = "15550100102";

/// Acme sends by the gateway of the service provider.
async fn site() -> (Server, Smsc) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let root =
        Tenant { path: "/", key: ROOT_KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let acme = Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"default\"", gateways: &[] };
    server.apply(&(root.toml() + &acme.toml()));
    server.serve().await;
    for (name, vs, role) in [
        ("ada", "/", "administrator"),
        ("olga", "/", "operator"),
        ("ann", "/", "auditor"),
        ("al", "acme", "administrator"),
    ] {
        add_user(&server, name, vs, role);
    }
    server.api_as(ROOT_KEY).until_gateway("main", "up").await;
    (server, smsc)
}

/// Waits until this many are there.
async fn until(api: &Api, count: usize) {
    eventually("messages of phones", async || {
        let list = api.get("/v1/inbound").await.expect(200);
        (list["messages"].as_array().unwrap().len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_gives_messages_away_by_rules_and_sees_what_is_left() {
    let (server, smsc) = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "ada").await;
    let page = "/console/vs/1/inbound";
    browser.goto(at, page).await;
    assert!(browser.text().await.contains("No message from a phone yet"), "{}", browser.text().await);

    // What is wrong is told at its field, and what was typed is kept.
    browser.fill("keyword", "two words").await;
    browser.submit("form.rule").await;
    assert_eq!(browser.count("#problems a").await, 1);
    assert_eq!(
        browser.find("[name=keyword]").await.prop("value").await.unwrap().as_deref(),
        Some("two words")
    );
    browser.fill("number", "+12345").await;
    browser.fill("keyword", "Acme").await;
    browser.select("virtual_server", &acme.to_string()).await;
    browser.submit("form.rule").await;
    assert!(browser.text().await.contains("The rule was added."), "{}", browser.text().await);
    let row = browser.text_of("table.rules").await;
    assert!(row.contains("+12345") && row.contains("Acme"), "{row}");

    let evil = "<b onclick=x>Why?</b>";
    smsc.send_inbound(PHONE, "12345", "ACME for the other").unwrap();
    smsc.send_inbound(PHONE, "12345", evil).unwrap();
    smsc.send_inbound(OTHER, "777", "Can I come half an hour later? The train is late again.").unwrap();
    until(&server.api_as(ROOT_KEY), 2).await;
    until(&server.api(), 1).await;
    browser.goto(at, page).await;
    let list = browser.text_of("table.inbound").await;
    assert!(
        list.contains(evil) && list.contains("The train is late") && !list.contains("for the other"),
        "{list}"
    );
    look(&browser, "inbound", async |browser| browser.goto(at, page).await).await;
    // One phone's, however its number is written.
    browser.fill("from", &format!("+{OTHER}")).await;
    browser.submit("form.filter").await;
    let list = browser.text_of("table.inbound").await;
    assert!(list.contains("The train is late") && !list.contains("Why?"), "{list}");

    browser.goto(at, page).await;
    browser.press("table.rules details.dialog > summary").await;
    browser.submit("form[action$=remove]").await;
    assert!(browser.text().await.contains("The rule was removed."), "{}", browser.text().await);
    assert_eq!(browser.count("table.rules").await, 0);
    browser.sign_out().await;

    // An operator reads and sets no rules; an auditor reads no texts; acme sees its own message, and no rules to give it on.
    browser.sign_in(at, "olga").await;
    browser.goto(at, page).await;
    assert!(browser.text().await.contains("The train is late"));
    assert_eq!(browser.count("form.rule").await, 0);
    browser.sign_out().await;
    browser.sign_in(at, "ann").await;
    browser.goto(at, page).await;
    let list = browser.text_of("table.inbound").await;
    assert!(list.contains(OTHER) && !list.contains("The train is late"), "{list}");
    browser.sign_out().await;
    browser.sign_in(at, "al").await;
    browser.goto(at, &format!("/console/vs/{acme}/inbound")).await;
    let list = browser.text_of("table.inbound").await;
    assert!(list.contains("for the other") && !list.contains("The train is late"), "{list}");
    assert_eq!(browser.count("form.rule").await, 0);
    browser.close().await;
}

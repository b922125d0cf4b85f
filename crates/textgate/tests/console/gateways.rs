//! What a gateway's card tells besides its settings: its breaker, its balance, and where its provider can report.

use crate::browser::{Browser, Options};
use crate::kit::{KEY, PHONE, Server, Tenant, answering, eventually, gateway, http, provider_that};
use crate::site::{add_user, number, site};
use serde_json::json;
use std::net::SocketAddr;

/// acme with these gateways, not yet started, and its operator once it is.
fn acme(gateways: &[String]) -> Server {
    let server = Server::stopped();
    let settings = "mode = \"custom\"";
    server.apply(&Tenant { path: "acme", key: KEY, more: "", settings, gateways }.toml());
    server
}

/// An account at seven, which is asked for its balance here.
fn seven(at: SocketAddr) -> String {
    gateway("seven", "main", &format!("api_key = \"s3cret-of-acme\"\napi_address = \"http://{at}\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_is_open_is_told_on_the_dashboard_and_at_the_gateway() {
    // Credentials that are refused open it at once, and for long enough to be looked at.
    let provider = provider_that(answering(401, "who are you?")).await;
    let mut server = acme(&[http("main", provider.address(), "")]);
    server.serve().await;
    add_user(&server, "olga", "acme", "operator");
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "olga").await;
    let (dashboard, settings) =
        (format!("/console/vs/{acme}/dashboard"), format!("/console/vs/{acme}/sms-settings"));
    browser.goto(at, &dashboard).await;
    let row = "#live .table tbody tr";
    assert!(browser.live_text_of(row).await.contains("Closed"));
    server.api().send(json!({"to": PHONE, "text": "hello"})).await;
    eventually("its breaker is open", async || {
        browser.goto(at, &dashboard).await;
        browser.live_text_of(row).await.contains("Open").then_some(())
    })
    .await;
    assert_eq!(browser.live_text_of(&format!("{row} td:nth-child(3) .badge.bad")).await, "Open");
    browser.goto(at, &settings).await;
    assert_eq!(browser.text_of("#gateway-0 .state .badge.bad").await, "Paused after failures");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balance_is_asked_for_by_a_button_with_and_without_a_script() {
    let provider = provider_that(answering(200, r#"{"amount": 593.994, "currency": "EUR"}"#)).await;
    let mut server = acme(&[seven(provider.address())]);
    server.serve().await;
    add_user(&server, "olga", "acme", "operator");
    let path = format!("/console/vs/{}/sms-settings", number(&server, "acme"));
    for scripts in [true, false] {
        let Some(browser) = Browser::open_with(Options { scripts, ..Options::default() }).await else {
            return;
        };
        browser.sign_in(server.address(), "olga").await;
        browser.goto(server.address(), &path).await;
        assert_eq!(browser.count("#balance-0").await, 0);
        browser.press("main button[value=\"balance:0\"]").await;
        eventually("the balance", async || (browser.count("#balance-0").await == 1).then_some(())).await;
        assert_eq!(browser.text_of("#balance-0").await, "Left at the provider: 593.994 EUR");
        if scripts {
            browser.looks("sms-settings-balance").await;
        }
        browser.close().await;
    }
    assert!(provider.requests().iter().all(|request| request.path == "/api/balance"));

    let Some(browser) = Browser::open().await else { return };
    provider.stop().await;
    browser.sign_in(server.address(), "olga").await;
    browser.goto(server.address(), &path).await;
    browser.press("main button[value=\"balance:0\"]").await;
    eventually("why there is none", async || (browser.count("#balance-0").await == 1).then_some(())).await;
    let told = browser.text_of("#balance-0").await;
    assert!(told.starts_with("The provider did not tell: ") && !told.contains("s3cret"), "{told}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_for_receipts_stands_with_the_settings_and_begins_as_the_outside_sees_it() {
    let provider = provider_that(answering(200, "{}")).await;
    let mut server = acme(&[seven(provider.address())]);
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_HTTP_PUBLIC_URL", "https://sms.example.com/gate");
    server.serve_by(command).await;
    add_user(&server, "ada", "acme", "administrator");
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "ada").await;
    browser.goto(at, &format!("/console/vs/{acme}/sms-settings")).await;
    let address = browser.text_of("#receipt-0").await;
    assert!(address.starts_with("https://sms.example.com/gate/receipts/"), "{address}");
    assert!(browser.is_seen(".receipt button[data-copy]").await);
    let setup = browser.text_of(".receipt").await;
    assert!(setup.contains("Address for the provider's calls") && setup.contains("Receipts: "), "{setup}");

    browser.goto(at, &format!("/console/vs/{acme}/users")).await;
    browser.fill("name", "ben@example.com").await;
    browser.submit("main form.stack").await;
    let link = browser.text_of(".secret code").await;
    assert!(link.starts_with("https://sms.example.com/gate/console/invitation/"), "{link}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_an_invitation_begins_as_the_browser_sees_this_console() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "ada").await;
    browser.goto(at, &format!("/console/vs/{acme}/users")).await;
    browser.fill("name", "ben@example.com").await;
    browser.submit("main form.stack").await;
    let link = browser.text_of(".secret code").await;
    assert!(link.starts_with(&format!("http://{at}/console/invitation/")), "{link}");
    browser.close().await;
    // A program that does not say where it is gets the path, and is told so.
    let mut ada = crate::visitor::Visitor::person(at, "ada").await;
    let fields = [("name", "bea"), ("role", "operator"), ("vs", &*acme.to_string())];
    let seen = ada.post(&format!("/console/vs/{acme}/users"), &fields).await;
    assert!(seen.body.contains("before it goes the address of this console"), "{}", seen.body);
    assert!(seen.body.contains(">/console/invitation/"), "{}", seen.body);
}

//! The pages that people see once: the first user's, and an invitation's.

use crate::browser::Browser;
use crate::kit::Server;
use crate::pages::look;
use crate::site::{number, site};
use serde_json::json;
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_breaks_no_rule_of_accessibility_and_fits_a_phone() {
    let mut server = Server::stopped();
    let mut command = server.command(&["serve"]);
    command.stdout(Stdio::null());
    server.serve_by(command).await;
    let link = server.cli_ok(&["user", "set-up-link"]);
    let path = link.trim()[link.find("/console/").unwrap()..].to_owned();
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    look(&browser, "set-up", async |browser| {
        browser.goto(at, &path).await;
        assert!(browser.text().await.contains("Set up textgate"));
    })
    .await;
    look(&browser, "set-up-errors", async |browser| {
        browser.goto(at, &path).await;
        browser.fill("name", "first@example.com").await;
        browser.fill("countries", "DE Austria").await;
        browser.fill("password", "short").await;
        browser.fill("again", "shorter").await;
        browser.submit("main form.stack").await;
        assert!(browser.count("#problems a").await > 0);
    })
    .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn countries_of_the_set_up_are_in_force_and_a_wrong_one_loses_nothing() {
    let mut server = Server::stopped();
    let mut command = server.command(&["serve"]);
    command.stdout(Stdio::null());
    server.serve_by(command).await;
    let link = server.cli_ok(&["user", "set-up-link"]);
    let path = link.trim()[link.find("/console/").unwrap()..].to_owned();
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    let passwords = async || {
        browser.fill("password", "correct horse battery").await;
        browser.fill("again", "correct horse battery").await;
    };
    browser.goto(at, &path).await;
    browser.fill("name", "first@example.com").await;
    browser.fill("countries", "DE Austria").await;
    passwords().await;
    browser.submit("main form.stack").await;
    let told = browser.text_of(".field.has-error").await;
    assert!(told.contains("Austria is no country: enter two letters, for example DE."), "{told}");
    assert_eq!(browser.count("#problems a").await, 1);
    let typed =
        "return ['name', 'countries', 'password'].map(name => document.forms[0].elements[name].value)";
    assert_eq!(browser.script(typed).await, json!(["first@example.com", "DE Austria", ""]));
    assert_eq!(server.cli_ok(&["user", "set-up-link"]).trim(), link.trim(), "nobody is made yet");

    browser.fill("countries", "DE AT").await;
    passwords().await;
    browser.submit("main form.stack").await;
    browser.goto(at, "/console/vs/1/fraud-guard").await;
    let in_force = browser.text_of("#countries").await;
    assert_eq!(in_force, "Passcodes go only to: Austria (AT), Germany (DE)");
    let typed = "return document.querySelector('#rules [name=countries]').value";
    assert_eq!(browser.script(typed).await, "AT DE");
    assert!(!browser.text().await.contains("No country is chosen"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_breaks_no_rule_of_accessibility_and_fits_a_phone() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "ada").await;
    browser.goto(at, &format!("/console/vs/{acme}/users")).await;
    browser.fill("name", "ben@example.com").await;
    browser.submit("main form.stack").await;
    browser.looks("user-link").await;
    let link = browser.text_of(".secret code").await;
    browser.sign_out().await;
    let path = &link[link.find("/console/").unwrap()..];
    look(&browser, "invitation", async |browser| {
        browser.goto(at, path).await;
        assert!(browser.text().await.contains("Welcome, ben@example.com"));
    })
    .await;
    browser.close().await;
}

//! The pages that people see once: the first user's, and an invitation's.

use crate::browser::Browser;
use crate::kit::Server;
use crate::pages::look;
use crate::site::{number, site};
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn set_up_and_invitation_break_no_rule_of_accessibility_and_fit_a_phone() {
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
        browser.fill("password", "short").await;
        browser.fill("again", "shorter").await;
        browser.submit("main form.stack").await;
        assert!(browser.count("#problems a").await > 0);
    })
    .await;
    browser.close().await;

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

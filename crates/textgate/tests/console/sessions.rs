//! What ends a session by itself, and what is told while the store cannot be written. The server's clock and disk are the test's.

use crate::browser::Browser;
use crate::kit::{Server, eventually};
use crate::shim::{ENOSPC, Shim, Word};
use crate::site::{add_user, number, tenants};

const MINUTE_MS: i64 = 60_000;

async fn shimmed() -> (Server, Shim) {
    let mut server = Server::stopped();
    server.apply(&tenants());
    let shim = Shim::new(&server);
    server.serve_by(shim.command(&server)).await;
    add_user(&server, "root", "/", "administrator");
    add_user(&server, "ada", "acme", "administrator");
    (server, shim)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_used_ends_and_one_that_is_used_ends_after_its_longest_time() {
    let (server, shim) = shimmed().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.sign_in(at, "root").await;
    let mut now = 0;
    let mut later = |minutes: i64| {
        now += minutes * MINUTE_MS;
        shim.set(Word::WallOffsetMs, now);
    };
    // Half an hour without use is what it has: each use begins it anew.
    for _ in 0..3 {
        later(29);
        browser.goto(at, "/console/account").await;
        assert_eq!(browser.here().await, "/console/account");
    }
    later(31);
    browser.goto(at, "/console/account").await;
    assert_eq!(browser.here().await, "/console/sign-in?next=%2Fconsole%2Faccount");

    browser.sign_in(at, "root").await;
    // A page that renews itself is no use of it.
    browser.until_shown("[data-live-state]", "Live").await;
    later(31);
    browser.goto(at, "/console/account").await;
    assert!(browser.here().await.starts_with("/console/sign-in"));

    browser.sign_in(at, "root").await;
    for _ in 0..24 {
        later(29);
        browser.goto(at, "/console/account").await;
        assert_eq!(browser.here().await, "/console/account", "it is used, and not twelve hours old");
    }
    later(29);
    browser.goto(at, "/console/account").await;
    assert!(browser.here().await.starts_with("/console/sign-in"), "twelve hours are the longest");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_can_be_written_a_change_is_refused_on_a_page_that_says_so() {
    let (server, shim) = shimmed().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), format!("/console/vs/{}/allocation", number(&server, "acme")));
    browser.sign_in(at, "root").await;
    browser.goto(at, &acme).await;
    shim.set(Word::WriteErrno, ENOSPC);
    browser.fill("credits", "7").await;
    browser.submit("main section.card form").await;
    let text = browser.text_of("main").await;
    assert!(text.contains("Not available at the moment") && text.contains("Nothing was changed"), "{text}");
    let status = browser.script("return performance.getEntriesByType('navigation')[0].responseStatus").await;
    assert_eq!(status, 503);
    browser.looks("unavailable").await;
    shim.set(Word::WriteErrno, 0);
    eventually("it can be written again", async || {
        browser.goto(at, &acme).await;
        browser.fill("credits", "7").await;
        browser.submit("main section.card form").await;
        browser.text().await.contains("7 SMS Credits were allocated").then_some(())
    })
    .await;
    browser.close().await;
}

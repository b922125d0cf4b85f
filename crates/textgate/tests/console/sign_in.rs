//! In and out.

use crate::browser::Browser;
use crate::site::{PASSWORD, site};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_password_is_at_work_and_signs_out_again() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    browser.goto(server.address(), "/console/account").await;
    assert_eq!(browser.here().await, "/console/sign-in?next=%2Fconsole%2Faccount");
    browser.fill("name", "ADA").await;
    browser.fill("password", PASSWORD).await;
    browser.submit("main form.stack").await;
    assert_eq!(browser.here().await, "/console/account");
    browser.sign_out().await;
    browser.goto(server.address(), "/console/account").await;
    assert!(browser.here().await.starts_with("/console/sign-in"));
    browser.close().await;
}

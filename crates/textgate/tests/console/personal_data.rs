//! The page about one number's data: what is kept is counted, and erased after a question.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_number_is_counted_and_erased() {
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
    let Some(browser) = Browser::open().await else { return };
    let (at, api) = (server.address(), server.api());
    api.until_gateway("main", "up").await;
    for _ in 0..2 {
        api.send_until(json!({"to": PHONE, "text": "hello"}), "delivered").await;
    }
    api.put("/v1/contacts/Ann", json!({"number": PHONE})).await.expect(200);
    let here = format!("/console/vs/{acme}/personal-data");
    browser.sign_in(at, "ada").await;
    browser.goto(at, &here).await;
    browser.fill("number", "nobody").await;
    browser.submit("#look").await;
    assert_eq!(browser.count("#problems a").await, 1, "{}", browser.text().await);
    browser.fill("number", "15550100109").await;
    browser.submit("#look").await;
    assert!(browser.text().await.contains("Nothing is kept of this number"));
    let open = async |browser: &Browser| {
        browser.goto(at, &here).await;
        browser.fill("number", PHONE).await;
        browser.submit("#look").await;
    };
    look(&browser, "personal-data", open).await;
    open(&browser).await;
    let found = browser.text_of("#found").await;
    assert!(found.contains("Messages: 2") && found.contains("Contacts: 1"), "{found}");
    browser.press("main details.dialog > summary").await;
    browser.submit("#erase").await;
    assert!(
        browser.text().await.contains("What is kept of the number was erased."),
        "{}",
        browser.text().await
    );
    assert_eq!(api.get("/v1/messages").await.expect(200)["messages"], json!([]));
    assert_eq!(api.get("/v1/contacts").await.expect(200)["contacts"], json!([]));
    browser.sign_out().await;
    browser.sign_in(at, "ann").await;
    browser.goto(at, &here).await;
    assert_eq!(browser.count("#look").await, 0, "only administrators");
    browser.close().await;
}

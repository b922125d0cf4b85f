//! Messages: the list as it grows, its filters, one message's time line, sending again, calling back, and the file.

use crate::browser::Browser;
use crate::kit::{Api, KEY, PATIENCE, PHONE, Server, Tenant, eventually, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number};
use serde_json::json;
use std::net::SocketAddr;
use textgate_simulator::smsc::Smsc;

/// What would be HTML, a formula, or the end of an attribute, if anything shown were not escaped.
const EVIL: &str = "=\"'><img src=x onerror=alert(1)><script>alert(1)</script>";

/// Two tenants, of whom acme sends through a simulated SMSC, and users as in [`site`](crate::site::site).
async fn sending() -> (Server, Smsc) {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let acme =
        Tenant { path: "acme", key: KEY, more: "", settings: "mode = \"custom\"", gateways: &gateways };
    let other = Tenant { path: "other", key: "", more: "", settings: "", gateways: &[] };
    server.apply(&(acme.toml() + &other.toml()));
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "ann", "acme", "auditor");
    add_user(&server, "olga", "acme", "operator");
    add_user(&server, "eve", "other", "administrator");
    (server, smsc)
}

async fn open(browser: &Browser, at: SocketAddr, vs: u64, page: &str) {
    browser.goto(at, &format!("/console/vs/{vs}/{page}")).await;
}

/// A text that is accepted, and not sent before a day has passed.
async fn scheduled(api: &Api) -> String {
    let tomorrow =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 86_400;
    api.send(json!({"to": PHONE, "text": "later", "send_at": tomorrow})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_grows_by_itself_and_a_message_tells_its_whole_way() {
    let (server, _smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    browser.sign_in(at, "olga").await;
    open(&browser, at, acme, "messages").await;
    browser.until_shown("[data-live-state]", "Live").await;
    assert!(browser.text().await.contains("No messages yet"));
    let id =
        api.send_until(json!({"to": PHONE, "text": "hello there", "reference": "r-1"}), "delivered").await;
    let id = id["id"].as_str().unwrap().to_owned();
    browser.until_shown("#live", "Delivered").await;
    assert!(browser.live_text_of("#live").await.contains("r-1"));

    browser.follow("#live tbody a").await;
    assert_eq!(browser.here().await, format!("/console/vs/{acme}/messages/{id}"));
    let line = browser.live_text_of(".timeline").await;
    for told in [
        "Accepted",
        "Taken by the gateway main",
        "The provider's id",
        "Sent",
        "Receipt: delivered",
        "Delivered",
    ] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert!(browser.live_text_of(".facts").await.contains("hello there"));

    browser.press(".dialog > summary").await;
    browser.submit(".dialog form[action$=resend]").await;
    assert!(browser.text().await.contains("was sent again"));
    assert!(browser.live_text_of(".facts").await.contains(&id), "it names the old one");
    browser.until_shown(".facts", "Delivered").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_its_way_is_called_back_and_one_that_was_sent_is_not() {
    let (server, _smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let id = scheduled(&api).await;
    browser.sign_in(at, "ada").await;
    open(&browser, at, acme, &format!("messages/{id}")).await;
    browser.press(".dialog > summary").await;
    browser.submit(".dialog form[action$=cancel]").await;
    assert!(browser.text().await.contains("was called back"));
    assert_eq!(browser.live_text_of(".facts .badge").await, "Cancelled");
    assert_eq!(browser.count(".dialog").await, 0, "there is nothing left to do with it");
    assert_eq!(api.message(&id).await["status"], "cancelled");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_work_without_a_script_and_say_what_is_wrong() {
    let (server, _smsc) = sending().await;
    let options = crate::browser::Options { scripts: false, ..Default::default() };
    let Some(browser) = Browser::open_with(options).await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    api.send_until(json!({"to": PHONE, "text": "1", "kind": "otp", "reference": "code"}), "delivered").await;
    api.send_until(json!({"to": "15550100177", "text": "2", "reference": "words"}), "delivered").await;
    scheduled(&api).await;
    browser.sign_in(at, "olga").await;
    let shown = async |form: &[(&str, &str)], number: &str| {
        open(&browser, at, acme, "messages").await;
        for (name, value) in form {
            browser.select(name, value).await;
        }
        browser.fill("to", number).await;
        browser.submit("form.filter").await;
        (browser.count("#live tbody tr").await, browser.live_text_of("#live").await)
    };
    assert_eq!(shown(&[], "").await.0, 3);
    let (count, text) = shown(&[("kind", "otp"), ("gateway", "main")], "").await;
    assert!(count == 1 && text.contains("code") && !text.contains("words"), "{text}");
    let (count, text) = shown(&[("status", "delivered")], "15550100177").await;
    assert!(count == 1 && text.contains("words"), "{text}");
    assert_eq!(shown(&[("status", "scheduled")], "").await.0, 1);
    assert!(shown(&[("status", "failed")], "").await.1.contains("No message fits"));
    shown(&[("kind", "text")], "+1 555").await;
    assert!(browser.text_of(".summary").await.contains("Number"), "{}", browser.text().await);
    let kind = browser.find("select[name=kind] option[selected]").await.attr("value").await.unwrap();
    assert_eq!(kind.as_deref(), Some("text"), "nothing that was chosen is lost");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_message_brings_is_taken_for_html() {
    let (server, _smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let body = json!({"to": PHONE, "text": EVIL, "reference": EVIL, "sender": "<b>\"'"});
    let id = api.send(body).await;
    eventually("its way has ended", async || {
        let status = api.message(&id).await["status"].clone();
        (status != "accepted").then_some(())
    })
    .await;
    browser.sign_in(at, "ada").await;
    for page in ["messages".to_owned(), format!("messages/{id}")] {
        open(&browser, at, acme, &page).await;
        assert!(browser.text().await.contains(EVIL), "{page}");
        assert_eq!(browser.count("main img, main script, main b").await, 0, "{page}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_sees_no_text_a_passcode_nobody_and_another_tenant_nothing() {
    let (server, _smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    let passcode = json!({"to": PHONE, "text": "493817", "kind": "otp"});
    let passcode = api.send_until(passcode, "delivered").await["id"].clone();
    let text = api.send_until(json!({"to": PHONE, "text": "a secret plan"}), "delivered").await["id"].clone();
    let path = |id: &serde_json::Value| format!("messages/{}", id.as_str().unwrap());
    let file = async |query: &str| {
        let script =
            format!("return fetch('/console/vs/{acme}/messages/export?{query}').then(a => a.text())");
        browser.script(&script).await.as_str().unwrap().to_owned()
    };

    browser.sign_in(at, "ann").await;
    open(&browser, at, acme, &path(&text)).await;
    assert!(browser.live_text_of(".facts").await.contains("Not shown to auditors"));
    assert!(!browser.source().await.contains("a secret plan"));
    assert_eq!(browser.count(".dialog").await, 0, "an auditor changes nothing");
    let told = file("texts=on").await;
    assert!(told.contains(",delivered,") && !told.contains("a secret plan"), "{told}");
    browser.sign_out().await;

    browser.sign_in(at, "ada").await;
    open(&browser, at, acme, &path(&passcode)).await;
    assert!(browser.live_text_of(".facts").await.contains("A passcode: never shown"));
    assert_eq!(browser.count("form[action$=resend]").await, 0);
    let told = file("texts=on").await;
    assert!(told.contains("a secret plan") && !told.contains("493817"), "{told}");
    assert!(!file("status=failed").await.contains(",delivered,"));
    browser.sign_out().await;

    browser.sign_in(at, "eve").await;
    for page in ["messages", "messages/live", "messages/export", "dashboard", "dashboard/live", &path(&text)]
    {
        open(&browser, at, acme, page).await;
        assert!(browser.text().await.contains("There is nothing here"), "{page}: {}", browser.text().await);
    }
    let other = number(&server, "other");
    open(&browser, at, other, &path(&text)).await;
    assert!(browser.text().await.contains("There is nothing here"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_break_no_rule_of_accessibility_with_messages_on_them() {
    let (server, smsc) = sending().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    for n in 0..12 {
        let kind = ["otp", "alert", "text"][n % 3];
        let body = json!({"to": format!("155501001{n:02}"), "text": "hello", "kind": kind, "reference": format!("order-{n}")});
        api.send(body).await;
    }
    let id = api.send_until(
        json!({"to": PHONE, "text": "The pump in hall 3 has stopped.", "kind": "alert"}),
        "delivered",
    );
    let id = id.await["id"].as_str().unwrap().to_owned();
    scheduled(&api).await;
    drop(smsc.next_message(PATIENCE).await);
    browser.sign_in(at, "ada").await;
    for (name, page) in [("messages", "messages".to_owned()), ("message", format!("messages/{id}"))] {
        look(&browser, name, async |browser| open(browser, at, acme, &page).await).await;
    }
    browser.close().await;
}

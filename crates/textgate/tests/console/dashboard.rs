//! The dashboard: where a newcomer begins, and what it shows as messages go.

use crate::browser::Browser;
use crate::kit::{KEY, PHONE, Server, Tenant, eventually, smpp, smsc};
use crate::pages::look;
use crate::site::{add_user, number, site};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_to_the_first_message() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    browser.sign_in(at, "ada").await;
    let acme = number(&server, "acme");
    assert_eq!(browser.here().await, format!("/console/vs/{acme}/dashboard"), "it is the first page");
    let text = browser.text().await;
    assert!(text.contains("No message was sent yet") && text.contains("No gateway is configured"), "{text}");
    assert_eq!(browser.text_of(".empty .button").await, "Open the SMS Settings");
    look(&browser, "dashboard-empty", async |browser| {
        browser.goto(at, &format!("/console/vs/{acme}/dashboard")).await;
    })
    .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_appear_by_themselves_and_fit_their_range() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let tenant = |path, more, settings, gateways| Tenant {
        path,
        key: if path == "acme" { KEY } else { "" },
        more,
        settings,
        gateways,
    };
    let acme = tenant("acme", "", "mode = \"custom\"", &gateways[..]).toml();
    server.apply(&(acme + &tenant("acme/sales", "credits = 40", "", &[]).toml()));
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    add_user(&server, "sally", "acme/sales", "operator");
    let (at, api, acme) = (server.address(), server.api(), number(&server, "acme"));
    api.until_gateway("main", "up").await;
    let Some(browser) = Browser::open().await else { return };
    browser.sign_in(at, "ada").await;
    let shown = async |css: &str, wanted: &str| {
        eventually(&format!("{css} shows {wanted}"), async || {
            let text =
                browser.script(&format!("return document.querySelector({css:?})?.innerText ?? ''")).await;
            text.as_str().is_some_and(|text| text.contains(wanted)).then_some(())
        })
        .await;
    };
    shown("[data-live-state]", "Live").await;
    for _ in 0..3 {
        api.send_until(json!({"to": PHONE, "text": "1", "kind": "otp"}), "delivered").await;
    }
    shown(".tiles", "of 3 accepted").await;
    shown(".tiles", "100.0 % of those sent").await;
    let row = browser.text_of("#live .table tbody").await;
    assert!(row.contains("main") && row.contains("Up") && row.contains("Closed"), "{row}");
    assert_eq!(browser.count("figure.chart svg[role=img]").await, 3);
    browser.press("#messages-numbers > summary").await;
    assert!(browser.text_of("#messages-numbers").await.contains("Delivered"));
    for (range, title) in [("24h", "per ten minutes"), ("7d", "per hour"), ("30d", "per six hours")] {
        browser.follow(&format!(".tabs a[href*=\"range={range}\"]")).await;
        assert!(browser.text_of("#messages").await.contains(title));
        assert!(browser.text_of(".tiles").await.contains("of 3 accepted"));
    }
    browser.follow(".tabs a[href*=\"of=own\"]").await;
    assert!(browser.text_of(".tiles").await.contains("of 3 accepted"));
    browser.sign_out().await;

    browser.sign_in(at, "sally").await;
    let text = browser.text().await;
    assert!(text.contains("through the service provider's gateways"), "{text}");
    assert!(text.contains("Send a test message") && !text.contains("of 3 accepted"), "{text}");
    assert_eq!(browser.here().await, format!("/console/vs/{}/dashboard", number(&server, "acme/sales")));
    assert_ne!(number(&server, "acme/sales"), acme);
    browser.close().await;
}

//! The SMS settings page with each kind of plugin: filled in, applied, tested.

use crate::browser::{Browser, Scheme, Width};
use crate::kit::{PATIENCE, Server, answering, eventually, nobody, provider, provider_that, smsc};
use crate::site::{number, site};

/// The phone of the tests.
pub const PHONE: &str = "15550100100";
/// A control of the first gateway.
pub fn first(field: &str) -> String {
    format!("gateways[0].settings.{field}")
}

/// A browser at the SMS settings of acme, signed in as this user.
pub async fn at_settings(server: &Server, browser: &Browser, user: &str) -> String {
    browser.sign_in(server.address(), user).await;
    let path = format!("/console/vs/{}/sms-settings", number(server, "acme"));
    browser.goto(server.address(), &path).await;
    path
}

impl Browser {
    /// Presses the form's button of this meaning, and waits for the next page.
    pub async fn do_(&self, action: &str) {
        self.follow(&format!("main button[name=do][value=\"{action}\"]:not(.hidden)")).await;
    }

    /// Chooses the plugin of a gateway.
    pub async fn plugin(&self, gateway: usize, plugin: &str) {
        let html = self.find("html").await.element_id();
        self.select(&format!("gateways[{gateway}].plugin"), plugin).await;
        eventually("the plugin's fields", async || {
            let now = self.find("html").await.element_id();
            (now != html).then_some(())
        })
        .await;
    }

    /// Waits until the test message's page says this.
    pub async fn until(&self, wanted: &str) -> String {
        eventually(wanted, async || {
            let text = self.text().await;
            text.contains(wanted).then_some(text)
        })
        .await
    }

    /// The page in both widths and both themes, as it is, by the rules of accessibility.
    pub async fn looks(&self, name: &str) {
        for scheme in [Scheme::Light, Scheme::Dark] {
            self.prefer(scheme).await;
            for width in [Width::Desktop, Width::Phone] {
                self.resize(width).await;
                self.script("window.scrollTo(0, 0); document.activeElement.blur()").await;
                assert!(!self.overflows().await, "{name} is wider than the window, {width:?}");
                let name = if scheme == Scheme::Dark { format!("{name}-dark") } else { name.to_owned() };
                self.picture(&name, width).await;
                self.axe(&format!("{name}, {width:?}")).await;
            }
        }
        self.prefer(Scheme::Light).await;
        self.resize(Width::Desktop).await;
    }
}

const TAKEN: &str =
    r#"{"messages":[{"apiMessageId":"77fb2999","accepted":true,"to":"15550100100","errorCode":null}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_from_signing_in_to_a_message_through_a_preconfigured_provider() {
    let provider = provider_that(answering(202, TAKEN)).await;
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    browser.sign_in(server.address(), "olga").await;
    browser.follow("main .empty .button").await;
    let text = browser.text().await;
    assert!(text.contains("Three steps to a first message"), "{text}");
    assert!(text.contains("No SMS gateway is configured above this virtual server"), "{text}");
    assert_eq!(browser.count("[name=mode][value=default]:disabled").await, 1);
    browser.looks("sms-settings-new").await;

    browser.fill_search("clickatell").await;
    browser.plugin(0, "clickatell").await;
    let text = browser.text().await;
    assert!(text.contains("customization feature from Clickatell"), "{text}");
    browser.fill(&first("api_key"), "s3cret-key-of-acme").await;
    browser.press(".rare > summary").await;
    browser.fill(&first("api_address"), &format!("http://{}", provider.address())).await;
    browser.fill("test_number", PHONE).await;
    browser.fill("preview_text", "Your code is 493817").await;
    browser.press("main button[value=\"preview:0\"]").await;
    eventually("a preview", async || (browser.count("#preview-0").await == 1).then_some(())).await;
    let shown = browser.text_of("#preview-0").await;
    assert!(shown.contains("authorization: ‹API Key›") && shown.contains("493817"), "{shown}");
    assert!(!shown.contains("s3cret") && shown.contains("Segments: 1"), "{shown}");
    browser.looks("sms-settings-clickatell").await;

    browser.do_("test").await;
    let text = browser.until("A gateway took it").await;
    for part in ["primary", "HTTP 202", "The provider answered", "77fb2999", "\"to\":\"•••\""] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    browser.looks("sms-test-sent").await;
    let requests = provider.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].body_text().contains(PHONE), "{requests:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn smpp_is_filled_in_tested_and_its_message_arrives() {
    let smsc = smsc().await;
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let path = at_settings(&server, &browser, "ada").await;
    browser.plugin(0, "smpp").await;
    browser.fill(&first("system_id"), "esme").await;
    browser.fill(&first("host"), &smsc.address().ip().to_string()).await;
    browser.fill(&first("port"), &smsc.address().port().to_string()).await;
    browser.fill(&first("password"), "secret").await;
    // Other's value appears with Other.
    let other = "[name=\"gateways[0].settings.service_type~other\"]";
    assert!(!browser.find(other).await.is_displayed().await.unwrap());
    browser.select(&first("service_type"), "other").await;
    assert!(browser.find(other).await.is_displayed().await.unwrap());
    browser.fill(&first("service_type~other"), "ABC").await;
    browser.press("main button[value=\"preview:0\"]").await;
    eventually("a preview", async || (browser.count("#preview-0").await == 1).then_some(())).await;
    let shown = browser.text_of("#preview-0").await;
    for part in ["submit_sm", "service_type", "ABC", "data_coding", "SMSC default alphabet", "short_message"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    browser.looks("sms-settings-smpp").await;
    browser.fill("test_number", PHONE).await;
    browser.do_("test").await;
    let text = browser.until("It has arrived at the phone").await;
    assert!(text.contains("ESME_ROK") && text.contains("Receipt"), "{text}");
    browser.looks("sms-test-delivered").await;
    let at_smsc = smsc.next_message(PATIENCE).await.unwrap();
    assert_eq!((at_smsc.destination.number.as_str(), at_smsc.text.contains("test message")), (PHONE, true));

    browser.goto(server.address(), &path).await;
    assert!(browser.text().await.contains("Ready"));
    let source = browser.source().await;
    assert!(!source.contains("\"secret\"") && source.contains("set; leave it blank to keep it"));
    assert_eq!(browser.value_of(&first("service_type~other")).await, "ABC");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generic_http_has_its_parameters_and_the_failover_steps_in_where_the_primary_is_down() {
    let provider = provider().await;
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let path = at_settings(&server, &browser, "olga").await;
    browser.plugin(0, "generic-http").await;
    let fill = async |gateway: usize, url: &str| {
        let control = |field: &str| format!("gateways[{gateway}].settings.{field}");
        browser.fill(&control("url"), url).await;
        browser.fill(&control("destination_parameter"), "to").await;
        browser.fill(&control("message_parameter"), "text").await;
    };
    fill(0, &format!("http://{}/sms", nobody())).await;
    for index in 0..2 {
        browser.do_("add-row:0:parameters").await;
        browser.fill(&first(&format!("parameters[{index}].name")), ["user", "token"][index]).await;
        if index == 1 {
            browser.press("[name=\"gateways[0].settings.parameters[1].is_password\"]").await;
        }
        browser.fill(&first(&format!("parameters[{index}].value")), ["acme", "t0ken-of-acme"][index]).await;
    }
    browser.do_("add").await;
    browser.plugin(1, "generic-http").await;
    // What was typed before is still there, the secret without having come back.
    let source = browser.source().await;
    assert!(!source.contains("t0ken-of-acme") && source.contains("typed, and kept until you apply"));
    fill(1, &format!("http://{}/sms", provider.address())).await;
    browser.fill("test_number", PHONE).await;
    browser.press("[data-tabs] li:first-child a").await;
    browser.looks("sms-settings-http").await;
    browser.do_("test").await;
    let text = browser.until("A gateway took it").await;
    for part in ["primary", "Gateway not available", "failover", "HTTP 200"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    browser.looks("sms-test-failover").await;
    assert_eq!(provider.requests().len(), 1);

    browser.goto(server.address(), &path).await;
    browser.do_("down:0").await;
    assert_eq!(browser.value_of("gateways[0].name").await, "failover");
    browser.do_("apply").await;
    assert!(browser.text().await.contains("The SMS settings were applied"));
    assert_eq!(browser.value_of("gateways[0].name").await, "failover");
    let source = browser.source().await;
    assert!(!source.contains("t0ken-of-acme"), "never in the page");
    browser.close().await;
}

//! The console in German: nothing of its own stays in English, and every page holds to the rules there, too.

use crate::browser::{Browser, Options, Width};
use crate::kit::{KEY, PHONE, Server, Tenant, smpp, smsc};
use crate::site::{add_user, number};
use crate::sms_settings_kinds::first;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// A file of texts by whole keys.
fn texts(file: &str) -> BTreeMap<String, String> {
    let table: toml::Table = toml::from_str(file).unwrap();
    let list = |(list, texts): (String, toml::Value)| {
        let texts = texts.as_table().unwrap().clone().into_iter();
        texts.map(move |(key, text)| (format!("{list}.{key}"), text.as_str().unwrap().to_owned())).collect()
    };
    table.into_iter().flat_map(|entry| -> Vec<(String, String)> { list(entry) }).collect()
}

/// English texts that no German one is like.
fn english_only() -> BTreeSet<String> {
    let (en, de) = (
        [
            texts(include_str!("../../../console/texts/en.toml")),
            texts(include_str!("../../../console/texts/webhooks-en.toml")),
        ],
        [
            texts(include_str!("../../../console/texts/de.toml")),
            texts(include_str!("../../../console/texts/webhooks-de.toml")),
        ],
    );
    let german: BTreeSet<&String> = de.iter().flat_map(BTreeMap::values).collect();
    en.iter()
        .flat_map(BTreeMap::values)
        .filter(|text| !text.contains('{') && !german.contains(text))
        .cloned()
        .collect()
}

/// Every text on the page that is not marked as English.
const SHOWN: &str = "const shown = [];
const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (!node.parentElement.closest('[lang=en], code, script, style')) shown.push(node.data.trim());
  } else for (const name of ['aria-label', 'placeholder', 'alt', 'title', 'data-label', 'data-on', 'data-off', 'data-copied']) {
    if (node.hasAttribute(name) && !node.closest('[lang=en]')) shown.push(node.getAttribute(name).trim());
  }
}
return shown;";

impl Browser {
    /// The page in both widths: by the rules, and with nothing English in it.
    async fn is_german(&self, name: &str, english: &BTreeSet<String>) {
        assert_eq!(self.script("return document.documentElement.lang").await, "de", "{name}");
        let shown = self.script(SHOWN).await;
        let shown = shown.as_array().unwrap().iter().filter_map(|text| text.as_str());
        let left: BTreeSet<&str> = shown.filter(|text| english.contains(*text)).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        self.fits(name).await;
        for width in [Width::Desktop, Width::Phone] {
            self.resize(width).await;
            assert!(!self.overflows().await, "{name} is wider than the window, {width:?}");
            self.picture(&format!("german-{name}"), width).await;
            self.axe(&format!("german {name}, {width:?}")).await;
        }
        self.resize(Width::Desktop).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_the_consoles_own_stays_english_on_a_german_page() {
    let smsc = smsc().await;
    let mut server = Server::stopped();
    let gateways = [smpp("main", smsc.address(), "")];
    let acme = Tenant {
        path: "acme",
        key: KEY,
        more: "credits = 90",
        settings: "mode = \"custom\"",
        gateways: &gateways,
    };
    let below = Tenant { path: "acme/sales", key: "", more: "credits = 10", settings: "", gateways: &[] };
    server.apply(&(acme.toml() + &below.toml()));
    server.serve().await;
    add_user(&server, "ada", "acme", "administrator");
    let sent = server.api().send_until(json!({"to": PHONE, "text": "hallo"}), "delivered").await;
    let webhook = json!({"url": "https://example.com/hook", "events": ["message.sent"]});
    server.api().post("/v1/webhooks", webhook).await.expect(201);
    let Some(browser) = Browser::open_with(Options { language: "de", ..Options::default() }).await else {
        return;
    };
    let (at, english) = (server.address(), english_only());
    let (acme, sales) = (number(&server, "acme"), number_of_sales(&server).await);
    assert!(english.len() > 200);
    browser.goto(at, "/console/sign-in").await;
    browser.is_german("sign-in", &english).await;
    browser.sign_in(at, "ada").await;
    let message = format!("messages/{}", sent["id"].as_str().unwrap());
    for page in [
        "dashboard",
        "allocation",
        "sms-settings",
        "messages",
        &message,
        "providers",
        "providers/smpp",
        "providers/clickatell",
        "fraud-guard",
        "gateway-statistics",
        "passcodes",
        "passcodes/templates",
        "passcodes/settings",
        "webhooks",
        "webhooks/1",
        "virtual-servers",
        "users",
        "api-keys",
        "audit",
    ] {
        browser.goto(at, &format!("/console/vs/{acme}/{page}")).await;
        let name = if page == message { "message" } else { &page.replace('/', "-") };
        browser.is_german(name, &english).await;
    }
    for (name, path) in [
        ("dashboard-empty", format!("/console/vs/{sales}/dashboard")),
        ("sms-settings-new", format!("/console/vs/{sales}/sms-settings")),
        ("account", "/console/account".into()),
        ("second-factor", "/console/account/second-factor".into()),
        ("not-found", "/console/nothing".into()),
    ] {
        browser.goto(at, &path).await;
        browser.is_german(name, &english).await;
    }
    for plugin in ["generic-http", "modem", "clickatell"] {
        browser.goto(at, &format!("/console/vs/{sales}/sms-settings?plugin={plugin}")).await;
        browser.is_german(&format!("sms-settings-{plugin}"), &english).await;
    }
    browser.close().await;
}

/// The virtual server below acme, of which no user is.
async fn number_of_sales(server: &Server) -> u64 {
    server.api().virtual_server("acme/sales").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_form_is_told_in_german() {
    let server = crate::site::site().await;
    let Some(browser) = Browser::open_with(Options { language: "de", ..Options::default() }).await else {
        return;
    };
    let at = server.address();
    browser.sign_in(at, "ada").await;
    browser.goto(at, &format!("/console/vs/{}/sms-settings", number(&server, "acme"))).await;
    browser.plugin(0, "smpp").await;
    browser.fill(&first("port"), "99999").await;
    browser.fill(&first("host"), "https://smsc").await;
    browser.fill("test_number", "+1 (555) 010-0100").await;
    browser.do_("apply").await;
    for (control, wanted) in [
        (first("system_id").as_str(), "Geben Sie System ID ein"),
        (&first("port"), "Geben Sie eine ganze Zahl von 1 bis 65535 ein"),
        (&first("host"), "ohne Schema und Port"),
        ("test_number", "Entfernen Sie +, Leerzeichen und Satzzeichen: 15550100100"),
    ] {
        let told = browser.error_of(control).await;
        assert!(told.contains(wanted), "{control}: {told}");
    }
    browser.is_german("sms-settings-errors", &english_only()).await;
    browser.close().await;
}

//! The SMS settings page as a form: its rules, what is kept, who may, and that nothing of it runs or leaks.

use crate::browser::{Browser, Options};
use crate::kit::{PATIENCE, eventually, smsc};
use crate::site::{number, site};
use crate::sms_settings_kinds::{PHONE, at_settings, first};

impl Browser {
    /// What is in a control.
    pub async fn value_of(&self, name: &str) -> String {
        let found = self.script(&format!("return document.querySelector('[name=\"{name}\"]').value")).await;
        found.as_str().unwrap().to_owned()
    }

    /// Types into the search over the plugins of the first gateway.
    pub async fn fill_search(&self, text: &str) {
        self.find("[data-search]").await.send_keys(text).await.unwrap();
        let names = self.script("return Array.from(document.querySelectorAll('select[name=\"gateways[0].plugin\"] option'), o => o.text)").await;
        let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
        assert!(names.len() < 6 && names.iter().any(|name| name.to_lowercase().contains(text)), "{names:?}");
    }

    /// What is in a control, also where the page runs no scripts.
    async fn value_of_plain(&self, name: &str) -> String {
        self.find(&format!("[name=\"{name}\"]")).await.prop("value").await.unwrap().unwrap_or_default()
    }

    /// Posts a form like one of the page's own to this address. Answers the status.
    async fn post_from_page(&self, path: &str) -> u64 {
        let script = format!(
            "const csrf = document.querySelector('[name=csrf]').value; \
             return fetch('{path}', {{method: 'POST', body: new URLSearchParams({{csrf, do: 'apply', mode: 'custom'}})}}).then(a => a.status)"
        );
        self.script(&script).await.as_u64().unwrap()
    }

    /// What is said to be wrong with a control.
    pub async fn error_of(&self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let id: String = name.chars().map(plain).collect();
        self.text_of(&format!("#f-{id}-error")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_stands_at_its_field_and_nothing_that_was_typed_is_lost() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    at_settings(&server, &browser, "ada").await;
    browser.do_("apply").await;
    assert!(browser.error_of("gateways[0].plugin").await.contains("Choose an SMS Plugin"));

    browser.plugin(0, "smpp").await;
    browser.fill(&first("port"), "99999").await;
    browser.fill(&first("password"), "hunter22").await;
    browser.fill(&first("host"), "https://smsc").await;
    browser.select(&first("service_type"), "other").await;
    browser.press(".rare > summary").await;
    browser.fill(&first("window"), "none").await;
    browser.fill("test_number", "+1 (555) 010-0100").await;
    browser.press(".card.advanced > summary").await;
    browser.fill("failover_after_ms", "7").await;
    browser.do_("apply").await;
    for (control, wanted) in [
        (first("system_id").as_str(), "Enter System ID"),
        (&first("port"), "Enter a whole number from 1 to 65535"),
        (&first("host"), "without scheme and port"),
        (&first("window"), "Enter a whole number from 1 to 2000"),
        (&first("service_type"), "Other"),
        ("test_number", "Remove +, spaces and punctuation: 15550100100"),
        ("failover_after_ms", "Enter 100 to 600000"),
    ] {
        let told = browser.error_of(control).await;
        assert!(told.contains(wanted), "{control}: {told}");
    }
    assert_eq!(browser.value_of(&first("host")).await, "https://smsc");
    assert_eq!(browser.value_of(&first("port")).await, "99999");
    let source = browser.source().await;
    assert!(!source.contains("hunter22") && source.contains("typed, and kept until you apply"));
    browser.looks("sms-settings-errors").await;
    // A line of the summary leads to its field, also behind a button.
    browser.press(".summary a[href$=\"window\"]").await;
    let focused = browser.script("return document.activeElement.name").await;
    assert_eq!(focused, first("window"));

    browser.fill(&first("system_id"), "esme").await;
    browser.fill(&first("host"), "127.0.0.1").await;
    browser.fill(&first("port"), "2775").await;
    browser.fill(&first("window"), "5").await;
    browser.select(&first("service_type"), "CMT").await;
    browser.fill("test_number", PHONE).await;
    browser.fill("failover_after_ms", "500").await;
    browser.do_("apply").await;
    let text = browser.text().await;
    assert!(text.contains("The SMS settings were applied"), "{text}");
    let shown = server.cli_ok(&["settings", "show", "--vs", "acme"]);
    assert!(shown.contains("smpp") && shown.contains("(set)"), "the typed password was kept: {shown}");

    // A box removes what is set.
    browser.press(&format!("[name=\"{}~clear\"]", first("password"))).await;
    browser.do_("apply").await;
    assert!(browser.text().await.contains("not set"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generic_http_s_rules_are_told_at_their_fields() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    at_settings(&server, &browser, "olga").await;
    browser.plugin(0, "generic-http").await;
    browser.fill(&first("url"), "http://sms.example.com/?a=1&b=2").await;
    browser.do_("add-row:0:parameters").await;
    browser.fill(&first("parameters[0].value"), "lonely").await;
    let proxy = format!("[name=\"{}\"]", first("proxy_url"));
    assert!(!browser.find(&proxy).await.is_displayed().await.unwrap());
    browser.choose(&first("use_proxy"), "true").await;
    assert!(browser.find(&proxy).await.is_displayed().await.unwrap(), "fields appear when they apply");
    browser.do_("apply").await;
    for (control, wanted) in [
        (first("url").as_str(), "at most one query parameter"),
        (&first("destination_parameter"), "Enter Destination Parameter Name"),
        (&first("message_parameter"), "Enter Message Parameter Name"),
        (&first("parameters[0].name"), "Enter the parameter's name"),
        (&first("proxy_url"), "Enter Proxy URL"),
    ] {
        let told = browser.error_of(control).await;
        assert!(told.contains(wanted), "{control}: {told}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_all_of_it_works_by_buttons() {
    let smsc = smsc().await;
    let server = site().await;
    let Some(browser) = Browser::open_with(Options { scripts: false, ..Options::default() }).await else {
        return;
    };
    at_settings(&server, &browser, "olga").await;
    browser.select("gateways[0].plugin", "smpp").await;
    browser.do_("update").await;
    browser.press(".rare > summary").await;
    let text = browser.text().await;
    assert!(text.contains("Only with Use TLS: Yes"), "fields say when they apply: {text}");
    browser.fill(&first("system_id"), "esme").await;
    browser.fill(&first("password"), "secret").await;
    browser.fill(&first("host"), &smsc.address().ip().to_string()).await;
    browser.fill(&first("port"), &smsc.address().port().to_string()).await;
    browser.do_("preview:0").await;
    assert!(browser.text_of("#preview-0").await.contains("submit_sm"));
    browser.do_("add").await;
    assert_eq!(browser.count(".gateway").await, 2);
    browser.do_("remove:1").await;
    assert_eq!(browser.count(".gateway").await, 1);
    assert_eq!(browser.value_of_plain(&first("system_id")).await, "esme");
    browser.fill("test_number", PHONE).await;
    browser.do_("test").await;
    assert!(smsc.next_message(PATIENCE).await.is_ok());
    eventually("delivery", async || {
        browser.follow("[data-reload]").await;
        browser.text().await.contains("It has arrived at the phone").then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_read_it_and_other_tenants_do_not_even_see_it() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let path = at_settings(&server, &browser, "ann").await;
    assert!(browser.text().await.contains("Your role sees these settings"));
    assert_eq!(browser.count("main button[name=do]").await, 0);
    assert_eq!(browser.count("main form :is(input, select, textarea):enabled:not([type=hidden])").await, 0);
    let posted = browser.post_from_page(&path).await;
    assert_eq!(posted, 403);
    browser.sign_out().await;
    browser.sign_in(server.address(), "eve").await;
    assert_ne!(number(&server, "other"), number(&server, "acme"));
    browser.goto(server.address(), &path).await;
    assert!(browser.text().await.contains("There is nothing here"));
    assert_eq!(browser.post_from_page(&path).await, 404);
    let test = format!("{path}/test/0000000000000");
    browser.goto(server.address(), &test).await;
    assert!(browser.text().await.contains("There is nothing here"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_shown_and_never_run() {
    const EVIL: &str = "\"><script>window.evil=1</script><img src=x onerror=window.evil=1>'";
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    at_settings(&server, &browser, "ada").await;
    browser.plugin(0, "generic-http").await;
    browser.do_("add-row:0:parameters").await;
    for control in [
        "url",
        "destination_parameter",
        "message_parameter",
        "success_contains",
        "parameters[0].name",
        "parameters[0].value",
    ] {
        browser.fill(&first(control), EVIL).await;
    }
    browser.fill("test_number", EVIL).await;
    browser.fill("preview_text", EVIL).await;
    browser.do_("apply").await;
    assert_eq!(browser.value_of(&first("url")).await, EVIL);
    assert_eq!(browser.script("return window.evil === undefined").await, true);
    browser.fill(&first("url"), "http://sms.example.com/").await;
    browser.fill("test_number", PHONE).await;
    browser.press("main button[value=\"preview:0\"]").await;
    eventually("a preview", async || (browser.count("#preview-0").await == 1).then_some(())).await;
    assert_eq!(browser.script("return window.evil === undefined").await, true);
    browser.do_("apply").await;
    let text = browser.text().await;
    assert!(text.contains("The SMS settings were applied"), "{text}");
    assert_eq!(browser.value_of(&first("parameters[0].name")).await, EVIL);
    assert_eq!(browser.script("return window.evil === undefined").await, true);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_with_changes_that_are_not_applied_is_asked_about() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    at_settings(&server, &browser, "ada").await;
    let asks = "const e = new Event('beforeunload', {cancelable: true}); window.dispatchEvent(e); return e.defaultPrevented";
    assert_eq!(browser.script(asks).await, false);
    browser.fill("test_number", PHONE).await;
    assert_eq!(browser.script(asks).await, true);
    assert!(browser.text().await.contains("There are changes that are not applied yet"));
    // Also after the form was shown again.
    browser.plugin(0, "smpp").await;
    assert_eq!(browser.script(asks).await, true);
    browser.close().await;
}

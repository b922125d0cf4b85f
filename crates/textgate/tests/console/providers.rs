//! Comms > Providers: the list of plugins and what there is to know of each.

use crate::browser::{Browser, Options};
use crate::kit::Server;
use crate::pages::look;
use crate::site::{add_user, number, site, tenants};
use crate::visitor::Visitor;

/// A provider of the installation's own, which nobody has verified.
const OWN: &str = r#"
name = "pigeon"
label = "Pigeon <Post>"
site = "https://pigeon.example"
documentation = "https://pigeon.example/docs"
countries = ["IS"]
features = ["sender"]
number = "digits"
experimental = "Only its leaflet was read."

[sender]
setting = "sender"

[[field]]
name = "loft"
label = "Loft"
required = true
help = "The <b>loft</b> that pigeons leave from."

[[field]]
name = "sender"
label = "Sender"
help = "Who writes."

[send]
method = "POST"
url = "https://pigeon.example/{setting.loft}"

[send.form]
to = "{to}"
text = "{text}"
from = "{sender}"

[answer]
status = [200]
"#;

/// A server with that provider in its folder.
async fn with_own_provider() -> Server {
    let mut server = Server::stopped();
    let folder = server.path("catalogue");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("pigeon.toml"), OWN).unwrap();
    server.apply(&tenants());
    let mut command = server.command(&["serve"]);
    command.env("TEXTGATE_CATALOGUE_DIR", &folder);
    server.serve_by(command).await;
    add_user(&server, "olga", "acme", "operator");
    add_user(&server, "ann", "acme", "auditor");
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_searched_read_about_and_taken_to_the_settings() {
    let server = with_own_provider().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "olga").await;
    browser.goto(at, "/console/providers").await;
    let list = format!("/console/vs/{acme}/providers");
    assert_eq!(browser.here().await, list);
    let rows = browser.count(".providers tbody tr").await;
    assert!(rows > 60, "{rows}");
    assert_eq!(browser.text_of(".providers tbody tr:has([href$=\"/pigeon\"]) .badge").await, "experimental");
    look(&browser, "providers", async |browser| browser.goto(at, &list).await).await;

    browser.fill("q", "clickatell").await;
    browser.submit("main form.filter").await;
    assert_eq!(browser.count(".providers tbody tr").await, 2);
    browser.follow(".providers a[href$=\"/clickatell\"]").await;
    let text = browser.text_of("main").await;
    for part in [
        "Clickatell",
        "customization feature from Clickatell",
        "Own sender",
        "Proxy",
        "worldwide",
        "the official library",
        "read 2026-11-24",
        "status callback",
        "API Key",
        "required",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    look(&browser, "provider", async |browser| browser.goto(at, &format!("{list}/clickatell")).await).await;
    browser.follow(".head .actions a").await;
    assert_eq!(browser.value_of("gateways[0].plugin").await, "clickatell");
    assert_eq!(browser.count("[name=\"gateways[0].settings.api_key\"]").await, 1);
    assert!(browser.text().await.contains("There are changes that are not applied yet"));
    assert_eq!(browser.count(&format!("[data-plugin] a[href=\"{list}\"]")).await, 1, "the way back");

    browser.goto(at, &format!("{list}?can=balance")).await;
    let balance = browser.count(".providers tbody tr").await;
    assert!(balance > 5 && balance < rows, "{balance}");
    browser.goto(at, &format!("{list}?q=vereinigtes+k%C3%B6nigreich")).await;
    assert!(browser.text().await.contains("No plugin fits"));
    browser.goto(at, &format!("{list}?q=united+kingdom")).await;
    assert!(browser.count(".providers tbody tr").await >= 5);
    browser.goto(at, &format!("{list}/nobody")).await;
    assert!(browser.text().await.contains("There is nothing here"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plugin_has_a_page_with_all_of_its_settings() {
    let server = site().await;
    let acme = number(&server, "acme");
    let mut visitor = Visitor::person(server.address(), "ann").await;
    let plugins = server.cli_ok(&["plugins", "list", "--json"]);
    let plugins: serde_json::Value = serde_json::from_str(&plugins).unwrap();
    let plugins = plugins.as_array().unwrap();
    assert!(plugins.len() > 60);
    for plugin in plugins {
        let name = plugin["name"].as_str().unwrap();
        let seen = visitor.get(&format!("/console/vs/{acme}/providers/{name}")).await;
        assert_eq!(seen.status, 200, "{name}");
        for field in plugin["fields"].as_array().unwrap() {
            let field = field["name"].as_str().unwrap();
            assert!(seen.body.contains(&format!("<code>{field}</code>")), "{name}: {field}");
        }
        assert!(!seen.body.contains("sms-settings?plugin="), "an auditor is not invited to change settings");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_verified_is_marked_in_the_settings_and_is_only_text() {
    let server = with_own_provider().await;
    let Some(browser) = Browser::open_with(Options { scripts: false, ..Options::default() }).await else {
        return;
    };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.sign_in(at, "olga").await;
    browser.goto(at, &format!("/console/vs/{acme}/providers/pigeon")).await;
    let text = browser.text_of("main").await;
    for part in ["Pigeon <Post>", "Experimental: Only its leaflet was read.", "The <b>loft</b> that", "IS"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    browser.follow(".head .actions a").await;
    let about = browser.text_of(".gateway .about").await;
    assert!(about.contains("experimental") && about.contains("Only its leaflet was read."), "{about}");
    assert_eq!(browser.text_of(".gateway .about .badge.warn").await, "experimental");
    browser.close().await;
}

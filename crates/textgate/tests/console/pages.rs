//! Every page, as it looks.

use crate::browser::{Browser, Scheme, Width};
use crate::site::{number, site, user};

/// Pages of a virtual server.
const PAGES: [&str; 5] = ["allocation", "virtual-servers", "users", "api-keys", "audit"];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_breaks_no_rule_of_accessibility_and_fits_a_phone_in_light_and_dark() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let at = server.address();
    look(&browser, "sign-in", async |browser| browser.goto(at, "/console/sign-in").await).await;
    browser.sign_in(at, "root").await;
    let acme = number(&server, "acme");
    for page in PAGES {
        let path = format!("/console/vs/{acme}/{page}");
        look(&browser, page, async |browser| browser.goto(at, &path).await).await;
    }
    for (name, path) in [("account", "/console/account"), ("second-factor", "/console/account/second-factor")]
    {
        look(&browser, name, async |browser| browser.goto(at, path).await).await;
    }
    let olga = format!("/console/vs/{acme}/users/{}", user(&server, "olga"));
    let edit = format!("/console/vs/{acme}/virtual-servers/edit");
    for (name, path) in [("user", &*olga), ("virtual-server", &edit), ("not-found", "/console/nothing")] {
        look(&browser, name, async |browser| browser.goto(at, path).await).await;
    }
    let keys = format!("/console/vs/{acme}/api-keys");
    look(&browser, "problems", async |browser| {
        browser.goto(at, &keys).await;
        browser.fill("name", "/").await;
        browser.fill("rate", "many").await;
        browser.submit("main form.stack").await;
        assert_eq!(browser.count("#problems a").await, 2, "every problem is told at once");
    })
    .await;
    look(&browser, "menus", async |browser| {
        browser.goto(at, &format!("/console/vs/{acme}/allocation#nav")).await;
        // On a phone, the navigation covers the bar.
        if browser.count(".side .close").await == 1 && !browser.is_seen(".side .close").await {
            browser.press(".switcher > summary").await;
            browser.press(".seat > summary").await;
        }
    })
    .await;
    browser.close().await;
}

/// The page in both widths and both themes.
pub async fn look(browser: &Browser, name: &str, open: impl AsyncFn(&Browser)) {
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.prefer(scheme).await;
        for width in [Width::Desktop, Width::Phone] {
            browser.resize(width).await;
            open(browser).await;
            assert!(!browser.overflows().await, "{name} is wider than the window, {width:?}");
            let name = if scheme == Scheme::Dark { format!("{name}-dark") } else { name.to_owned() };
            browser.picture(&name, width).await;
            browser.axe(&format!("{name}, {width:?}")).await;
        }
    }
    browser.fits(name).await;
    browser.resize(Width::Desktop).await;
}

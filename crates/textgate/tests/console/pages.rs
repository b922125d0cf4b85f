//! Every page, as it looks.

use crate::browser::{Browser, Scheme, Width};
use crate::site::{number, site};

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
    browser.resize(Width::Desktop).await;
}

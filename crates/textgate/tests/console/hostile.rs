//! What people type, and what others typed before: shown as it is, and never as a page's own.

use crate::browser::{Browser, Options};
use crate::kit::Server;
use crate::site::{number, site};
use crate::visitor::Visitor;

/// Would tell by the window's title that it ran, wherever it lands: in text, in an attribute, in an address, in a script.
const XSS: &str =
    "\"'><img src=x onerror=document.title='PWNED'><script>document.title='PWNED'</script>{{7*7}}</textarea>";

async fn is_calm(browser: &Browser, what: &str) {
    let title = browser.client_title().await;
    assert!(!title.contains("PWNED"), "{what}");
    assert_eq!(browser.count("main img:not(.qr), main script").await, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_into_any_field_is_shown_as_text() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    let xss = crate::escaped(XSS);
    for path in
        [format!("/console/sign-in?next={xss}"), format!("/console/{xss}"), format!("/console/set-up/{xss}")]
    {
        browser.goto(at, &path).await;
        is_calm(&browser, &path).await;
    }
    browser.fill_in_sign_in(at, XSS, XSS).await;
    is_calm(&browser, "sign in").await;
    browser.sign_in(at, "root").await;
    for page in ["allocation", "virtual-servers", "users", "api-keys"] {
        browser.goto(at, &format!("/console/vs/{acme}/{page}")).await;
        let fields = browser.names_of_fields().await;
        assert!(!fields.is_empty(), "{page}");
        for name in &fields {
            browser.fill(name, XSS).await;
        }
        browser.submit("main section.card form").await;
        is_calm(&browser, page).await;
        let kept = browser.find(&format!("main [name={}]", fields[0])).await.prop("value").await.unwrap();
        assert_eq!(kept.as_deref(), Some(XSS), "{page}: what was typed is kept");
        assert!(browser.count(".field .error").await > 0, "{page}");
    }
    browser.goto(at, &format!("/console/vs/{acme}/audit?actor={xss}&action={xss}&from={xss}")).await;
    is_calm(&browser, "audit").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_is_shown_as_text() {
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    // A remark takes any text in one line.
    let mut root = Visitor::person(at, "root").await;
    let path = format!("/console/vs/{acme}/allocation");
    let seen = root.post(&path, &[("direction", "allocate"), ("credits", "5"), ("note", XSS)]).await;
    assert_eq!(seen.status, 303);
    browser.sign_in(at, "root").await;
    for page in ["allocation", "audit"] {
        browser.goto(at, &format!("/console/vs/{acme}/{page}")).await;
        is_calm(&browser, page).await;
        if page == "allocation" {
            assert!(browser.text().await.contains(XSS), "{page}");
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_works_without_a_script_in_german() {
    let server: Server = site().await;
    let options = Options { scripts: false, language: "de" };
    let Some(browser) = Browser::open_with(options).await else { return };
    let (at, acme) = (server.address(), number(&server, "acme"));
    browser.goto(at, "/console/sign-in").await;
    assert!(browser.text().await.contains("Benutzername"), "{}", browser.text().await);
    browser.sign_in(at, "root").await;

    browser.goto(at, &format!("/console/vs/{acme}/allocation")).await;
    browser.fill("credits", "nichts").await;
    browser.submit("main section.card form").await;
    assert_eq!(browser.text_of("#f-credits-error").await, "Geben Sie eine ganze Zahl ein, mindestens 1.");
    browser.fill("credits", "1500").await;
    browser.fill("note", "Mai").await;
    browser.submit("main section.card form").await;
    assert!(browser.text().await.contains("1.500 SMS-Credits wurden zugeteilt."));
    assert!(browser.text_of(".tiles").await.contains("2.500"));
    browser.choose("direction", "take_back").await;
    browser.fill("credits", "500").await;
    browser.submit("main section.card form").await;
    assert!(browser.text_of(".tiles").await.contains("2.000"));
    let ledger = browser.text().await;
    assert!(ledger.contains("+1.500") && ledger.contains("Mai") && ledger.contains("user root"), "{ledger}");

    browser.goto(at, &format!("/console/vs/{acme}/virtual-servers")).await;
    browser.fill("name", "Zürich").await;
    browser.submit("main section.card form").await;
    assert!(browser.text().await.contains("Der virtuelle Server acme/Zürich wurde hinzugefügt."));
    browser.follow("tr:last-child .actions a").await;
    browser.fill("name", "Bern").await;
    browser.submit("form[action$='/edit']").await;
    assert!(browser.text().await.contains("heißt jetzt acme/"), "{}", browser.text().await);

    browser.goto(at, &format!("/console/vs/{acme}/api-keys")).await;
    browser.fill("name", "app").await;
    browser.submit("main form.stack").await;
    let secret = browser.text_of(".secret code").await;
    assert!(secret.starts_with("tg_"), "{secret}");
    let listed = server.api_as(&secret).get("/v1/allocation").await.expect(200);
    assert_eq!(listed["allocated"], 2000, "the secret is the key's");
    browser.goto(at, &format!("/console/vs/{acme}/api-keys")).await;
    assert!(!browser.source().await.contains(&secret), "it is shown once");
    browser.press("td.actions details summary").await;
    browser.submit("form[action$='api-keys/remove']").await;
    assert!(browser.text().await.contains("Der API-Schlüssel app wurde entfernt."));
    assert_eq!(server.api_as(&secret).get("/v1/allocation").await.status, 401);

    browser.press(".seat > summary").await;
    browser.follow(".seat button[name=theme][value=dark]").await;
    assert_eq!(browser.count("html[data-theme=dark][lang=de]").await, 1);
    browser.press(".seat > summary").await;
    browser.follow(".seat button[name=language][value=en]").await;
    assert_eq!(browser.count("html[data-theme=dark][lang=en]").await, 1);
    assert!(browser.here().await.ends_with("/api-keys"), "and the same page");
    browser.close().await;
}

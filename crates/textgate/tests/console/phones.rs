//! The virtual handsets that the demo and the simulators show.

use crate::browser::{Browser, Options, Width};
use crate::kit::{PHONE, eventually};
use crate::pages::look;
use std::time::Instant;
use textgate_simulator::text::Alphabet;
use textgate_simulator::{Handset, HandsetEvent, Phones, Via};

/// Another phone.
const OTHER: &str = "15550100101";

async fn start() -> (Phones, Handset) {
    let handset = Handset::new();
    (Phones::start(([127, 0, 0, 1], 0).into(), &handset).await.unwrap(), handset)
}

fn message(number: &str, sender: &str, text: &str) -> HandsetEvent {
    HandsetEvent {
        number: number.into(),
        sender: sender.into(),
        text: text.into(),
        via: Via::Smsc,
        flash: false,
        replaces: None,
        alphabet: Some(Alphabet::Gsm7),
        segments: 1,
        at: Instant::now(),
    }
}

fn flash(text: &str) -> HandsetEvent {
    HandsetEvent { flash: true, ..message(PHONE, "Facility", text) }
}

/// Messages as a day brings them.
fn fill(handset: &Handset) {
    let parcel = "Your parcel arrives today between 10:30 and 12:15. If nobody is at home, the neighbours get it, or you find \
                  a card with the place where it waits for you.";
    let code = "Ваш код подтверждения: 907311. Никому его не сообщайте.";
    handset.show(message(
        PHONE,
        "Acme",
        "A new device has signed in to your account. Not you? Call us at once.",
    ));
    handset.show(message(OTHER, "Monitoring", "Disk full on db1: 98 percent used"));
    handset.show(HandsetEvent { segments: 2, via: Via::Http, ..message(PHONE, "Parcels", parcel) });
    handset.show(HandsetEvent { alphabet: Some(Alphabet::Ucs2), ..message(PHONE, "15550100900", code) });
    for code in ["482913", "739164"] {
        let text = format!("{code} is your Acme code. It is valid for 5 minutes.");
        handset.show(HandsetEvent { replaces: Some(1), ..message(PHONE, "Acme", &text) });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handset_breaks_no_rule_of_accessibility_and_fits_a_phone_in_light_and_dark() {
    let (phones, handset) = start().await;
    let Some(browser) = Browser::open().await else { return };
    let at = phones.address();
    look(&browser, "handset-empty", async |browser| browser.goto(at, "/").await).await;
    fill(&handset);
    look(&browser, "handset", async |browser| {
        browser.goto(at, &format!("/?phone={PHONE}")).await;
        seen(browser, "739164").await;
    })
    .await;
    handset.show(flash("Fire alarm in building 4. Leave now by the stairs."));
    look(&browser, "handset-flash", async |browser| {
        browser.goto(at, &format!("/?phone={PHONE}")).await;
        seen(browser, "Fire alarm").await;
    })
    .await;
    browser.close().await;
}

/// The text of an element, which may be replaced by the page at any moment; empty where it is not there.
async fn shown(browser: &Browser, css: &str) -> String {
    let text = browser.script(&format!("return document.querySelector('{css}')?.innerText ?? ''")).await;
    text.as_str().unwrap().to_owned()
}

/// Waits until the page shows this.
async fn seen(browser: &Browser, text: &str) {
    eventually(text, async || browser.source().await.contains(text).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_on_the_page_that_is_open() {
    let (phones, handset) = start().await;
    let Some(browser) = Browser::open().await else { return };
    browser.resize(Width::Desktop).await;
    browser.goto(phones.address(), "/").await;
    eventually("live", async || (shown(&browser, "#live").await == "Live").then_some(())).await;
    handset.show(message(PHONE, "Acme", "123456 is your code"));
    seen(&browser, "New message from Acme").await;
    assert_eq!(shown(&browser, ".messages .code").await, "123456");
    // The place of the one before is taken, and its own is not left.
    let typed = |text| HandsetEvent { replaces: Some(1), ..message(PHONE, "Acme", text) };
    handset.show(typed("first try"));
    handset.show(typed("second try"));
    eventually("second try", async || {
        let shown = shown(&browser, ".messages").await;
        (shown.contains("second try") && !shown.contains("first try")).then_some(())
    })
    .await;
    assert_eq!(browser.count(".messages li").await, 2);
    // A flash message lies on top, has the focus, and goes for good.
    handset.show(flash("Fire!"));
    eventually("the focus", async || {
        (browser.script("return document.activeElement.id").await == "dismiss").then_some(())
    })
    .await;
    browser.press("#dismiss").await;
    eventually("no flash", async || (browser.count("#flash").await == 0).then_some(())).await;
    assert_eq!(browser.count(".messages li").await, 2, "it is stored nowhere");
    // Another phone has its own tab.
    handset.show(message(OTHER, "Acme", "for another"));
    eventually("another tab", async || (browser.count("#phones li").await == 2).then_some(())).await;
    browser.follow(&format!("#to-{PHONE}")).await;
    assert!(!shown(&browser, ".messages").await.contains("for another"));
    browser.follow(&format!("#to-{OTHER}")).await;
    assert!(shown(&browser, ".messages").await.contains("for another"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handset_works_without_scripts_by_reloading() {
    let (phones, handset) = start().await;
    let options = Options { scripts: false, ..Options::default() };
    let Some(browser) = Browser::open_with(options).await else { return };
    browser.goto(phones.address(), "/").await;
    fill(&handset);
    handset.show(flash("Fire!"));
    eventually("the flash", async || {
        browser.follow("#live a").await;
        (browser.count("#flash").await == 1).then_some(())
    })
    .await;
    browser.submit(".flash form").await;
    assert_eq!((browser.count("#flash").await, browser.count(".messages li").await), (0, 4));
    assert_eq!(browser.here().await, format!("/?phone={PHONE}"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_owner_answers_and_what_is_half_written_stays_while_messages_arrive() {
    let smsc = crate::kit::smsc().await;
    let handset = smsc.handset();
    let phones = Phones::start(([127, 0, 0, 1], 0).into(), &handset).await.unwrap();
    let Some(browser) = Browser::open().await else { return };
    handset.show(message(PHONE, "12345", "Shall we come at ten?"));
    look(&browser, "handset-answer", async |browser| {
        browser.goto(phones.address(), &format!("/?phone={PHONE}")).await;
        seen(browser, "at ten?").await;
    })
    .await;
    eventually("live", async || (shown(&browser, "#live").await == "Live").then_some(())).await;
    browser.fill("text", "Yes & <b>please</b>").await;
    handset.show(message(PHONE, "12345", "Or at eleven?"));
    seen(&browser, "Or at eleven?").await;
    let draft = "return document.querySelector('#text').value";
    assert_eq!(browser.script(draft).await, "Yes & <b>please</b>");
    browser.press("#write button").await;
    eventually("the answer", async || {
        shown(&browser, ".messages").await.contains("Yes & <b>please</b>").then_some(())
    })
    .await;
    assert_eq!(browser.script(draft).await, "");
    // What nobody carries cannot be written.
    handset.show(HandsetEvent { via: Via::Modem, ..message(OTHER, "12345", "By another way") });
    seen(&browser, OTHER).await;
    browser.follow(&format!("#to-{OTHER}")).await;
    assert_eq!(browser.count("#write").await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_message_carries_runs_in_the_browser() {
    let (phones, handset) = start().await;
    let Some(browser) = Browser::open().await else { return };
    browser.goto(phones.address(), "/").await;
    let evil = "<img src=x onerror=\"window.ran = 1\"><script>window.ran = 1</script>'\"";
    handset.show(message(evil, evil, evil));
    handset.show(HandsetEvent { flash: true, ..message(evil, evil, evil) });
    eventually("the flash", async || (browser.count("#flash").await == 1).then_some(())).await;
    assert!(shown(&browser, "#flash").await.contains(evil));
    browser.goto(phones.address(), "/").await;
    assert_eq!(browser.script("return String(window.ran)").await, "undefined");
    assert_eq!(browser.count("img, .page script").await, 0);
    browser.close().await;
}

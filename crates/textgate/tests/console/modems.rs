//! An SMS modem: its form, a test through it, and how each line is.

use crate::browser::Browser;
use crate::kit::eventually;
use crate::site::{number, site};
use crate::sms_settings_kinds::{PHONE, at_settings, first};
use textgate_simulator::{Modem, ModemOptions};

/// What a modem that tells 20 of 31 has (3GPP TS 27.007 §8.5).
const SIGNAL: &str = "\u{2212}73 dBm";

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_is_filled_in_and_tested_and_its_line_is_shown_with_signal_network_and_sim() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    let modem = Modem::start(ModemOptions::on_pty(&link)).await.unwrap();
    modem.set_signal(20);
    let server = site().await;
    let Some(browser) = Browser::open().await else { return };
    let (at, path) = (server.address(), at_settings(&server, &browser, "ada").await);
    browser.plugin(0, "modem").await;
    browser.fill(&first("devices"), "ttyUSB0").await;
    browser.fill(&first("pin"), "12").await;
    browser.fill(&first("service_centre"), "the usual one").await;
    browser.do_("apply").await;
    for (control, wanted) in [
        ("devices", "Enter a device such as /dev/serial/by-id/usb-…"),
        ("pin", "A SIM's PIN has 4 to 8 digits"),
        ("service_centre", "Enter the service centre's number"),
    ] {
        let told = browser.error_of(&first(control)).await;
        assert!(told.contains(wanted), "{control}: {told}");
    }
    browser.fill(&first("devices"), &link.display().to_string()).await;
    browser.fill(&first("pin"), "8254").await;
    browser.fill(&first("service_centre"), "").await;
    browser.fill("preview_text", "Your code is 493817").await;
    browser.press("main button[value=\"preview:0\"]").await;
    eventually("a preview", async || (browser.count("#preview-0").await == 1).then_some(())).await;
    let shown = browser.text_of("#preview-0").await;
    for part in ["SMS-SUBMIT", "Segments: 1", "493817"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    browser.looks("sms-settings-modem").await;
    browser.fill("test_number", PHONE).await;
    browser.do_("test").await;
    browser.until("It has arrived at the phone").await;

    browser.goto(at, &path).await;
    let line = browser.text_of("#gateway-0 .lines tbody").await;
    for part in [link.to_str().unwrap(), "Up", SIGNAL, "Test network", "Home network", "Ready"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(browser.count("#gateway-0 .signal .lit").await, 4);
    assert!(!browser.source().await.contains("8254"), "the PIN does not come back");
    browser.looks("sms-settings-modem-lines").await;

    let dashboard = format!("/console/vs/{}/dashboard", number(&server, "acme"));
    browser.goto(at, &dashboard).await;
    let line = browser.live_text_of("#live .lines tbody").await;
    assert!(line.contains(SIGNAL) && line.contains("Home network"), "{line}");
    browser.looks("dashboard-modem").await;
    modem.unplug().await.unwrap();
    eventually("it is shown as down", async || {
        browser.goto(at, &dashboard).await;
        let line = browser.live_text_of("#live .lines tbody").await;
        (line.contains("Down") && !line.contains("dBm")).then_some(())
    })
    .await;
    browser.close().await;
}

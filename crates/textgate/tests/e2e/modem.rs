//! A modem as a gateway: to it and from it, what the phone shows, and what is told of it.

use super::kit::{
    PATIENCE, PHONE, Server, eventually, gateway, http, manifest, metric, nobody, provider, smpp,
};
use serde_json::{Value, json};
use textgate_simulator::{Memory, Modem, ModemError, ModemOptions, Registration, Turn};

/// A modem on a pseudo-terminal, and where it is.
async fn modem() -> (Modem, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    let modem = Modem::start(ModemOptions::on_pty(&link)).await.unwrap();
    (modem, link.display().to_string(), dir)
}

/// A gateway of these modems; `more` are further settings.
fn modems(name: &str, devices: &[&str], more: &str) -> String {
    gateway("modem", name, &format!("devices = {:?}\nrate = 0\n{more}", devices.join("\n")))
}

fn otp(text: &str) -> Value {
    json!({"to": PHONE, "text": text, "kind": "otp"})
}

fn attempts(message: &Value) -> Vec<(&str, &str)> {
    let list = message["attempts"].as_array().unwrap().iter();
    list.map(|attempt| (attempt["gateway"].as_str().unwrap(), attempt["outcome"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_fails_over_to_the_modem_and_its_receipts_come_back() {
    let (modem, device, _dir) = modem().await;
    let gateways = [smpp("main", nobody(), ""), modems("antenna", &[&device], "")];
    let server = Server::start(&manifest(&gateways)).await;
    server.api().until_gateway("antenna", "up").await;
    let message = server.api().send_until(otp("Your code is 123456"), "delivered").await;
    assert_eq!(attempts(&message).last(), Some(&("antenna", "sent")), "{message:#}");
    assert_eq!(message["receipts"].as_array().unwrap().len(), 1);
    let long = "several segments, each with its own receipt; ".repeat(8);
    let message = server.api().send_until(json!({"to": PHONE, "text": long}), "delivered").await;
    assert_eq!(message["receipts"].as_array().unwrap().len(), 3, "{message:#}");
    assert_eq!(modem.messages()[1].text, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_that_fails_is_passed_over_and_used_again_when_it_is_back() {
    let ((modem, device, _dir), provider) = (modem().await, provider().await);
    let gateways = [modems("antenna", &[&device], ""), http("backup", provider.address(), "")];
    let server = Server::start(&manifest(&gateways)).await;
    let api = server.api();
    api.until_gateway("antenna", "up").await;
    modem.once("message", Turn::Refuse(ModemError::Cms(21)));
    let refused = api.send_until(otp("1"), "sent").await;
    assert_eq!(attempts(&refused), [("antenna", "refused"), ("backup", "sent")]);
    assert!(refused["attempts"][0]["detail"].as_str().unwrap().contains("+CMS ERROR: 21"), "{refused:#}");
    modem.unplug().await.unwrap();
    api.until_gateway("antenna", "down").await;
    let second = api.send_until(otp("2"), "sent").await;
    assert_eq!(attempts(&second).last(), Some(&("backup", "sent")));
    modem.replug().await.unwrap();
    api.until_gateway("antenna", "up").await;
    let third = api.send_until(otp("3"), "delivered").await;
    assert_eq!(attempts(&third), [("antenna", "sent")]);
    assert_eq!(modem.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phone_shows_flash_messages_and_overwrites() {
    let (modem, device, _dir) = modem().await;
    let settings = "flash = true\noverwrite = true";
    let server = Server::start(&manifest(&[modems("antenna", &[&device], settings)])).await;
    let mut events = modem.events();
    server.api().until_gateway("antenna", "up").await;
    let mut shown = Vec::new();
    for body in [
        otp("flash"),
        json!({"to": PHONE, "text": "stored", "flash": false}),
        json!({"to": PHONE, "text": "in its place", "flash": false}),
        json!({"to": PHONE, "text": "another kind", "flash": false, "overwrite": 4}),
    ] {
        server.api().send_until(body, "delivered").await;
        shown.push(tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap());
    }
    let shown: Vec<_> =
        shown.iter().map(|event| (event.text.as_str(), event.flash, event.replaces)).collect();
    assert_eq!(
        shown,
        [
            ("flash", true, Some(1)),
            ("stored", false, Some(1)),
            ("in its place", false, Some(1)),
            ("another kind", false, Some(4)),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_modem_is_told_in_the_api_in_status_and_in_metrics() {
    let ((first, one, _a), (second, two, _b)) = (modem().await, modem().await);
    first.set_signal(15);
    second.register(Registration::Searching);
    let server = Server::start(&manifest(&[modems("antenna", &[&one, &two], "")])).await;
    let status = server.api().until_gateway("antenna", "up").await;
    let lines = eventually("both modems' states", async || {
        let status = server.api().until_gateway("antenna", "up").await;
        let lines = status["lines"].as_array().unwrap().clone();
        (lines[0]["health"] == "up" && lines[1]["registration"] == "searching").then_some(lines)
    })
    .await;
    assert_eq!(status["window"], 1, "only one can send");
    assert_eq!((&lines[0]["signal_dbm"], &lines[0]["operator"]), (&json!(-83), &json!("Test network")));
    assert!(lines[1]["reason"].as_str().unwrap().contains("searching"));
    server.api().send_until(otp("123456"), "delivered").await;
    let metrics = server.metrics().await;
    let line = |device: &str| format!("line=\"{device}\"");
    let is = |name, device: &str| metric(&metrics, name, &[&line(device)]);
    assert_eq!((is("textgate_modem_up", &one), is("textgate_modem_up", &two)), (1.0, 0.0));
    assert_eq!((is("textgate_modem_registered", &one), is("textgate_modem_signal_dbm", &one)), (1.0, -83.0));
    assert_eq!(is("textgate_modem_segments_total", &one), 1.0);
    assert!(metrics.contains("operator=\"Test network\""), "{metrics}");
    let shown = server.cli_ok(&["status"]);
    assert!(shown.contains(&one) && shown.contains("-83 dBm") && shown.contains("searching"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_phones_send_is_kept_and_leaves_the_sim() {
    let (modem, device, _dir) = modem().await;
    modem.receive("+15550100123", "STOP, and keep this to yourself");
    let server = Server::start(&manifest(&[modems("antenna", &[&device], "")])).await;
    server.api().until_gateway("antenna", "up").await;
    modem.wait_until(PATIENCE, |modem| modem.stored(Memory::Sm).is_empty()).await.unwrap();
    assert_eq!(metric(&server.metrics().await, "textgate_inbound_messages_total", &[]), 1.0);
    let log = server.log();
    assert!(!log.contains("keep this") && !log.contains("15550100123"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_allowed_is_not_opened_and_the_reason_says_what_to_do() {
    let (modem, device, _dir) = modem().await;
    let mut server = Server::stopped_with("");
    server.apply(&manifest(&[modems("antenna", &[&device], "")]));
    server.serve().await;
    let status = server.api().until_gateway("antenna", "down").await;
    assert!(status["reason"].as_str().unwrap().contains("devices.allow"), "{status}");
    assert_eq!(modem.counters().opened, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_says_what_is_there() {
    let (modem, device, _dir) = modem().await;
    let server = Server::stopped();
    let output = server.cli(&["modem", "probe", &device, "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&found[0]["imei_end"], &found[0]["sends_sms"]), (&json!("7518"), &json!(true)), "{found}");
    assert_eq!(found[0]["status"]["model"], "Textgate Simulated modem");
    assert!(!modem.lines().iter().any(|line| line.contains("CPIN=")));
    let missing = server.cli(&["modem", "probe", "/dev/ttyUSB999"]);
    assert!(!missing.status.success());
}

//! Modems that fail: away, locked, without a network, silent, hung, unplugged, or no modem at all; and each error they answer.

use super::cases::Case;
use crate::kit::gateway;
use std::net::TcpListener;
use textgate_simulator::{Cure, Modem, ModemError, ModemOptions, ModemPort, Registration, Sim, Turn};

/// Nothing was written, or nothing at all was tried.
const AWAY: &[&str] = &["-", "unavailable"];
const UNCERTAIN: &[&str] = &["uncertain"];
const UNAVAILABLE: &[&str] = &["unavailable"];

fn modems(device: &str) -> String {
    gateway("modem", "main", &format!("devices = {device:?}\nrate = 0"))
}

/// A case with this modem, after `prepare`.
async fn with(
    name: impl Into<String>,
    options: ModemOptions,
    prepare: impl FnOnce(&Modem),
    outcomes: &'static [&'static str],
) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("modem");
    let modem =
        Modem::start(ModemOptions { ports: vec![ModemPort::Pty(link.clone())], ..options }).await.unwrap();
    prepare(&modem);
    Case::new(name, modems(&link.display().to_string()), outcomes).with(modem).with(dir)
}

/// A case in which the modem does this once it is asked to send.
async fn at(name: &str, command: &'static str, turn: Turn, outcomes: &'static [&'static str]) -> Case {
    with(name, ModemOptions::default(), |modem| modem.once(command, turn), outcomes).await.up()
}

pub async fn all() -> Vec<Case> {
    let away = std::env::temp_dir().join("nowhere/modem").display().to_string();
    let mut cases = vec![Case::new("is not there", modems(&away), AWAY)];
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    cases.push(
        Case::new("takes the connection and is silent", modems(&format!("tcp://{address}")), AWAY)
            .with(silent),
    );
    let no_sim = ModemOptions { sim: None, ..ModemOptions::default() };
    cases.push(with("has no SIM", no_sim, |_| {}, AWAY).await);
    let locked = Sim { pin: Some("4711".into()), ..Sim::default() };
    let locked = ModemOptions { sim: Some(locked), ..ModemOptions::default() };
    cases.push(with("wants a PIN that nobody entered", locked, |_| {}, AWAY).await);
    for registration in [Registration::None, Registration::Searching, Registration::Denied] {
        let name = format!("has no network: {registration:?}");
        let options = ModemOptions::default();
        cases.push(with(name, options, |modem| modem.register(registration), AWAY).await);
    }
    let garbage = || Turn::Garbage(b"\xff\x00\x1b[2J\r\n+C".to_vec());
    cases.push(at("gives no prompt", "+CMGS", Turn::Ignore, UNAVAILABLE).await);
    cases.push(at("answers garbage instead of a prompt", "+CMGS", garbage(), UNAVAILABLE).await);
    cases.push(at("hangs before the prompt", "+CMGS", Turn::Hang(Cure::Replug), UNAVAILABLE).await);
    cases.push(at("is unplugged before the prompt", "+CMGS", Turn::Unplug, UNAVAILABLE).await);
    cases.push(at("does not answer a message", "message", Turn::Ignore, UNCERTAIN).await);
    cases.push(at("answers a message with garbage", "message", garbage(), UNCERTAIN).await);
    cases.push(at("takes a message and loses the answer", "message", Turn::LoseAnswer, UNCERTAIN).await);
    cases.push(at("takes a message and hangs", "message", Turn::HangAfter(Cure::Replug), UNCERTAIN).await);
    cases.push(at("takes a message and is unplugged", "message", Turn::UnplugAfter, UNCERTAIN).await);
    let cut = at("takes a message and cuts the answer", "message", Turn::LoseFinal, &["sent"]).await;
    cases.push(cut.taken_by("main"));
    cases.extend(errors().await);
    cases
}

/// Each class by one number; the whole table is proven beside it.
async fn errors() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, outcomes) in [
        (8, &["account"] as &[&str]),
        (21, &["refused"]),
        (38, &["unavailable"]),
        (42, &["throttled"]),
        (193, &["account"]),
        (322, &["unavailable"]),
        (332, &["uncertain"]),
        (500, &["refused"]),
        (769, &["refused"]),
    ] {
        let options = ModemOptions::default();
        let always = move |modem: &Modem| {
            for _ in 0..8 {
                modem.once("message", Turn::Refuse(ModemError::Cms(number)));
            }
        };
        cases.push(with(format!("+CMS ERROR: {number}"), options, always, outcomes).await.up());
    }
    let options = ModemOptions::default();
    let bad = |modem: &Modem| modem.once("message", Turn::Refuse(ModemError::Cms(1)));
    cases.push(with("+CMS ERROR: 1", options, bad, &["rejected"]).await.up().taken_by("failed"));
    cases
}

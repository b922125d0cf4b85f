//! Finds modems on this machine and asks each what it is. A PIN is never sent.

use super::device::{DeviceGuard, Place};
use super::dialogue::Dialogue;
use super::model::Model;
use super::port::{Guards, Port};
use super::settings::{FlowControl, Format, Modems, Timing, Unencodable, ValidityFormat};
use super::sim::{self, Sim};
use crate::LineStatus;
use std::fs;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// What answers at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is known of it; `health` is `up` where it is registered with a network.
    pub status: LineStatus,
    /// The last four digits of its serial number (IMEI).
    pub imei_end: String,
    /// Whether it sends short messages in PDU mode.
    pub sends_sms: bool,
}

/// Devices that may be modems: by their lasting names under `/dev/serial/by-id`, then those that have none.
pub fn candidates() -> Vec<String> {
    let list = |dir: &str, is_wanted: fn(&str) -> bool| -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut found: Vec<String> =
            names.filter(|name| is_wanted(name)).map(|name| format!("{dir}/{name}")).collect();
        found.sort();
        found
    };
    let mut found = list("/dev/serial/by-id", |_| true);
    let known: Vec<_> = found.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let others = list("/dev", |name| name.starts_with("ttyUSB") || name.starts_with("ttyACM"));
    found.extend(others.into_iter().filter(|path| !known.iter().any(|known| known == Path::new(path))));
    found
}

/// Asks what answers at a device, or at a serial server.
///
/// # Errors
/// Why nothing can be said, with what to do.
pub async fn probe(device: &str, baud: u32, network: &crate::NetworkGuard) -> Result<Found, String> {
    let place = Place::read(device)?;
    let modems = Modems {
        places: vec![place.clone()],
        baud,
        flow: FlowControl::None,
        pin: Zeroizing::default(),
        service_centre: String::new(),
        rate: 0,
        format: Format {
            encoding: None,
            unencodable: Unencodable::Refuse,
            is_flash: false,
            is_overwrite: false,
            wants_reports: false,
            validity: ValidityFormat::None,
        },
        timing: Timing { command: Duration::from_secs(3), ..Timing::new(Duration::from_secs(60)) },
    };
    // Who runs this may open the device by the system's own rules.
    let guards = Guards { network: network.clone(), devices: DeviceGuard::allowing([device.to_owned()]) };
    let port = Port::open(&place, &modems, &guards, false).await.map_err(|fault| fault.reason)?;
    let mut dialogue = Dialogue::new(port, modems.timing);
    ask(&mut dialogue, device).await.map_err(|fault| fault.reason)
}

async fn ask(dialogue: &mut Dialogue, device: &str) -> Result<Found, super::Fault> {
    dialogue.sync().await?;
    for command in ["E0", "V1", "+CMEE=1"] {
        dialogue.command(command).await?;
    }
    let model = Model::ask(dialogue).await?;
    let sim = Sim::ask(dialogue).await?;
    let registration = sim::registration(dialogue).await?;
    let signal_dbm = sim::signal_dbm(&dialogue.command("+CSQ").await?);
    let operator = match registration.is_registered() {
        true => sim::operator(&dialogue.command("+COPS?").await?),
        false => None,
    };
    let modes = dialogue.command("+CMGF=?").await?;
    let imei: Vec<char> = model.imei.chars().filter(char::is_ascii_digit).collect();
    Ok(Found {
        status: LineStatus {
            line: device.to_owned(),
            health: if registration.is_registered() { "up" } else { "down" },
            model: model.name(),
            sim: sim.name(),
            registration: registration.name(),
            operator,
            signal_dbm,
            ..LineStatus::default()
        },
        imei_end: imei.get(imei.len().saturating_sub(4)..).unwrap_or_default().iter().collect(),
        sends_sms: modes.is_ok() && modes.value("+CMGF").is_some_and(|value| value.contains('0')),
    })
}

//! `textgate modem probe`: which modems there are, and how each is.

use crate::cli::ModemCommand;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use serde_json::{Value, json};
use std::io::Write;
use textgate_gateway::{Found, NetworkGuard, modem_candidates, probe_modem};

/// What came of asking one device.
type Asked = (String, Result<Found, String>);

pub(super) async fn run<W: Write>(command: &ModemCommand, output: &mut Output<W>) -> Done {
    let ModemCommand::Probe { device, baud, json } = command;
    let devices = device.clone().map_or_else(modem_candidates, |device| vec![device]);
    // Who runs this may reach what the system lets him reach.
    let everywhere = ["0.0.0.0/0", "::/0"].into_iter().filter_map(|range| range.parse().ok());
    let network = NetworkGuard::allowing(everywhere);
    let mut asked = Vec::new();
    for device in devices {
        let found = probe_modem(&device, *baud, &network).await;
        asked.push((device, found));
    }
    if *json {
        return Ok(output.line(Value::from(asked.iter().map(as_json).collect::<Vec<_>>()))?);
    }
    if asked.is_empty() {
        return Err(Failure::failed(
            "no modem was found: there is no /dev/serial/by-id/*, /dev/ttyUSB* or /dev/ttyACM*; plug one in, or name its device",
        ));
    }
    let columns = ["device", "model", "IMEI", "SIM", "network", "operator", "signal", "SMS"];
    output.table(&columns, asked.iter().map(row).collect())?;
    let advice = advice(&asked);
    for line in &advice {
        output.line(line)?;
    }
    let best = asked.iter().find(|(_, found)| found.as_ref().is_ok_and(|found| found.sends_sms));
    match best {
        Some((device, _)) => {
            output.gap()?;
            output.line(output.tone(Tone::Strong, "to use it"))?;
            output.line(format_args!("configuration:  devices.allow = [{device:?}]"))?;
            output.line(format_args!("gateway:        plugin = \"modem\", devices = {device:?}"))?;
            Ok(())
        }
        None => Err(Failure::failed("no modem that sends SMS answered")),
    }
}

fn row((device, found): &Asked) -> Vec<String> {
    let Ok(found) = found else {
        let mut row = vec![printable(device), "no answer".to_owned()];
        row.resize(8, String::new());
        return row;
    };
    let status = &found.status;
    let text = |text: &Option<String>| printable(text.as_deref().unwrap_or_default());
    vec![
        printable(device),
        text(&status.model),
        if found.imei_end.is_empty() { String::new() } else { format!("…{}", printable(&found.imei_end)) },
        status.sim.replace('_', " "),
        status.registration.to_owned(),
        text(&status.operator),
        status.signal_dbm.map(|dbm| format!("{dbm} dBm")).unwrap_or_default(),
        if found.sends_sms { "yes" } else { "no" }.to_owned(),
    ]
}

/// What to do about the devices that did not answer, and about those that may do better.
fn advice(asked: &[Asked]) -> Vec<String> {
    let mut advice = Vec::new();
    for (device, found) in asked {
        let device = printable(device);
        match found {
            Err(reason) => {
                advice.push(format!("{device}: {}", printable(reason)));
                if reason.contains("ermission") {
                    advice.push(
                        "  sudo usermod -aG dialout \"$USER\", and sign in anew; or install packaging/udev/60-textgate-modem.rules"
                            .to_owned(),
                    );
                } else if reason.contains("another program") {
                    advice.push(
                        "  ModemManager may have it: systemctl stop ModemManager, or let it ignore modems by packaging/udev/60-textgate-modem.rules"
                            .to_owned(),
                    );
                } else if reason.contains("does not answer") {
                    advice.push(
                        "  many modems have several ports, of which only some take AT commands".to_owned(),
                    );
                }
            }
            Ok(found) if found.status.sim == "pin_required" => {
                advice.push(format!(
                    "{device}: the SIM wants its PIN; enter it as SIM PIN in the gateway's settings"
                ));
            }
            Ok(_) if device.starts_with("/dev/tty") => {
                advice.push(format!(
                    "{device}: this name may change; look for its lasting one under /dev/serial/by-id"
                ));
            }
            Ok(_) => {}
        }
    }
    advice
}

fn as_json((device, found): &Asked) -> Value {
    match found {
        Ok(found) => json!({
            "device": device, "imei_end": found.imei_end, "sends_sms": found.sends_sms, "status": found.status,
        }),
        Err(reason) => json!({"device": device, "error": reason}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;
    use textgate_simulator::{Modem, ModemOptions};

    async fn probe(device: &str) -> (Done, String) {
        let mut output = plain();
        let command = ModemCommand::Probe { device: Some(device.to_owned()), baud: 115_200, json: false };
        let done = run(&command, &mut output).await;
        (done, output.text())
    }

    #[tokio::test]
    async fn a_modem_is_shown_with_what_to_write_and_no_pin_is_sent() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("modem");
        let modem = Modem::start(ModemOptions::on_pty(&link)).await.unwrap();
        let device = link.display().to_string();
        let (done, shown) = probe(&device).await;
        done.unwrap();
        for word in
            ["Simulated modem", "…7518", "ready", "home", "Test network", "dBm", "yes", "devices.allow"]
        {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        assert!(!shown.contains("490154203237518"));
        assert!(!modem.lines().iter().any(|line| line.contains("CPIN=")));
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_with_advice() {
        let (done, shown) = probe("/dev/ttyUSB999").await;
        assert!(done.is_err());
        assert!(shown.contains("no answer") && shown.contains("plugged in"), "{shown}");
        let advice = advice(&[("/dev/ttyUSB0".into(), Err("cannot be opened (Permission denied)".into()))]);
        assert!(advice[1].contains("dialout"), "{advice:?}");
    }
}

//! `textgate settings`: the SMS settings of a virtual server.

use super::message::text;
use crate::cli::SettingsCommand;
use crate::client::Client;
use crate::config::{Config, process_environment, read_bounded};
use crate::failure::{Done, Failure};
use crate::manifest::{self, Secrets};
use crate::output::{Output, Tone, printable};
use http::Method;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::path::Path;
use textgate_dispatch::SettingsInput;

/// Room for eight gateways with certificates.
pub(super) const LARGEST: u64 = 1 << 20;

pub(super) async fn run(config: &Config, command: &SettingsCommand, output: &mut Output) -> Done {
    match command {
        SettingsCommand::Show { json, reach } => {
            let settings = Client::reach(config, reach)?.get("/v1/sms-settings").await?;
            Ok(if *json { output.json(&settings) } else { show(&settings, output) }?)
        }
        SettingsCommand::Set { file, reach } => {
            let input = read(file)?;
            let client = Client::reach(config, reach)?;
            let settings = client.send(Method::PUT, "/v1/sms-settings", &input).await?;
            Ok(show(&settings, output)?)
        }
    }
}

/// A file's name as it is told, and its text; `-` is standard input.
pub(super) fn read_text(file: &Path, largest: u64) -> Result<(String, String), Failure> {
    if file != Path::new("-") {
        return Ok((file.display().to_string(), read_bounded(file, largest)?));
    }
    let mut text = String::new();
    io::stdin().lock().take(largest).read_to_string(&mut text).map_err(Failure::configuration)?;
    Ok(("standard input".into(), text))
}

fn read(file: &Path) -> Result<Value, Failure> {
    let (name, text) = read_text(file, LARGEST)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    parse(&name, &text, &Secrets { environment: &process_environment, folder })
}

fn parse(name: &str, text: &str, secrets: &Secrets<'_>) -> Result<Value, Failure> {
    // JSON goes as it is: the server names every problem in it with its path. TOML never begins with a brace.
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            Failure::configuration(format_args!("{name}, line {}: this is not JSON", error.line()))
        });
    }
    let input: SettingsInput = manifest::parse(name, text, secrets)?;
    serde_json::to_value(input).map_err(Failure::configuration)
}

/// Settings as people read them.
pub(super) fn show<W: Write>(settings: &Value, output: &mut Output<W>) -> io::Result<()> {
    for name in
        ["mode", "test_number", "failover_after_ms", "on_uncertain", "gateway_order", "default_unavailable"]
    {
        let value = text(settings, name);
        if !value.is_empty() {
            output.line(format_args!("{name:<18} {value}"))?;
        }
    }
    let credits = &settings["credits"];
    output.line(format_args!(
        "{:<18} {} of {} remain",
        "credits",
        text(credits, "remaining"),
        text(credits, "allocated")
    ))?;
    let gateways = settings["gateways"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (position, gateway) in gateways.iter().enumerate() {
        let slot = match position {
            0 => "primary".to_owned(),
            1 => "failover".to_owned(),
            n => format!("failover {n}"),
        };
        output.gap()?;
        let title = format!("{slot}: {} ({})", text(gateway, "name"), text(gateway, "plugin"));
        output.line(format_args!(
            "{}  {}",
            output.tone(Tone::Strong, title),
            text(&gateway["status"], "health")
        ))?;
        let set: Vec<&str> =
            gateway["secrets_set"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, value) in gateway["settings"].as_object().into_iter().flatten() {
            let shown =
                if set.contains(&name.as_str()) { "(set)".into() } else { text(&gateway["settings"], name) };
            if !value.is_null() && !shown.is_empty() {
                output.line(format_args!("  {:<22} {shown}", printable(name)))?;
            }
        }
        let receipt_url = text(gateway, "receipt_url");
        if !receipt_url.is_empty() {
            output.line(format_args!("  {:<22} {receipt_url}", "(receipt address)"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;
    use serde_json::json;

    fn secrets() -> Secrets<'static> {
        Secrets { environment: &|_| None, folder: Path::new("") }
    }

    #[test]
    fn settings_come_in_toml_or_json() {
        let toml = "mode = \"custom\"\n[[gateway]]\nplugin = \"smpp\"\nsettings = { host = \"h\" }";
        let input = parse("s", toml, &secrets()).unwrap();
        assert_eq!(
            (&input["mode"], &input["gateways"][0]["settings"]["host"]),
            (&json!("custom"), &json!("h"))
        );
        assert_eq!(parse("s", " {\"mode\": \"default\"}", &secrets()).unwrap(), json!({"mode": "default"}));
        let error = parse("s", "{\"password\": \"hunter2", &secrets()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_secret_is_only_said_to_be_set() {
        let settings = json!({"mode": "custom", "failover_after_ms": 3000, "on_uncertain": "failover",
            "credits": {"allocated": 5, "used": 1, "remaining": 4},
            "gateways": [{"name": "main", "plugin": "smpp", "status": {"health": "up"},
                "settings": {"host": "h", "password": "", "system_type": ""}, "secrets_set": ["password"], "receipt_url": "https://sms.example.com/receipts/1-ab"}]});
        let mut output = plain();
        show(&settings, &mut output).unwrap();
        let shown = output.text();
        assert!(shown.contains("primary: main (smpp)") && shown.contains("(set)"), "{shown}");
        assert!(shown.contains("(receipt address)      https://sms.example.com/receipts/1-ab"), "{shown}");
        assert!(shown.contains("4 of 5 remain") && !shown.contains("system_type"), "{shown}");
    }
}

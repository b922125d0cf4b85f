//! `textgate status`: how the server is, or what became of a message.

use super::message::{self, text};
use crate::cli::Status;
use crate::client::{Client, path_part};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone, printable};
use serde_json::Value;
use std::io::{self, Write};

pub(super) async fn run(config: &Config, args: &Status, output: &mut Output) -> Done {
    let client = Client::reach(config, &args.reach)?;
    if let Some(id) = &args.id {
        let message = client.get(&format!("/v1/messages/{}", path_part(id))).await?;
        return Ok(if args.json { output.json(&message) } else { show_message(&message, output) }?);
    }
    // An API key sees its own virtual server only.
    if !client.is_control() {
        let settings = client.get("/v1/sms-settings").await?;
        return Ok(if args.json {
            output.json(&settings)
        } else {
            super::settings::show(&settings, output)
        }?);
    }
    let status = client.get("/control/status").await?;
    if args.json { output.json(&status) } else { show_server(&status, client.virtual_server(), output) }?;
    if status["ready"] == Value::Bool(true) {
        return Ok(());
    }
    Err(Failure::failed(format_args!("messages are not accepted now: {}", text(&status, "not_ready_reason"))))
}

fn show_message<W: Write>(message: &Value, output: &mut Output<W>) -> io::Result<()> {
    let state = text(message, "status");
    output.line(format_args!("{}  {}", text(message, "id"), message::status(output, &state)))?;
    // The end of a number tells its owner enough, and a shoulder surfer nothing.
    let to = text(message, "to");
    let end = to.get(to.len().saturating_sub(2)..).unwrap_or_default();
    output.line(format_args!("  to         …{end}"))?;
    for name in
        ["kind", "sender", "reference", "segments", "encoding", "accepted_at", "send_at", "expires_at"]
    {
        let value = text(message, name);
        if !value.is_empty() {
            output.line(format_args!("  {name:<10} {value}"))?;
        }
    }
    let rows = |list: &str, columns: &[&str]| -> Vec<Vec<String>> {
        let items = message[list].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().map(|item| columns.iter().map(|name| text(item, name)).collect()).collect()
    };
    for (list, columns) in [
        ("history", &["at", "status", "reason"][..]),
        ("attempts", &["at", "gateway", "outcome", "took_ms", "detail"][..]),
        ("receipts", &["at", "gateway", "segment", "status", "error"][..]),
    ] {
        let rows = rows(list, columns);
        if !rows.is_empty() {
            output.gap()?;
            output.line(output.tone(Tone::Strong, list))?;
            output.table(columns, rows)?;
        }
    }
    Ok(())
}

fn show_server<W: Write>(status: &Value, within: &str, output: &mut Output<W>) -> io::Result<()> {
    let is_ready = status["ready"] == Value::Bool(true);
    let ready = if is_ready { output.tone(Tone::Good, "ready") } else { output.tone(Tone::Bad, "not ready") };
    let uptime = uptime(status["uptime_s"].as_u64().unwrap_or_default());
    output.line(format_args!("textgate {}  {ready}  up {uptime}", text(status, "version")))?;
    let servers = status["virtual_servers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown: Vec<&Value> = servers
        .iter()
        .filter(|server| is_within(server["path"].as_str().unwrap_or_default(), within))
        .collect();
    output.gap()?;
    let rows = shown.iter().map(|server| {
        let credits = |name| text(&server["credits"], name);
        vec![
            text(server, "path"),
            text(server, "mode"),
            credits("allocated"),
            credits("used"),
            credits("remaining"),
        ]
    });
    output.table(&["virtual server", "mode", "credits", "used", "remaining"], rows.collect())?;
    let rows: Vec<Vec<String>> = shown
        .iter()
        .flat_map(|server| {
            let gateways = server["gateways"].as_array().map(Vec::as_slice).unwrap_or_default();
            gateways.iter().map(|gateway| gateway_row(server["path"].as_str().unwrap_or_default(), gateway))
        })
        .collect();
    if !rows.is_empty() {
        output.gap()?;
        output.table(
            &[
                "virtual server",
                "gateway",
                "plugin",
                "health",
                "breaker",
                "waiting",
                "in flight",
                "window",
                "reason",
            ],
            rows,
        )?;
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .flat_map(|server| {
            let gateways = server["gateways"].as_array().map(Vec::as_slice).unwrap_or_default();
            gateways
                .iter()
                .flat_map(|gateway| modem_rows(server["path"].as_str().unwrap_or_default(), gateway))
        })
        .collect();
    if !rows.is_empty() {
        output.gap()?;
        let columns = [
            "virtual server",
            "gateway",
            "modem",
            "health",
            "SIM",
            "network",
            "operator",
            "signal",
            "model",
            "reason",
        ];
        output.table(&columns, rows)?;
    }
    Ok(())
}

/// The modems of one gateway in a table.
fn modem_rows(path: &str, gateway: &Value) -> Vec<Vec<String>> {
    let lines = gateway["status"]["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |line: &Value| {
        let mut row = vec![printable(path), text(gateway, "name")];
        row.extend(["line", "health", "sim", "registration", "operator"].map(|name| text(line, name)));
        row.push(line["signal_dbm"].as_i64().map(|dbm| format!("{dbm} dBm")).unwrap_or_default());
        row.extend(["model", "reason"].map(|name| text(line, name)));
        row
    };
    lines.iter().map(row).collect()
}

/// One gateway in a table.
fn gateway_row(path: &str, gateway: &Value) -> Vec<String> {
    let status = &gateway["status"];
    let waiting: u64 = status["waiting"].as_array().into_iter().flatten().filter_map(Value::as_u64).sum();
    let mut row = vec![printable(path), text(gateway, "name"), text(gateway, "plugin")];
    row.extend(["health", "breaker"].map(|name| text(status, name)));
    row.push(waiting.to_string());
    row.extend(["in_flight", "window", "reason"].map(|name| text(status, name)));
    row
}

fn is_within(path: &str, top: &str) -> bool {
    let path = path.trim_matches('/');
    top.is_empty() || path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::plain;
    use serde_json::json;

    #[test]
    fn a_message_is_shown_with_its_way_and_without_number_or_text() {
        let message = json!({
            "id": "0abc", "status": "delivered", "to": "15550100199", "kind": "otp", "text": "code 123456",
            "segments": 1, "encoding": "gsm7", "accepted_at": "t0",
            "history": [{"at": "t1", "status": "sent", "reason": "taken"}],
            "attempts": [{"at": "t1", "gateway": "main", "outcome": "sent", "took_ms": 3, "detail": "ESME_ROK"}],
            "receipts": [],
        });
        let mut output = plain();
        show_message(&message, &mut output).unwrap();
        let shown = output.text();
        assert!(shown.contains("…99") && shown.contains("ESME_ROK") && shown.contains("history"), "{shown}");
        assert!(
            !shown.contains("15550100199") && !shown.contains("123456") && !shown.contains("receipts"),
            "{shown}"
        );
    }

    #[test]
    fn a_server_is_shown_with_the_virtual_servers_asked_for() {
        let gateway = json!({"name": "main", "plugin": "smpp", "status": {
            "health": "up", "breaker": "closed", "waiting": [1, 2, 3], "in_flight": 4, "window": 100}});
        let server = |path: &str| {
            json!({"path": path, "mode": "custom",
            "credits": {"allocated": 9, "used": 2, "remaining": 7}, "gateways": [gateway]})
        };
        let status = json!({"version": "1", "uptime_s": 3700, "ready": true,
            "virtual_servers": [server("/"), server("acme"), server("acme/sales"), server("acmes")]});
        let mut output = plain();
        show_server(&status, "acme", &mut output).unwrap();
        let shown = output.text();
        assert!(
            shown.contains("acme/sales") && !shown.contains("acmes") && shown.contains("up 1 h 1 min"),
            "{shown}"
        );
        assert!(shown.lines().any(|line| line.contains("main") && line.contains(" 6 ")), "{shown}");
    }
}

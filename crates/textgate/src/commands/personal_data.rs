//! `textgate export` and `textgate erase`: what is kept of one phone number.

use super::message::text;
use super::place::Place;
use crate::cli::{EraseNumber, ExportNumber};
use crate::client::Ask;
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use http::Method;
use serde_json::json;
use std::io::{IsTerminal, Write};

/// Prints what is kept, as JSON.
pub(super) async fn export(config: &Config, args: &ExportNumber, output: &mut Output) -> Done {
    let place = Place::find(config, &args.reach).await?;
    let asked = json!({"number": args.number});
    let found = place
        .client()
        .ask(
            Method::POST,
            "/v1/personal-data/export",
            Ask { body: Some(&asked), is_long: true, ..Ask::default() },
        )
        .await;
    place.close().await;
    Ok(output.json(&found?)?)
}

/// Erases what is kept, and says what that was.
pub(super) async fn erase(config: &Config, args: &EraseNumber, output: &mut Output) -> Done {
    if !args.yes && std::io::stdin().is_terminal() {
        let mut terminal = std::io::stderr();
        write!(terminal, "Erase all that is kept of this number? It does not come back. [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !answer.trim().eq_ignore_ascii_case("y") {
            return Err(Failure::failed("nothing was erased"));
        }
    }
    let place = Place::find(config, &args.reach).await?;
    let asked = json!({"number": args.number});
    let erased = place
        .client()
        .ask(
            Method::POST,
            "/v1/personal-data/erase",
            Ask { body: Some(&asked), is_long: true, ..Ask::default() },
        )
        .await;
    place.close().await;
    let erased = erased?;
    if args.json {
        return Ok(output.json(&erased)?);
    }
    let counts = [
        ("messages", "messages"),
        ("segments", "segments of them"),
        ("cancelled", "of them cancelled first"),
        ("passcodes", "passcodes"),
        ("inbound", "inbound messages"),
        ("contacts", "contacts"),
        ("alerts", "alerts that went to it"),
        ("consents", "opt-outs and entries of the consent log"),
        ("test_numbers", "SMS Mobile Numbers"),
        ("receipts", "receipts without a message"),
    ];
    for (name, what) in counts {
        if erased[name].as_u64().unwrap_or(0) > 0 {
            output.line(format_args!("{:>8}  {what}", text(&erased, name)))?;
        }
    }
    if erased["was_searched"] == json!(true) {
        let line = "erased: the number is nowhere in the store's files";
        output.line(output.tone(Tone::Good, line))?;
    } else {
        output.line("erased; the store's files were not searched (see docs/privacy.md)")?;
    }
    if erased["was_rebuilt"] == json!(true) {
        output.line("the store was written anew")?;
    }
    Ok(output.line("copies outside the store (backups, logs of providers) are yours to see to")?)
}

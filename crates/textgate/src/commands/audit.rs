//! `textgate audit`: who did what, and whether the log of it is as it was written.

use super::message::text;
use super::place::Place;
use crate::cli::{AuditCommand, Reach};
use crate::client::path_part;
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use serde_json::Value;

pub(super) async fn run(config: &Config, command: &AuditCommand, output: &mut Output) -> Done {
    let reach = match command {
        AuditCommand::List { reach, .. } => reach.clone(),
        AuditCommand::Verify { .. } => Reach::default(),
    };
    let place = Place::find(config, &reach).await?;
    let done = act(&place, command, output).await;
    place.close().await;
    done
}

async fn act(place: &Place, command: &AuditCommand, output: &mut Output) -> Done {
    match command {
        AuditCommand::List { limit, json, .. } => {
            let list = place.client().get(&format!("/v1/audit?limit={limit}")).await?;
            if *json {
                return Ok(output.json(&list)?);
            }
            let entries = list["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let columns = ["id", "at", "actor", "action"];
            let row = |entry: &Value| columns.iter().map(|name| text(entry, name)).collect();
            Ok(output.table(&columns, entries.iter().map(row).collect())?)
        }
        AuditCommand::Verify { head } => {
            let query = head.as_ref().map(|head| format!("?head={}", path_part(head))).unwrap_or_default();
            let found = place.client().get(&format!("/control/audit/verify{query}")).await?;
            if !found["broken_entry"].is_null() {
                return Err(Failure::failed(format_args!(
                    "the audit log is not as it was written: entry {} {}; {} entries before it are sound",
                    text(&found, "broken_entry"),
                    text(&found, "problem"),
                    text(&found, "entries"),
                )));
            }
            let entries = text(&found, "entries");
            output.line(
                output
                    .tone(Tone::Good, format_args!("the audit log is as it was written: {entries} entries")),
            )?;
            output.line(format_args!("head {}", text(&found, "head")))?;
            Ok(())
        }
    }
}

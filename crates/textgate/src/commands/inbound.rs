//! `textgate inbound`: what phones sent, and the rules that say whose it is.

use super::message::text;
use super::settings::{LARGEST, read_text};
use crate::cli::InboundCommand;
use crate::client::{Client, path_part};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::Output;
use http::Method;
use serde_json::Value;
use std::path::Path;

pub(super) async fn run(config: &Config, command: &InboundCommand, output: &mut Output) -> Done {
    match command {
        InboundCommand::List { from, limit, json, reach } => {
            let mut path = format!("/v1/inbound?limit={limit}");
            if let Some(from) = from {
                path.push_str("&from=");
                path.push_str(&path_part(from));
            }
            let page = Client::reach(config, reach)?.get(&path).await?;
            if *json {
                return Ok(output.json(&page)?);
            }
            let columns = ["received_at", "from", "to", "gateway", "parts", "missing", "text"];
            Ok(output.table(&columns, rows(&page["messages"], &columns))?)
        }
        InboundCommand::Rules { json, reach } => {
            let rules = Client::reach(config, reach)?.get("/v1/inbound/rules").await?;
            shown(&rules, *json, output)
        }
        InboundCommand::SetRules { file, reach } => {
            let rules = read(file)?;
            let rules = Client::reach(config, reach)?.send(Method::PUT, "/v1/inbound/rules", &rules).await?;
            shown(&rules, false, output)
        }
    }
}

fn shown(rules: &Value, json: bool, output: &mut Output) -> Done {
    if json {
        return Ok(output.json(rules)?);
    }
    let columns = ["number", "keyword", "virtual_server"];
    Ok(output.table(&columns, rows(&rules["rules"], &columns))?)
}

fn rows(list: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|one| columns.iter().map(|name| text(one, name)).collect()).collect()
}

/// Rules as JSON: the server names every problem in them with its path.
fn read(file: &Path) -> Result<Value, Failure> {
    let (name, text) = read_text(file, LARGEST)?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::configuration(format_args!("{name}, line {}: this is not JSON", error.line()))
    })
}

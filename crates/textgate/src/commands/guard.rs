//! `textgate guard`: the fraud guard of a virtual server.

use super::message::text;
use crate::cli::GuardCommand;
use crate::client::{Ask, Client, path_part};
use crate::config::Config;
use crate::failure::Done;
use crate::output::{Output, printable};
use http::Method;
use serde_json::Value;
use std::io::{self, Write};

pub(super) async fn run(config: &Config, command: &GuardCommand, output: &mut Output) -> Done {
    match command {
        GuardCommand::Show { json, reach } => {
            let client = Client::reach(config, reach)?;
            let guard = client.get("/v1/guard").await?;
            let report = client.get("/v1/guard/report").await?;
            if *json {
                return Ok(output.json(&serde_json::json!({"guard": guard, "report": report}))?);
            }
            Ok(show(&guard, &report, output)?)
        }
        GuardCommand::Blocks { reach } => {
            let blocks = Client::reach(config, reach)?.get("/v1/guard/blocks").await?;
            let blocks = blocks["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
            let columns = ["range", "country", "began_at", "until", "times", "refused", "excused_until"];
            let row = |block: &Value| columns.iter().map(|name| text(block, name)).collect();
            Ok(output.table(&columns, blocks.iter().map(row).collect())?)
        }
        GuardCommand::Release { range, reach } => {
            let path = format!("/v1/guard/blocks/{}", path_part(range));
            Client::reach(config, reach)?.ask(Method::DELETE, &path, Ask::default()).await?;
            Ok(output.line(format_args!("{} is released", printable(range)))?)
        }
    }
}

fn show<W: Write>(guard: &Value, report: &Value, output: &mut Output<W>) -> io::Result<()> {
    let rules = &guard["in_force"];
    for name in ["mode", "refuse_premium", "refuse_unallocated", "block_ranges", "block_s", "longest_block_s"]
    {
        output.line(format_args!("{name:<20} {}", text(rules, name)))?;
    }
    let list = |list: &Value| list.as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
    let countries: Vec<String> =
        list(&rules["countries"]).iter().filter_map(|country| country.as_str().map(str::to_owned)).collect();
    let countries = if countries.is_empty() { "all".to_owned() } else { countries.join(" ") };
    output.line(format_args!("{:<20} {countries}", "countries"))?;
    for limit in list(&rules["limits"]) {
        let (per, most, window) = (text(&limit, "per"), text(&limit, "limit"), text(&limit, "window_s"));
        output.line(format_args!("{:<20} {most} per {per} in {window} s", "limit"))?;
    }
    output.line(format_args!("{:<20} {}", "let through", text(report, "let_through")))?;
    for (counts, title) in [("refused", "refused"), ("would_refuse", "would be refused")] {
        for count in list(&report[counts]) {
            output.line(format_args!(
                "{title:<20} {} ({})",
                text(&count, "count"),
                text(&count, "reason")
            ))?;
        }
    }
    for notice in list(&guard["notices"]) {
        output.line(format_args!("note: {}", notice.as_str().unwrap_or_default()))?;
    }
    Ok(())
}

//! The pages in docs/ are complete: everything that the program itself lists stands there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

use super::kit::{Server, http, manifest, nobody};
use serde_json::Value;
use std::collections::BTreeSet;

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");
const SMS_SETTINGS: &str = include_str!("../../../../docs/sms-settings.md");
const PROVIDERS: &str = include_str!("../../../../docs/providers.md");
const API: &str = include_str!("../../../../docs/api.md");

/// The row of a table in the part of the page under this heading whose first cell names this, as its cells.
fn row<'a>(page: &'a str, heading: &str, name: &str) -> Vec<&'a str> {
    let part = page.split("\n## ").find(|part| part.starts_with(heading)).unwrap();
    let rows = part.lines().filter(|line| line.starts_with('|'));
    let mut cells = rows.map(|line| line.split('|').map(str::trim).skip(1).collect::<Vec<_>>());
    let named = format!("`{name}`");
    cells.find(|cells| cells[0].contains(&named)).unwrap_or_else(|| panic!("{heading} has no row for {name}"))
}

/// A server with a gateway, so that every metric is there.
async fn server() -> Server {
    Server::start(&manifest(&[http("main", nobody(), "")])).await
}

#[tokio::test]
async fn the_settings_page_has_every_field_with_its_default_and_its_choices() {
    let server = server().await;
    let shown = server.api().get("/v1/plugins").await.expect(200);
    for plugin in shown["plugins"].as_array().unwrap() {
        let heading = plugin["label"].as_str().unwrap();
        if plugin["provider"].is_object() {
            // Their page is written by the program; that it is up to date is proven beside the catalogue.
            assert!(PROVIDERS.contains(&format!("\n## {heading}\n")), "{heading} is missing");
            continue;
        }
        for field in plugin["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            let cells = row(SMS_SETTINGS, heading, name);
            let default = match &field["default"] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                _ if field["required"] == true => "required".to_owned(),
                _ => continue,
            };
            assert!(cells[2].contains(&default), "{heading}, {name}: unless set it is {default}: {cells:?}");
            for choice in field["choices"].as_array().into_iter().flatten() {
                let value = choice["value"].as_str().unwrap();
                assert!(SMS_SETTINGS.contains(value), "{heading}, {name}: {value} is missing");
            }
        }
    }
}

#[tokio::test]
async fn the_operations_page_has_every_metric() {
    let server = server().await;
    let metrics = server.metrics().await;
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names: Vec<String> = types
        .map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
        .collect();
    assert!(names.len() > 10, "{metrics}");
    for name in names {
        row(OPERATIONS, "Health and metrics", &name);
    }
}

#[tokio::test]
async fn the_api_page_has_every_address_problem_field_and_status() {
    let server = server().await;
    let openapi = server.api().get("/openapi.json").await;
    let paths = openapi.body["paths"].as_object().unwrap().keys();
    for path in paths {
        let is_there = API.contains(path) || API.contains(&path.replace("{id}", "<id>"));
        assert!(is_there, "{path} is missing");
    }
    let is_of_slug = |c: char| c.is_ascii_lowercase() || c == '-';
    let slugs: BTreeSet<&str> = openapi
        .text
        .split("/problems/")
        .skip(1)
        .filter_map(|rest| rest.split(|c| !is_of_slug(c)).next().filter(|slug| !slug.is_empty()))
        .collect();
    let schemas = &openapi.body["components"]["schemas"];
    let fields = schemas["MessageRequest"]["properties"].as_object().unwrap().keys().map(String::as_str);
    let statuses = schemas["Message"]["properties"]["status"]["enum"].as_array().unwrap();
    let statuses = statuses.iter().map(|status| status.as_str().unwrap());
    assert!(slugs.len() > 10 && fields.len() > 5 && statuses.len() > 5);
    for word in slugs.into_iter().chain(fields).chain(statuses) {
        assert!(API.contains(&format!("`{word}`")), "{word} is missing");
    }
}

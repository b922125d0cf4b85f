//! `textgate key`: API keys of a virtual server.

use super::message::text;
use crate::cli::KeyCommand;
use crate::client::{Ask, Client, path_part};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::Output;
use http::Method;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{self, Write};

pub(super) async fn run(config: &Config, command: &KeyCommand, output: &mut Output) -> Done {
    match command {
        KeyCommand::Create { name, role, rate, reach } => {
            let client = Client::reach(config, reach)?;
            let mut body = json!({"name": name, "role": role.name()});
            if let Some(rate) = rate {
                body["rate"] = (*rate).into();
            }
            let made = client.send(Method::POST, &keys_of(&client).await?, &body).await?;
            // The secret alone on standard output, so that a script can keep it.
            output.line(text(&made, "secret"))?;
            writeln!(
                io::stderr(),
                "textgate: this secret is shown only now; send it as Authorization: Bearer …"
            )?;
            Ok(())
        }
        KeyCommand::List { reach } => {
            let client = Client::reach(config, reach)?;
            let list = client.get(&keys_of(&client).await?).await?;
            let keys = list["api_keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            let columns = ["name", "role", "rate", "created_at"];
            let row = |key: &Value| columns.iter().map(|name| text(key, name)).collect();
            Ok(output.table(&columns, keys.iter().map(row).collect())?)
        }
        KeyCommand::Revoke { name, reach } => {
            let client = Client::reach(config, reach)?;
            let path = format!("{}/{}", keys_of(&client).await?, path_part(name));
            client.ask(Method::DELETE, &path, Ask::default()).await?;
            Ok(output.line(format_args!("{} is revoked", crate::output::printable(name)))?)
        }
    }
}

/// Where the keys are of the virtual server that is acted for.
async fn keys_of(client: &Client) -> Result<String, Failure> {
    let list = client.get("/v1/virtual-servers").await?;
    let servers = list["virtual_servers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = if client.is_control() { by_path(servers, client.virtual_server()) } else { top(servers) };
    let id = found.and_then(|server| server["id"].as_u64());
    id.map(|id| format!("/v1/virtual-servers/{id}/api-keys"))
        .ok_or_else(|| Failure::failed("this virtual server does not exist"))
}

fn by_path<'a>(servers: &'a [Value], path: &str) -> Option<&'a Value> {
    servers.iter().find(|server| server["path"].as_str().is_some_and(|known| known.trim_matches('/') == path))
}

/// The one above all others: the API key's own.
fn top(servers: &[Value]) -> Option<&Value> {
    let ids: HashSet<u64> = servers.iter().filter_map(|server| server["id"].as_u64()).collect();
    servers.iter().find(|server| server["parent"].as_u64().is_none_or(|parent| !ids.contains(&parent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_virtual_server_acted_for_is_found() {
        let all = [
            json!({"id": 3, "path": "acme/sales", "parent": 2}),
            json!({"id": 2, "path": "acme", "parent": 1}),
            json!({"id": 1, "path": "/", "parent": null}),
        ];
        assert_eq!(by_path(&all, "").unwrap()["id"], 1);
        assert_eq!(by_path(&all, "acme/sales").unwrap()["id"], 3);
        assert!(by_path(&all, "sales").is_none());
        assert_eq!(top(&all[..2]).unwrap()["id"], 2);
        assert_eq!(top(&all).unwrap()["id"], 1);
    }
}

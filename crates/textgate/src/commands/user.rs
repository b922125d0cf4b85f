//! `textgate user`: who may sign in to the console.

use super::message::text;
use super::place::Place;
use crate::cli::{Reach, UserCommand};
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::failure::{Done, Failure};
use crate::output::{Output, printable};
use http::Method;
use serde_json::{Value, json};
use std::io::{self, Read, Write};

/// Longer than any password that is taken (octets).
const LONGEST_PASSWORD: u64 = 4_096;

pub(super) async fn run(config: &Config, command: &UserCommand, output: &mut Output) -> Done {
    let reach = match command {
        UserCommand::Add { reach, .. }
        | UserCommand::List { reach, .. }
        | UserCommand::Reset { reach, .. }
        | UserCommand::Remove { reach, .. } => reach.clone(),
        UserCommand::SetUpLink => Reach::default(),
    };
    let place = Place::find(config, &reach).await?;
    let done = act(config, &place, command, output).await;
    place.close().await;
    done
}

async fn act(config: &Config, place: &Place, command: &UserCommand, output: &mut Output) -> Done {
    let client = place.client();
    match command {
        UserCommand::Add { name, role, password_stdin, .. } => {
            let mut body = json!({"name": name, "role": role.name()});
            if *password_stdin {
                body["password"] = read_password()?.into();
            }
            let added = client.send(Method::POST, "/v1/users", &body).await?;
            match &added["invitation"] {
                Value::Null => Ok(output.line(format_args!("{} is added", text(&added["user"], "name")))?),
                link => show_link(config, link, output),
            }
        }
        UserCommand::List { json, .. } => {
            let list = client.get("/v1/users").await?;
            if *json {
                return Ok(output.json(&list)?);
            }
            let users = list["users"].as_array().map(Vec::as_slice).unwrap_or_default();
            let yes = |value: &Value| if value.as_bool() == Some(true) { "yes" } else { "no" }.to_owned();
            let row = |user: &Value| {
                let [name, path, role, seen] =
                    ["name", "path", "role", "seen_at"].map(|name| text(user, name));
                vec![name, path, role, yes(&user["has_password"]), yes(&user["has_second_factor"]), seen]
            };
            let columns = ["name", "path", "role", "password", "second factor", "seen"];
            Ok(output.table(&columns, users.iter().map(row).collect())?)
        }
        UserCommand::Reset { name, .. } => {
            let path = format!("{}/reset", user_at(client, name).await?);
            show_link(config, &client.ask(Method::POST, &path, Ask::default()).await?, output)
        }
        UserCommand::Remove { name, .. } => {
            client.ask(Method::DELETE, &user_at(client, name).await?, Ask::default()).await?;
            Ok(output.line(format_args!("{} is removed", printable(name)))?)
        }
        UserCommand::SetUpLink if place.is_offline() => Err(Failure::failed(
            "the link is the running server's: start it with `textgate serve`, or make the user with `textgate user add`",
        )),
        UserCommand::SetUpLink => {
            let answer = client.get("/control/set-up-link").await?;
            Ok(output.line(absolute(config, &text(&answer, "url")))?)
        }
    }
}

/// The link alone on standard output, so that a script can send it.
fn show_link(config: &Config, link: &Value, output: &mut Output) -> Done {
    output.line(absolute(config, &text(link, "url")))?;
    writeln!(
        io::stderr(),
        "textgate: this link is shown only now, good once and until {}; who opens it sets the user's password",
        text(link, "expires_at")
    )?;
    Ok(())
}

/// A path of this server as an address, as far as it is known.
pub(super) fn absolute(config: &Config, url: &str) -> String {
    match &config.public_url {
        _ if !url.starts_with('/') => url.to_owned(),
        Some(base) => format!("{base}{url}"),
        None if config.listen.port() != 0 => format!("http://{}{url}", config.listen),
        None => url.to_owned(),
    }
}

fn read_password() -> Result<String, Failure> {
    let mut password = String::new();
    io::stdin().lock().take(LONGEST_PASSWORD).read_to_string(&mut password).map_err(Failure::failed)?;
    // `echo` and editors end it with a line break that is not part of it.
    password.truncate(password.trim_end_matches(['\r', '\n']).len());
    Ok(password)
}

/// Where the user of this name is.
async fn user_at(client: &Client, name: &str) -> Result<String, Failure> {
    let list = client.get("/v1/users").await?;
    let users = list["users"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_it = |user: &&Value| user["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name));
    let id = users.iter().find(is_it).and_then(|user| user["id"].as_u64());
    id.map(|id| format!("/v1/users/{id}")).ok_or_else(|| Failure::failed("this user does not exist"))
}

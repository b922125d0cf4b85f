//! `textgate keys`: the key file, while the server runs or not.

use super::message::text;
use super::place::Place;
use crate::cli::{KeysCommand, Reach};
use crate::client::{self, Client};
use crate::config::{Config, StoreAt};
use crate::failure::{Done, Failure};
use crate::output::{Output, Tone};
use http::Method;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use textgate_store::PostgresStore;

/// How often one sees how far it is, where that is not written over.
const TOLD_EACH: Duration = Duration::from_secs(5);

pub(super) async fn run(config: &Config, command: &KeysCommand, output: &mut Output) -> Done {
    if !client::is_running(&config.control_socket()).await? && !is_there(config).await? {
        return Err(Failure::failed(format_args!(
            "there is no store in {}; name the configuration with --config",
            config.store
        )));
    }
    let place = Place::find(config, &Reach::default()).await?;
    let done = match command {
        KeysCommand::List => list(place.client(), output).await,
        KeysCommand::Add => add(place.client(), output, config).await,
        KeysCommand::Rotate { keep_old } => rotate(place.client(), *keep_old, output, config).await,
    };
    place.close().await;
    done
}

/// Whether there is a store with something in it: none is made to show its keys.
async fn is_there(config: &Config) -> Result<bool, Failure> {
    match &config.store {
        StoreAt::Embedded(path) => Ok(path.exists()),
        StoreAt::Postgres(database) => {
            Ok(!PostgresStore::look(database).await.map_err(Failure::failed)?.is_new())
        }
    }
}

async fn list(client: &Client, output: &mut Output) -> Done {
    show(&client.get("/control/keys").await?, output)
}

async fn add(client: &Client, output: &mut Output, config: &Config) -> Done {
    show(&client.send(Method::POST, "/control/keys", &json!({})).await?, output)?;
    writeln!(
        io::stderr(),
        "textgate: copy {} to the other nodes, reload each, and then run `textgate keys rotate --keep-old` on each",
        config.key_file.display()
    )?;
    Ok(())
}

fn show(answer: &Value, output: &mut Output) -> Done {
    let keys = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let columns = ["id", "use", "made_at"];
    let row = |key: &Value| columns.iter().map(|name| text(key, name)).collect();
    Ok(output.table(&columns, keys.iter().map(row).collect())?)
}

async fn rotate(client: &Client, keep_old: bool, output: &mut Output, config: &Config) -> Done {
    let mut view = client.send(Method::POST, "/control/keys/rotation", &json!({})).await?;
    let body = json!({"keep_old": keep_old});
    let mut progress = Progress { is_terminal: io::stderr().is_terminal(), told: Instant::now() };
    while view["is_done"] != true {
        progress.tell(&view)?;
        view = client.send(Method::POST, "/control/keys/rotation/step", &body).await?;
    }
    progress.end()?;
    let dropped: Vec<String> =
        view["dropped"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    let old = match dropped.as_slice() {
        [] => String::new(),
        [one] => format!("; key {one} is dropped"),
        several => format!("; keys {} are dropped", several.join(", ")),
    };
    let line = format!(
        "everything is sealed under key {} ({} of {} sealed anew){old}",
        view["key"], view["resealed"], view["looked_at"]
    );
    output.line(output.tone(Tone::Good, line))?;
    if let Some(unreadable) = view["unreadable"].as_u64().filter(|unreadable| *unreadable > 0) {
        writeln!(
            io::stderr(),
            "textgate: {unreadable} could not be opened by any key, and were left as they are"
        )?;
    }
    writeln!(
        io::stderr(),
        "textgate: copy {} to a safe place; backups of the store made before now need the file of before",
        config.key_file.display()
    )?;
    Ok(())
}

/// How far it is, for people: on a terminal one line that is written over, else one now and then.
struct Progress {
    is_terminal: bool,
    told: Instant,
}

impl Progress {
    fn tell(&mut self, view: &Value) -> io::Result<()> {
        if !self.is_terminal && self.told.elapsed() < TOLD_EACH {
            return Ok(());
        }
        self.told = Instant::now();
        let what = if view["is_verifying"] == true { "verifying" } else { "sealing anew" };
        let line = format!(
            "{what}: {} %, {} looked at, {} sealed anew",
            view["percent"], view["looked_at"], view["resealed"]
        );
        let mut err = io::stderr();
        if self.is_terminal { write!(err, "\r{line:<78}") } else { writeln!(err, "textgate: {line}") }
    }

    fn end(&self) -> io::Result<()> {
        if self.is_terminal { write!(io::stderr(), "\r{:<78}\r", "") } else { Ok(()) }
    }
}

//! `textgate backup`: a copy of the store, while the server runs or not.

use crate::cli::Backup;
use crate::client::{self, Ask, Client};
use crate::config::{Config, StoreAt};
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::rooms;
use http::Method;
use serde_json::json;
use std::io::{self, Write};

pub(super) async fn run(config: &Config, args: &Backup, output: &mut Output) -> Done {
    let StoreAt::Embedded(database) = &config.store else {
        return Err(Failure::failed(format_args!(
            "the store is the database {}, which is backed up by its own means: `pg_dump --schema=textgate` for a copy of one \
             moment, or base backups with archived WAL to come back to any moment (docs/operations.md); keep the key file {} \
             with it",
            config.store,
            config.key_file.display()
        )));
    };
    // The server's folder is not the caller's.
    let file = std::path::absolute(&args.file).map_err(Failure::usage)?;
    let Some(path) = file.to_str() else {
        return Err(Failure::usage("the file's name must be UTF-8"));
    };
    if file.exists() {
        return Err(Failure::failed(format_args!("{path} exists already; choose a new file")));
    }
    if client::is_running(&config.control_socket()).await? {
        let client = Client::control(&config.control_socket(), None)?;
        let body = json!({"path": path});
        let ask = Ask { body: Some(&body), is_long: true, ..Ask::default() };
        client.ask(Method::POST, "/control/backup", ask).await?;
    } else if database.exists() {
        let dispatch = rooms::start_offline(config).await?;
        let written = dispatch.backup(file.clone()).await;
        dispatch.shutdown().await;
        written.map_err(|error| super::apply::refused(&error))?;
    } else {
        return Err(Failure::failed(format_args!(
            "there is no store in {}; name the configuration with --config",
            config.data_dir.display()
        )));
    }
    output.line(path)?;
    writeln!(
        io::stderr(),
        "textgate: it can be read only with the key file {}; keep a copy of that one at another place",
        config.key_file.display()
    )?;
    Ok(())
}
